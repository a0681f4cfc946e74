"""The page "Extend it": each change applies to a copy of the project, and the code below it
runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from common import ROOT

TEXT = (ROOT / "book" / "extend.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"\(extend-(\w+)\)=\n(.*?)(?=\n\(extend-|\Z)", TEXT, re.DOTALL))
ALLOWED = 3  # files that a task may touch


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the examples need of the project, and nothing installed."""
    folder = tmp_path / "project"
    for part in ("dcrw", "study", "configs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "book").mkdir()
    shutil.copy(ROOT / "book" / "claims.yaml", folder / "book")
    (folder / "results").symlink_to(ROOT / "results")
    return folder


@pytest.mark.parametrize("section", SECTIONS)
def test_the_example_works(section: str, copy: Path) -> None:
    changes = blocks(section, "diff")
    assert len(changes) <= ALLOWED
    for change in changes:
        apply = ["git", "apply", "--recount", "--unidiff-zero", "--inaccurate-eof", "-"]
        done = subprocess.run(
            apply, cwd=copy, input=change, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    (code,) = blocks(section, "python")
    head = f"import sys\nfrom pathlib import Path\nFOLDER = Path({str(copy.parent)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_five_tasks() -> None:
    assert list(SECTIONS) == ["encoder", "claim", "figure", "data", "loop"]
