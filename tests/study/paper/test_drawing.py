"""Fig. 4 and 5 as one figure, from made-up runs."""

from pathlib import Path

import numpy as np
from finished_runs import config

from dcrw.training.files import write_arrays, write_record, write_sealed_arrays
from dcrw.training.run import Run
from study.finished import Finished
from study.paper.drawing import Digits, drawing, explorers, places

IMAGES = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2)
LABELS = np.array([3, 1, 3, 3, 0, 1, 2])


def entry(folder: Path, cell: str, count: int) -> Finished:
    run = Run(folder / cell)
    path = run.folder / "evaluation" / "traces.npz"
    path.parent.mkdir(parents=True)
    canvas = np.zeros((5, count, 2, 2), np.uint8)
    arrays = {"generated_canvas": canvas, "reconstructed_canvas": canvas + 255}
    write_arrays(path, arrays | {"images": IMAGES[:count], "labels": LABELS[:count]})
    write_record(path.with_name("evaluation.json"), {}, [path])
    return Finished(config(cell, 100), run, None, {})


def test_digits_are_named_by_class_and_number() -> None:
    found = places(IMAGES[[3, 4]], Digits(IMAGES, LABELS))
    assert found == [{"digit": 3, "number": 3}, {"digit": 0, "number": 1}]
    assert places(IMAGES[:1], Digits(IMAGES[1:], LABELS[1:])) == [None]
    assert places(np.zeros((1, 9, 9)), Digits(IMAGES, LABELS)) == [None]


def test_the_models_that_there_are_are_shown_at_every_step(tmp_path: Path) -> None:
    cells = {cell: [entry(tmp_path, cell, 7)] for cell in ("dcrw-shared", "dcrw-fresh", "draw")}
    state = drawing(cells, Digits(IMAGES, LABELS)).state
    assert [model["cell"] for model in state["models"]] == ["dcrw-fresh", "dcrw-shared"]
    assert (state["steps"], state["marks"]) == (5, [1, 4])
    assert (state["rows"], state["columns"]) == (1, 4)
    assert state["places"][2] == {"digit": 3, "number": 2}
    assert all(model["samples"] != model["reconstructed"] for model in state["models"])


def test_few_digits_stand_in_one_row(tmp_path: Path) -> None:
    state = drawing(
        {"dcrw-fresh": [entry(tmp_path, "dcrw-fresh", 3)]}, Digits(IMAGES, LABELS)
    ).state
    assert (state["rows"], state["columns"], len(state["labels"])) == (1, 3, 3)


def test_without_an_explorer_no_digit_is_known(tmp_path: Path) -> None:
    path = tmp_path / "explorer.npz"
    assert places(IMAGES[:1], explorers(path)) == [None]
    write_sealed_arrays(path, {"images": IMAGES, "labels": LABELS})
    assert places(IMAGES[:1], explorers(path)) == [{"digit": 3, "number": 1}]
