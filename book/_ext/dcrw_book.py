"""What the book adds to Sphinx: numbers read from data files, and optional content.

`` {num}`key:format` `` prints a number, `` {numci}`key:format` `` the number and its interval.
The key names an entry of one of the JSON files in `dcrw_numbers_files`; the format is Python's,
after the last colon. An entry is

    "table1.dcrw.lx": {"value": 97.9, "n": 1000, "interval": [97.1, 98.7], "source": "table_1.csv"}

and only `value` is required. Hovering over a printed number shows `n` and `source`.

`{if-exists} path` keeps its content if the file exists, `{if-missing} path` if it does not. The
path is relative to the page, or to the book's root when it starts with a slash.

Whatever is wrong with a page is a warning, so that `jupyter-book build -W` fails. A page that was
warned about is read again in the next build, so that the warning does not get lost.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

from dcrw.training.files import RunError, read_json

logger = logging.getLogger(__name__)

LEFTOVER = re.compile(r"\{num(?:ci)?\}`")
UNREAD_FENCE = re.compile(r"(?:```|:::)\{")  # as after a role in the first line of a backtick fence
ALT_TEXT = re.compile(r"!\[[^\]\n]*\{num(?:ci)?\}`")
LARGEST = sys.float_info.max
MINUS = "\N{MINUS SIGN}"


class NumberError(ValueError):
    """A numbers file that cannot be read, or a number that cannot be printed as asked."""


class Number(NamedTuple):
    """One entry of a numbers file."""

    value: float | str
    n: int | None = None
    interval: tuple[float, float] | None = None
    source: str | None = None

    def text(self, spec: str) -> str:
        """The value in format `spec`; ValueError if the format does not suit it."""
        return _format(self.value, spec)

    def text_with_interval(self, spec: str) -> str:
        """The value and its interval, `1.50 [1.40, 1.60]`.

        Raises NumberError if there is no interval, ValueError if the format does not suit.
        """
        if self.interval is None:
            raise NumberError("it has no interval")
        low, high = (_format(bound, spec) for bound in self.interval)
        return f"{self.text(spec)} [{low}, {high}]"

    def title(self) -> str:
        """What hovering shows: the sample size and the file or table it came from."""
        parts = (
            f"n = {self.n}" if self.n is not None else "",
            f"source: {self.source}" if self.source else "",
        )
        return "; ".join(part for part in parts if part)


def _format(value: float | str, spec: str) -> str:
    text = format(value, spec)
    return MINUS + text[1:] if isinstance(value, int | float) and text.startswith("-") else text


def _is_number(value: object) -> TypeGuard[float]:
    """Finite, and a whole number no larger than a float can be: formats take it for one."""
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST  # type: ignore[operator]


def parse_number(key: str, entry: Any) -> Number:
    """Validate one entry of a numbers file; NumberError says what is wrong with it."""
    if not isinstance(entry, dict):
        raise NumberError(f"{key}: expected an object with a value, got {entry!r}")
    n, source = entry.get("n"), entry.get("source")
    if not isinstance(source, str | None) or not (n is None or type(n) is int):
        raise NumberError(f"{key}: expected a whole number n and a text as source")
    unknown = entry.keys() - set(Number._fields)
    if unknown:
        raise NumberError(f"{key}: unknown fields {sorted(unknown)}")
    value, interval = entry.get("value"), entry.get("interval")
    if not _is_number(value) and not isinstance(value, str):
        raise NumberError(f"{key}: the value must be a finite number or a text, got {value!r}")
    if interval is not None:
        pair = isinstance(interval, list) and len(interval) == 2
        if not pair or not all(_is_number(bound) for bound in interval):
            raise NumberError(f"{key}: the interval must be two finite numbers, got {interval!r}")
        interval = (interval[0], interval[1])
    return Number(value, n, interval, source)


def load_numbers(paths: list[Path]) -> dict[str, Number]:
    """Merge numbers files. Raises NumberError for a duplicate key or a malformed entry."""
    numbers: dict[str, Number] = {}
    for path in paths:
        try:
            entries = read_json(path, "Its notebook writes it (make book).")
            fresh = {key: parse_number(key, entry) for key, entry in entries.items()}
        except RunError as error:
            raise NumberError(str(error)) from error
        except NumberError as error:
            raise NumberError(f"{path}: {error}") from error
        repeated = numbers.keys() & fresh.keys()
        if repeated:
            raise NumberError(f"{path}: already defined in another file: {sorted(repeated)}")
        numbers |= fresh
    return numbers


def read_numbers_files(app: Sphinx, config: Config) -> None:
    """Load the files into the config, where Sphinx notices if their content changes."""
    try:
        config.dcrw_numbers = load_numbers(
            [Path(app.srcdir, name) for name in config.dcrw_numbers_files]
        )
    except NumberError as error:
        raise ConfigError(f"dcrw_numbers_files: {error}") from error


def require_executed_pages(app: Sphinx, config: Config) -> None:
    """Stop where the table of contents names an executed page that is not there: the tool itself
    would leave it out with a warning among many."""
    contents = Path(app.srcdir, "_toc.yml")
    text = contents.read_text(encoding="utf-8") if contents.is_file() else ""
    named = re.findall(r"file: (book/executed/\w+)$", text, re.MULTILINE)
    missing = [name for name in named if not Path(app.srcdir, f"{name}.ipynb").is_file()]
    if missing:
        raise ConfigError(f"not executed yet: {', '.join(missing)}. Build the book with make book")


def warn(app: Sphinx, message: str, location: nodes.Node | str) -> None:
    """Log a warning about the page being read, which the next build then reads again."""
    logger.warning(message, location=location, type="num")
    app.env.note_reread()


class number(nodes.inline):  # noqa: N801  docutils names its nodes in lower case
    """A printed number; `title` is shown on hovering, `key` says which it is. Other builders see
    plain inline text."""


def visit_number(self: HTML5Translator, node: number) -> None:
    """Open the element in HTML."""
    attributes = {"data-key": node["key"]}
    if node["title"]:
        attributes["title"] = node["title"]
    self.body.append(self.starttag(node, "span", "", **attributes))


def depart_number(self: HTML5Translator, node: number) -> None:
    """Close it."""
    self.body.append("</span>")


class NumberRole(SphinxRole):
    """The role `num`."""

    with_interval = False

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Print the number; an unknown key or an unfit format is a warning."""
        key, _, spec = self.text.rpartition(":")
        found = self.config.dcrw_numbers.get(key)
        if found is None:
            hint = "" if key else "; expected key:format"
            return self.refuse(f"there is no number {key or self.text!r}{hint}")
        try:
            text = found.text_with_interval(spec) if self.with_interval else found.text(spec)
        except (ValueError, OverflowError) as error:
            return self.refuse(f"cannot print {key!r} as {spec!r}: {error}")
        named = {"title": found.title(), "key": key}
        return [number(self.rawtext, text, classes=["number"], **named)], []

    def refuse(self, reason: str) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Warn, and print the role's text between question marks."""
        warn(self.env.app, f"{self.name}: {reason}", self.get_location())
        return [nodes.inline(self.rawtext, f"?{self.text}?")], []


class NumberWithIntervalRole(NumberRole):
    """The role `numci`."""

    with_interval = True


class IfExists(SphinxDirective):
    """The directive `if-exists`: content kept if a file exists."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    keep_if_exists = True

    def run(self) -> list[nodes.Node]:
        """Keep or drop the content; the page depends on the file in either case."""
        relative, absolute = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        if Path(absolute).is_file() is not self.keep_if_exists:
            return []
        kept = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, kept, match_titles=True)
        return list(kept.children)


class IfMissing(IfExists):
    """The directive `if-missing`: content kept if a file does not exist."""

    keep_if_exists = False


def drop_injected_parameters(app: Sphinx, doctree: nodes.document) -> None:
    """Remove the cell that papermill adds to an executed notebook."""
    for cell in list(doctree.findall(nodes.container)):
        if "tag_injected-parameters" in cell["classes"]:
            cell.parent.remove(cell)


def warn_of_leftovers(app: Sphinx, doctree: nodes.document) -> None:
    """Warn where a role was not understood, as inside math, code and alt text."""
    for text in doctree.findall(nodes.Text):
        parent = text.parent
        if isinstance(parent, nodes.comment):
            continue
        if LEFTOVER.search(text):
            warn(app, f"a number role was left as text: {text[:80]!r}", parent)
        if UNREAD_FENCE.search(text) and not isinstance(
            parent, nodes.literal_block | nodes.literal
        ):
            warn(app, f"a directive was left as text: {text[:80]!r}", parent)
    for image in doctree.findall(nodes.image):
        if LEFTOVER.search(image.get("alt", "")):
            warn(app, f"a number role was left in alt text: {image['alt']!r}", image)


def warn_of_numbers_in_alt_text(app: Sphinx, page: str, content: list[str]) -> None:
    """Warn of a role in Markdown's alt text, where it vanishes before there is a document tree."""
    for found in ALT_TEXT.findall(content[0]):
        warn(app, f"a number role cannot stand in alt text: {found!r}", page)


def drop_tuple_aliases(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Empty the docstring that Python gives each field of a named tuple."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_config_value("dcrw_numbers_files", [], "env", list)
    app.add_config_value("dcrw_numbers", {}, "env", dict)
    app.connect("config-inited", read_numbers_files)
    app.connect("config-inited", require_executed_pages)
    app.add_node(number, html=(visit_number, depart_number))
    app.add_role("num", NumberRole())
    app.add_role("numci", NumberWithIntervalRole())
    app.add_directive("if-exists", IfExists)
    app.add_directive("if-missing", IfMissing)
    app.connect("source-read", warn_of_numbers_in_alt_text)
    app.connect("doctree-read", drop_injected_parameters)
    app.connect("doctree-read", warn_of_leftovers)
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", drop_tuple_aliases)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
