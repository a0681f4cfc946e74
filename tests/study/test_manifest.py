"""The manifest of results."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dcrw.training.files import MANIFEST, RunError
from study.manifest import lines, tracked, write

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "results" / "paper" / "tables").mkdir(parents=True)
    (tmp_path / "results" / "paper" / "tables" / "derived.csv").write_text("d\n")
    (tmp_path / "results" / "paper" / "kept.csv").write_text("a,b\n")
    (tmp_path / "results" / "paper" / "scratch.csv").write_text("c\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(
        ["git", "add", "results/paper/kept.csv", "results/paper/tables"], cwd=tmp_path, check=True
    )
    return tmp_path


def test_the_manifest_is_what_sha256sum_reads(project):
    path = write(project)
    subprocess.run(["git", "add", str(path)], cwd=project, check=True)
    write(project)
    assert [line.split("  ")[1] for line in path.read_text().splitlines()] == [
        "results/paper/kept.csv"
    ]
    if shutil.which("sha256sum"):
        check = ["sha256sum", "--check", "--quiet", MANIFEST]
        subprocess.run(check, cwd=project, check=True)
        (project / "results" / "paper" / "kept.csv").write_text("a,c\n")
        assert subprocess.run(check, cwd=project, capture_output=True, check=False).returncode


def test_without_git_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RunError, match="git cannot list"):
        tracked(tmp_path)


def test_the_committed_manifest_is_true():
    committed = (PROJECT / MANIFEST).read_text().splitlines()
    assert committed == lines(PROJECT)
