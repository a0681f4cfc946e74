"""What several test modules use."""

import ast
import hashlib
import json
from pathlib import Path

import nbformat
import pytest

from dcrw.training import files
from dcrw.training.engine import Engine

TINY = {
    "image_size": 12,
    "steps": 3,
    "latent_size": 2,
    "hidden_size": 6,
    "read_size": 5,
    "write_size": 3,
}


class Killed(Exception):
    """Stands for the end of the process."""


def kill_at(monkeypatch: pytest.MonkeyPatch, iteration: int) -> None:
    """Die without warning in the middle of an iteration, as under `kill -9`."""
    real, calls = Engine.iterate, []

    def iterate(self, *arguments):
        calls.append(None)
        if len(calls) > iteration:
            raise Killed
        return real(self, *arguments)

    monkeypatch.setattr(Engine, "iterate", iterate)


ROOT = Path(__file__).parents[1]


def cells(name: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells


def holds_parameters(cell: nbformat.NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def execute(
    name: str, parameters: dict[str, object], standard: dict[str, object] | None = None
) -> None:
    """Run a notebook's code cells, in order, with other parameters; `standard` must be the values
    that its own cell of parameters gives."""
    names: dict[str, object] = {}
    for cell in cells(name):
        if cell.cell_type == "code":
            exec(compile(cell.source, name, "exec"), names)
        if holds_parameters(cell):
            assert parameters.keys() <= names.keys()
            assert (standard or {}).items() <= names.items()
            names |= parameters


def parameters_cell(name: str) -> dict[str, tuple[str, object]]:
    """Annotation and value of each parameter of a notebook."""
    (cell,) = filter(holds_parameters, cells(name))
    return {
        statement.target.id: (ast.unparse(statement.annotation), ast.literal_eval(statement.value))
        for statement in ast.parse(cell.source).body
    }


def rewrite_record(path: Path, **changes: object) -> None:
    """A record with other entries, as if it had been written so."""
    found = files.read_record(path, "")
    files.write_json(path, found | changes | {files.DIGEST: digest_of_record(found | changes)})


def digest_of_record(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
