"""SHA-256 of the measured results under version control: `sha256sum -c results/manifest.sha256`.

Figures, tables and numbers are left out: presentation notebooks make them again from what is
listed. As a command: `python -m study.manifest` writes it.
"""

import os
import subprocess
from pathlib import Path

from dcrw.training.files import MANIFEST, RunError, digest_of, project_root, write_atomically

DERIVED = {"figures", "tables", "numbers", "numbers.json"}  # parts of a path


def tracked(project: Path) -> list[str]:
    """Measured files under version control, relative to the project.

    Raises `RunError` where there is no git.
    """
    command = ["git", "ls-files", "-z", "results"]
    try:
        found = subprocess.run(command, cwd=project, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RunError(f"{project}: git cannot list the results: {error}") from None
    names = [os.fsdecode(name) for name in found.stdout.split(b"\0") if name]
    measured = [name for name in names if name != MANIFEST and not DERIVED & set(Path(name).parts)]
    return sorted(name for name in measured if (project / name).exists())


def lines(project: Path) -> list[str]:
    """One line a file: digest, two spaces, path."""
    return [f"{digest_of((project / name).read_bytes())}  {name}" for name in tracked(project)]


def write(project: Path) -> Path:
    """Write the manifest; returns its path."""
    path = project / MANIFEST
    write_atomically(path, ("\n".join(lines(project)) + "\n").encode())
    return path


if __name__ == "__main__":
    print(write(project_root()))
