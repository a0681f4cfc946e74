"""Imports point down only: `dcrw.model <- dcrw.training <- {dcrw.explorer, study}`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "dcrw").rglob("*.py"), *(ROOT / "study").rglob("*.py")])
ALLOWED = {  # package to the packages that it may import
    "dcrw": set(),
    "dcrw.model": {"dcrw.model"},
    "dcrw.training": {"dcrw.model", "dcrw.training"},
    "dcrw.notebook": {"dcrw.model", "dcrw.training"},
    "dcrw.explorer": {"dcrw.model", "dcrw.training", "dcrw.notebook", "dcrw.explorer"},
    "study": {"dcrw.model", "dcrw.training", "dcrw.notebook", "study"},
}
CHAPTERS = ("study.paper", "study.claims", "study.noise", "study.gaze")
NAMES = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in FILES]


def package(module: str, known: tuple[str, ...]) -> str:
    """The longest known package that a module lies in."""
    return max((k for k in known if f"{module}.".startswith(f"{k}.")), key=len, default="")


def imported(path: Path) -> set[str]:
    """Modules of this repository that a file imports, at any depth of nesting."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("dcrw", "study", "benchmarks")}


@pytest.mark.parametrize(("path", "name"), zip(FILES, NAMES, strict=True), ids=NAMES)
def test_imports_point_down(path: Path, name: str) -> None:
    own, allowed = package(name, tuple(ALLOWED)), ALLOWED[package(name, tuple(ALLOWED))]
    for target in imported(path):
        assert package(target, tuple(ALLOWED)) in allowed, f"{name} imports {target}"
        chapters = package(name, CHAPTERS), package(target, CHAPTERS)
        assert not all(chapters) or chapters[0] == chapters[1], f"{name} imports {target}"
    assert own


def test_the_models_need_nothing_but_torch() -> None:
    """What a page, a notebook or a workflow needs is not loaded with the models."""
    others = ("matplotlib", "pandas", "snakemake", "IPython", "ipywidgets", "torchvision", "study")
    code = f"import sys, dcrw.model; print([name for name in {others} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
