"""What several test modules use."""

import ast
from pathlib import Path

import nbformat
import pytest

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


def parameters_cell(name: str) -> dict[str, tuple[str, object]]:
    """Annotation and value of each parameter of a notebook."""
    book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    (cell,) = (cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    return {
        statement.target.id: (ast.unparse(statement.annotation), ast.literal_eval(statement.value))
        for statement in ast.parse(cell.source).body
    }
