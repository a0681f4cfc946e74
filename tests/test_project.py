"""The project's own papers agree with each other and with the code."""

import ast
import json
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import dcrw

ROOT = Path(__file__).parent.parent
MEBIBYTE = 2**20
PAGES = ["README.md", "CONTRIBUTING.md"]


def git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a git checkout: {error}")


@pytest.fixture(scope="module")
def files() -> list[str]:
    """What is or would be committed."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    return sorted({name for name in listed if name and (ROOT / name).is_file()})


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def lock() -> list[Requirement]:
    names = ("requirements.lock", "requirements-cluster.lock")
    lines = [line for name in names for line in (ROOT / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]


def pinned(requirement: Requirement) -> Version:
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return Version(pin.version)


# Dependencies


def test_lock_pins_every_package_to_one_version(lock: list[Requirement]) -> None:
    assert [
        str(entry) for entry in lock if [pin.operator for pin in entry.specifier] != ["=="]
    ] == []


def test_lock_holds_every_dependency_within_its_bounds(
    project: dict[str, Any], lock: list[Requirement]
) -> None:
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    problems = []
    for requirement in map(Requirement, wanted):
        pins = [
            pinned(entry)
            for entry in lock
            if canonicalize_name(entry.name) == canonicalize_name(requirement.name)
        ]
        if not pins:
            problems.append(f"{requirement} is not in requirements.lock")
        problems += [
            f"{requirement.name}=={pin} is outside {requirement}"
            for pin in pins
            if not requirement.specifier.contains(pin, prereleases=True)
        ]
    assert problems == []


def test_torch_and_torchvision_are_pinned_as_a_pair(lock: list[Requirement]) -> None:
    pins = {entry.name: pinned(entry) for entry in lock if entry.name in ("torch", "torchvision")}
    if Version(metadata.version("torchvision")) != pins["torchvision"]:
        pytest.skip(
            f"torchvision {metadata.version('torchvision')} is installed, not the pinned one"
        )
    needs = [Requirement(line) for line in metadata.requires("torchvision") or []]
    (torch,) = [need for need in needs if need.name == "torch"]
    assert pins["torch"] in torch.specifier


def test_conda_environment_uses_the_same_pins(project: dict[str, Any]) -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    (python,) = [entry.removeprefix("python=") for entry in conda if entry.startswith("python=")]
    assert environment["name"] == project["name"]
    assert SpecifierSet(project["requires-python"]).contains(f"{python}.0")
    assert "pip" in conda
    assert pip == ["-r requirements.lock", "-e ."]
    packages = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert packages.isdisjoint(conda), "conda and pip would install the same package"


def test_hooks_fetch_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {source["repo"] for source in hooks} == {"local"}
    assert {hook["language"] for source in hooks for hook in source["hooks"]} == {"system"}


# Version and licence


def test_versions_agree(project: dict[str, Any]) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert dcrw.__version__ == project["version"] == citation["version"]
    assert re.search(
        rf"^## \[{re.escape(dcrw.__version__)}\] - ",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE,
    )


def test_licence_is_mit(project: dict[str, Any]) -> None:
    words = " ".join((ROOT / "LICENSE").read_text().split())
    assert words.startswith(
        "MIT License Copyright (c) 2026 The DCRW replication authors Permission is hereby granted"
    )
    assert (
        "without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense"
        in words
    )
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in words
    assert project["license"] == "MIT"


def test_citation_has_what_the_format_requires(project: dict[str, Any]) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["license"] == project["license"]
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
        assert isinstance(reference["year"], int)
    paper = citation["references"][0]
    assert paper["title"] == "Deep Convolutional and Recurrent Writer"
    assert [author["family-names"] for author in paper["authors"]] == ["Gulshad", "Kim"]
    assert paper["conference"].keys() == {"name"}


# Pages


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def ignored(path: str) -> bool:
    """Whether git ignores a path, taken as a file and as a folder."""
    command = ["git", "-C", ROOT, "check-ignore", "--no-index", path, f"{path.rstrip('/')}/x"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def exists(path: str, files: list[str]) -> bool:
    bare = path.rstrip("/")
    by_name = "/" not in bare and any(name.rsplit("/", 1)[-1] == bare for name in files)
    return (
        by_name
        or bare in files
        or any(name.startswith(f"{bare}/") for name in files)
        or ignored(path)
    )


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_only_files_that_exist(page: str, files: list[str]) -> None:
    text = without_fences((ROOT / page).read_text())
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    code = re.findall(r"(?<!})`([\w.-]+(?:/[\w.-]+)*/?)`", text)
    suffixes = (".py", ".md", ".json", ".yaml", ".yml", ".toml", ".lock", ".cff", ".ipynb", ".csv")
    named = [word for word in code if "/" in word or word.endswith(suffixes)]
    assert len(links + named) > 5
    assert [path for path in links + named if not exists(path, files)] == []


def test_layout_in_the_readme_is_the_repository(files: list[str]) -> None:
    (layout,) = fences((ROOT / "README.md").read_text(), "text")
    named = [line.split()[0] for line in layout.splitlines()]
    assert [path for path in named if not exists(path, files)] == []
    shown = {path.split("/")[0] for path in named}
    folders = {name.split("/")[0] for name in files if "/" in name and not name.startswith(".")}
    assert folders - shown == set()


@pytest.mark.parametrize(
    "page", [*PAGES, *(f"book/{name}.md" for name in ("running", "installation", "publishing"))]
)
def test_commands_are_targets_of_the_makefile(page: str) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / page).read_text()
    commands = re.findall(r"(?:^|`)(?:\w+=\S+ )?make ([a-z][\w-]*)", text, re.MULTILINE)
    assert commands
    assert [command for command in commands if command not in targets] == []


def test_readme_shows_the_two_commands() -> None:
    first = fences((ROOT / "README.md").read_text(), "shell")[0]
    assert re.findall(r"^make (\w+)", first, re.MULTILINE) == ["replicate", "test"]


def test_readme_has_a_place_for_the_table() -> None:
    text = (ROOT / "README.md").read_text()
    marks = re.findall(r"^<!-- headline table: (begin|end) -->$", text, re.MULTILINE)
    assert marks == ["begin", "end"]


def test_readme_needs_no_network_to_be_read() -> None:
    text = (ROOT / "README.md").read_text()
    pictures = re.findall(r"!\[(.*?)\]\((.*?)\)", text, re.DOTALL)
    assert len(pictures) == 1
    for alternative, source in pictures:
        assert len(alternative) > 20
        assert "://" not in source


def test_readme_example_runs() -> None:
    (example,) = fences((ROOT / "README.md").read_text(), "python")
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["pictures"].shape == (10, 4, 28, 28)
    assert names["loss"].isfinite()


@pytest.mark.parametrize("page", ["README.md", "book/running.md"])
def test_papermill_examples_use_parameters_that_exist(page: str) -> None:
    notebook = json.loads((ROOT / "notebooks/train.ipynb").read_text())
    (cell,) = [
        cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])
    ]
    statements = ast.parse("".join(cell["source"])).body
    parameters = {node.target.id for node in statements if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
    used = re.findall(r"-p (\w+) \S+", "".join(fences((ROOT / page).read_text(), "shell")))
    assert used
    assert set(used) <= parameters


# What is committed


def test_no_file_is_large(files: list[str]) -> None:
    sizes = {name: (ROOT / name).stat().st_size for name in files}
    assert {
        name: size
        for name, size in sizes.items()
        if size > 3 * MEBIBYTE and not name.startswith("book/vendor/")
    } == {}
    assert sum(sizes.values()) < 60 * MEBIBYTE


def test_no_file_knows_where_it_was_made(files: list[str]) -> None:
    """Paths of one machine must not get in. (Written in two parts, so that this file is no finding
    itself.)"""
    foreign = re.compile(
        "|".join(
            ["/" + "work/", "/" + "root/", "/" + r"home/\w+/", "/" + "Users/", r"\.\./" + "shared"]
        )
    )
    found = []
    for name in files:
        if name.startswith("book/vendor/") or name == ".ci/run":
            continue
        content = (ROOT / name).read_bytes()
        if b"\0" in content[:8192]:
            continue
        found += [f"{name}: {match}" for match in foreign.findall(content.decode(errors="replace"))]
    assert found == []


def test_text_is_read_and_written_with_an_encoding(files: list[str]) -> None:
    """The system's own may know ASCII alone."""
    folders = ("dcrw/", "study/", "benchmarks/", "book/", "workflow/", "notebooks/")
    found, looked = [], 0
    for name in files:
        if not name.startswith(folders):
            continue
        for call in calls(ROOT / name):
            looked += 1
            function = ast.unparse(call.func).rpartition(".")[2]
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            words = [ast.unparse(argument) for argument in call.args] + list(given.values())
            binary = any(re.fullmatch(r"'[rwax]\+?b\+?'|'[rwax]b'", word) for word in words)
            text = function in ("read_text", "write_text", "open", "fdopen")
            known = "encoding" in given or binary or ast.unparse(call.func) in OPENS_NO_TEXT
            if (text and not known) or (given.get("text") == "True" and "encoding" not in given):
                found.append(f"{name}: {ast.unparse(call)}")
    assert looked > 1000
    assert found == []


OPENS_NO_TEXT = ("Image.open", "tarfile.open", "urllib.request.urlopen", "webbrowser.open")


def calls(path: Path) -> list[ast.Call]:
    """The calls in a module or a notebook."""
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    else:
        sources = [path.read_text(encoding="utf-8")] if path.suffix == ".py" else []
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    return [node for node in nodes if isinstance(node, ast.Call)]


def test_readme_says_where_it_does_not_run() -> None:
    assert "for Intel Macs" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_notebooks_are_stripped(files: list[str]) -> None:
    notebooks = [name for name in files if re.fullmatch(r"notebooks/[^/]+\.ipynb", name)]
    assert notebooks
    kept = []
    for name in notebooks:
        for number, cell in enumerate(json.loads((ROOT / name).read_text())["cells"]):
            if cell["cell_type"] == "code" and (
                cell["outputs"] or cell["execution_count"] is not None
            ):
                kept.append(f"{name}, cell {number}")
    assert kept == [], "run: nbstripout --keep-id notebooks/*.ipynb"
