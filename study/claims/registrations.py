"""What was registered when: the history of `book/claims.yaml`, with the runs that were committed by
then. As a command: `python -m study.claims.registrations` writes `book/registrations.csv`.

The page reads the file, so that the book builds without a repository; a test holds the file to the
history where there is one.
"""

import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dcrw.training.files import RunError, project_root, write_table

CLAIMS = "book/claims.yaml"
TARGET = "book/registrations.csv"
HEADER = ("Date (UTC)", "Commit", "Message", "Lines added", "Lines removed", "Runs before")


class Registration(NamedTuple):
    """One change of the file of claims."""

    date: str  # of the commit, UTC
    commit: str  # its first ten digits
    subject: str  # the first line of its message
    added: int  # lines
    removed: int  # lines
    runs_before: int  # complete runs in the commit before it


def registrations(project: Path) -> list[Registration]:
    """All changes, oldest first. Raises `RunError` where git cannot tell."""
    listed = _git(project, "log", "--reverse", "--format=%H%x09%cI%x09%s", "--", CLAIMS)
    found = []
    for line in listed.splitlines():
        commit, date, subject = line.split("\t", 2)
        added, removed = _lines(project, commit)
        before = sum(complete_runs(project, f"{commit}^").values())
        found.append(Registration(date[:16], commit[:10], subject, added, removed, before))
    return found


def complete_runs(project: Path, commit: str) -> Counter[str]:
    """How many complete runs each profile has in a commit: those with a provenance."""
    names = _git(project, "ls-tree", "-r", "--name-only", commit, "results").splitlines()
    paths = [Path(name).parts for name in names]
    return Counter(
        parts[1] for parts in paths if "runs" in parts and parts[-1] == "provenance.json"
    )


def write(project: Path) -> Path:
    """Write the file; returns its path."""
    table = pd.DataFrame(map(tuple, registrations(project)), columns=list(HEADER))
    write_table(project / TARGET, table)
    return project / TARGET


def _lines(project: Path, commit: str) -> tuple[int, int]:
    counts = _git(project, "show", "--numstat", "--format=", commit, "--", CLAIMS).split()
    return int(counts[0]), int(counts[1])


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=project,
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        raise RunError(f"{project}: git cannot tell the history of {CLAIMS}: {said}") from None
    return done.stdout


if __name__ == "__main__":
    print(write(project_root()))
