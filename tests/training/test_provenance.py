"""What a result says of its making, and whom it believes."""

import shutil
import subprocess
import sys
from pathlib import Path

from common import ROOT

from dcrw.training import provenance

ASK = """
from dcrw.training.provenance import describe_software
found = describe_software()
print(found["commit"], found["clean"])
"""


def ask(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout.strip()


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *named, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_git_is_believed_for_this_package_alone(tmp_path):
    """Unpacked below another project's folder, its commit is not taken; in its own, it is."""
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("inner/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "another project")
    inner = tmp_path / "inner"
    shutil.copytree(ROOT / "dcrw", inner / "dcrw")
    assert ask(inner) == "None None"
    git(inner, "init", "-q")
    assert ask(inner) == "None None"
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "this one")
    commit = git(inner, "rev-parse", "HEAD")
    assert ask(inner) == f"{commit} True"
    (inner / "dcrw" / "more.py").write_text("")
    assert ask(inner) == f"{commit} False"


def test_packages_that_are_not_installed_have_no_version(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ["no-such-package"])
    assert provenance.describe_software()["no-such-package"] is None
