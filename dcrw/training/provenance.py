"""What a result was made with: commit, versions, time."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from dcrw.training.files import digest_of

SOURCES = ["dcrw", "study", "notebooks", "configs", "workflow"]
PACKAGES = ["dcrw", "torch", "torchvision", "numpy"]


def describe_software() -> dict[str, Any]:
    """Commit, whether the tree was clean, and versions; commit and cleanness are None where the
    package does not lie in a git repository of its own."""
    root = Path(__file__).parents[2]
    commit, changes = os.environ.get("DCRW_COMMIT"), None
    if _is_own_repository(root):
        commit = commit or _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--", *SOURCES)
    return {
        "commit": commit,
        "clean": None if changes is None else not changes,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "cuda": torch.version.cuda,
        "lock_sha256": _sha256(root / "requirements.lock"),
    }


def _sha256(path: Path) -> str | None:
    return digest_of(path.read_bytes()) if path.exists() else None


def _version(package: str) -> str | None:
    """None for a package that is used without being installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_own_repository(root: Path) -> bool:
    """Whether `root` is the top of a git repository that tracks this very package; another
    project's, above an unpacked copy, says nothing about it."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return False
    own = Path(__file__).resolve().relative_to(root.resolve()).as_posix()
    return _git(root, "ls-files", "--error-unmatch", own) is not None


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return os.fsdecode(done.stdout).strip()
