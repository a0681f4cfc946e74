"""What a result was made with: commit, versions, time."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

SOURCES = ["dcrw", "study", "notebooks", "configs", "workflow"]
PACKAGES = ["dcrw", "torch", "torchvision", "numpy"]


class Measurement:
    """What a file of measurements says of its making. Begun before the work, since sources may
    change meanwhile."""

    def __init__(self) -> None:
        self._software, self._started = describe_software(), time.monotonic()

    def record(self, settings: BaseModel, device: Mapping[str, Any]) -> dict[str, Any]:
        """Settings, device, time and software, once the work is done."""
        return {
            "settings": settings.model_dump(),
            "device": device,
            "wall_seconds": round(time.monotonic() - self._started, 1),
            "finished": now(),
            "software": self._software,
        }


def describe_software() -> dict[str, Any]:
    """Commit, whether the tree was clean, and versions."""
    root = Path(__file__).parents[2]
    commit = os.environ.get("DCRW_COMMIT") or _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *SOURCES)
    return {
        "commit": commit,
        "clean": None if changes is None else not changes,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "cuda": torch.version.cuda,
        "lock_sha256": _sha256(root / "requirements.lock"),
    }


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
