"""How files are read and written: whole or not at all, and with one error that names the file."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from dcrw.model.config import ConfigError


def read_yaml(path: Path) -> Any:
    """Raises `ConfigError` where the file is missing or is not YAML."""
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None


class RunError(RuntimeError):
    """A run's folder is in use, damaged, or holds something else."""


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file. Raises `RunError` where it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RunError(
            f"{path}: not a readable safetensors file ({error}); remove it to start again"
        ) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, keys in the order given."""
    write_atomically(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def project_root(start: Path | None = None) -> Path:
    """The project's folder, upward from `start` (default: the present folder). Raises `RunError`
    outside of it."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "configs").is_dir() and (folder / "dcrw").is_dir():
            return folder
    raise RunError(f"{here}: not inside the project (a folder with configs/ and dcrw/)")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A CSV, whole or not at all."""
    write_atomically(
        path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
    )


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """A compressed NPZ, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())
