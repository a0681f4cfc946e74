"""Where things stand: a test file a module, short modules, thin notebooks, a wheel of `dcrw`."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from common import ROOT, cells, holds_parameters

PACKAGES = ("dcrw", "study", "benchmarks")
LINES = 350  # of a module, unless its docstring's first line says why it is longer
REASON = "long because"
CELL_LINES = 60  # of a notebook's code; not counted: comments and the cell of parameters


def modules(*folders: str) -> list[Path]:
    found = [path.relative_to(ROOT) for name in folders for path in (ROOT / name).rglob("*.py")]
    return sorted(path for path in found if path.name != "__init__.py")


@pytest.mark.parametrize("module", modules(*PACKAGES), ids=str)
def test_every_module_has_a_test_file_with_its_name(module: Path) -> None:
    """`dcrw/model/losses.py` has `tests/model/test_losses.py`; `study` and `benchmarks` have a
    folder each."""
    parts = module.parts[1:] if module.parts[0] == "dcrw" else module.parts
    mirrored = Path("tests", *parts).with_name(f"test_{module.name}")
    assert (ROOT / mirrored).is_file(), f"{module}: expected its tests in {mirrored}"


@pytest.mark.parametrize("module", modules(*PACKAGES), ids=str)
def test_a_long_module_says_why_in_its_first_line(module: Path) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    count = len(text.splitlines())
    assert count <= LINES or REASON in first, (
        f"{module}: {count} lines; expected at most {LINES}, or a first line with '{REASON} ...'"
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
def test_notebooks_are_thin(name: str) -> None:
    """Arithmetic stands in tested modules. A cell of parameters is as long as there are settings
    (about 50 lines in `train`), so that it does not count."""
    lines = [
        line
        for cell in cells(name)
        if cell.cell_type == "code" and not holds_parameters(cell)
        for line in cell.source.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    assert len(lines) <= CELL_LINES, f"{name}: {len(lines)} lines; expected at most {CELL_LINES}"


@pytest.mark.parametrize("module", modules(*PACKAGES), ids=str)
def test_a_docstring_names_the_errors_that_are_raised(module: Path) -> None:
    """Of public functions, the errors that they raise themselves."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    public = [node for node in tree.body if not getattr(node, "name", "_").startswith("_")]
    methods = [part for node in public if isinstance(node, ast.ClassDef) for part in node.body]
    for node in [*public, *methods]:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            told = ast.get_docstring(node) or ""
            raised = (part.exc for part in ast.walk(node) if isinstance(part, ast.Raise))
            names = {ast.unparse(error.func) for error in raised if isinstance(error, ast.Call)}
            assert all(f"`{name}`" in told for name in names), f"{module}: {node.name}, {names}"


FORMATS = re.compile(  # calls that read a file of some format, or write one
    r"open|(json|csv|yaml|np|numpy|torch|pickle|safetensors\.torch)\.(load|dump|save|safe_load"
    r"|safe_dump|loadtxt|savetxt|savez|savez_compressed|reader|writer|DictReader|DictWriter"
    r"|load_file|save_file)|pd\.read_\w+|.*\.(to_csv|to_json|write_text|write_bytes|open)"
)
ELSEWHERE = {  # calls of that form that `files.py` does not make, each with its reason
    ("dcrw/training/run.py", "path.open"): "a row of metrics.csv is appended",
    ("dcrw/training/config.py", "yaml.safe_dump"): "to text, not to a file",
    ("dcrw/training/datasets/pictures.py", "Image.open"): "bytes that files.py has read",
    ("study/live.py", "Image.open"): "a picture that this module has made",
    ("dcrw/explorer/live.py", "Image.open"): "pictures that a browser sends",
    ("dcrw/explorer/__main__.py", "webbrowser.open"): "no file is read",
    ("benchmarks/contestants.py", "clear.write_text"): "a switch of Linux below /proc",
    ("benchmarks/grids.py", "yaml.safe_dump"): "to text, not to a file",
    ("benchmarks/grids.py", "path.write_text"): "a profile of a project that is thrown away",
}


def calls(text: str) -> set[str]:
    """What a text of Python calls, by dotted name."""
    named = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {ast.unparse(name).replace("\n", " ") for name in named}


def test_files_are_read_and_written_in_one_place() -> None:
    """By `dcrw/training/files.py`: sizes and digests are looked at, errors have one form."""
    paths = modules(*PACKAGES)
    texts = {path.as_posix(): (ROOT / path).read_text(encoding="utf-8") for path in paths}
    del texts["dcrw/training/files.py"]
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        found = [cell.source for cell in cells(path.stem) if cell.cell_type == "code"]
        texts[f"notebooks/{path.name}"] = "\n".join(found)
    made = {(place, call) for place, text in texts.items() for call in calls(text)}
    assert {(place, call) for place, call in made if FORMATS.fullmatch(call)} == set(ELSEWHERE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("dcrw-*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_dcrw_alone(wheel: zipfile.ZipFile) -> None:
    """All of it, widgets too, and nothing of the study, the pages or the tests."""
    names = wheel.namelist()
    inside = {name for name in names if not re.match(r"dcrw-[\d.]+\.dist-info/", name)}
    files = (path for path in (ROOT / "dcrw").rglob("*") if path.is_file())
    own = {path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts}
    assert inside == {path.as_posix() for path in own}


def test_the_wheel_works_from_another_folder(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Without the repository: a model is built, and the explorer finds its widgets."""
    wheel.extractall(tmp_path / "site")
    code = (
        "import dcrw, dcrw.explorer.widget; from dcrw.model import ModelConfig, build; "
        "build(ModelConfig()); print(dcrw.__file__, dcrw.explorer.widget.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert all(Path(name).is_relative_to(tmp_path / "site") for name in done.stdout.split())
