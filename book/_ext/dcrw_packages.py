"""Reference pages made from the packages themselves: the directives `{package-table} name`,
`{package} name` and `{error-table} name`.

The first prints a table of the package's modules and what each is for (the first sentence of its
docstring), the second what every module holds. Modules stand in the order of their imports: one may
use those above it, and none below. A new module is on the page without being named there. The third
prints a table of the errors that the modules define, from their docstrings: what happened, and what
follows `Way out:`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

ENDINGS = ("Error", "Interrupt", "Exception")  # of what an error is derived from
SENTENCE_END = re.compile(r"(?<!\bEq)(?<!\bFig)(?<!\bSec)\. (?=[A-Z])")


def modules(folder: Path, root: Path) -> list[str]:
    """Dotted names of the modules at and below a folder, each after those that it imports.

    root: the folder that the names count from.
    """
    files = {_name(path, root): path for path in sorted(folder.rglob("*.py"))}
    files = {name: path for name, path in files.items() if path.name != "__init__.py"}
    needs = {name: _imported(path, name) & files.keys() for name, path in files.items()}
    ordered: list[str] = []
    while len(ordered) < len(files):
        ready = [name for name in files if name not in ordered and needs[name] <= set(ordered)]
        if not ready:
            raise ValueError(f"{folder}: modules import each other in a circle")
        ordered += ready
    return ordered


def purpose(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    return SENTENCE_END.split(sentence)[0].rstrip(".")


def errors(path: Path) -> dict[str, tuple[str, str]]:
    """The errors that a module defines: name to what happened and the way out.

    Raises `ValueError` where a docstring tells no way out.
    """
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        bases = [ast.unparse(base) for base in getattr(node, "bases", [])]
        if isinstance(node, ast.ClassDef) and any(base.endswith(ENDINGS) for base in bases):
            text = " ".join((ast.get_docstring(node) or "").split())
            what, mark, way_out = text.partition(" Way out: ")
            if not mark:
                raise ValueError(f"{path}: {node.name} tells no way out")
            found[node.name] = what, way_out
    return found


def _name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _imported(path: Path, own: str) -> set[str]:
    """Names that a file imports, modules among them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found - {own}


class PackageTable(SphinxDirective):
    """The directive `package-table`: the modules and what each is for."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table."""
        lines = [":::{list-table}", ":header-rows: 1", "", "* - Module", "  - What it holds"]
        for name, path in self.paths().items():
            lines += [f"* - {{mod}}`{name}`", f"  - {purpose(path)}"]
        return self.parsed([*lines, ":::"])

    def paths(self) -> dict[str, Path]:
        """The package's modules and their files, which the page depends on."""
        root = Path(self.env.srcdir)
        names = modules(root / self.arguments[0].replace(".", "/"), root)
        paths = {name: root / (name.replace(".", "/") + ".py") for name in names}
        for path in paths.values():
            self.env.note_dependency(str(path))
        return paths

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Nodes of a piece of the page's own language."""
        content = StringList(lines, source=self.get_source_info()[0])
        found = nodes.container()
        self.state.nested_parse(content, self.content_offset, found, match_titles=True)
        return list(found.children)


class Package(PackageTable):
    """The directive `package`: what every module holds, each under a heading."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        lines = []
        for name in self.paths():
            block = [f".. automodule:: {name}", "   :members:", "   :exclude-members: model_config"]
            lines += [f"## {name}", "", "```{eval-rst}", *block, "```", ""]
        return self.parsed(lines)


class ErrorTable(PackageTable):
    """The directive `error-table`: the errors of a package, each with place and way out."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        lines = [":::{list-table}", ":header-rows: 1", ":widths: 24 38 38", ""]
        lines += ["* - Error", "  - What happened", "  - Way out"]
        for name, path in self.paths().items():
            for error, (what, way_out) in errors(path).items():
                lines += [f"* - {{class}}`~{name}.{error}`", f"  - {what}", f"  - {way_out}"]
        return self.parsed([*lines, ":::"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives with Sphinx."""
    app.add_directive("package-table", PackageTable)
    app.add_directive("package", Package)
    app.add_directive("error-table", ErrorTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
