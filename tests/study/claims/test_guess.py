"""Samples among digits, from a made-up run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_runs import config

from dcrw.training.files import RunError, write_arrays, write_record
from dcrw.training.run import Run
from study.claims import guess
from study.finished import Finished
from study.live import sheet

MEASURES = pd.DataFrame(
    {
        "cell": ["dcrw-fresh", "dcrw-fresh", "draw-fresh"],
        "two_sample.accuracy": [0.9, 0.8, 0.1],
        "two_sample.binary_accuracy": [0.7, 0.7, 0.1],
    }
)


def entry(folder: Path, count: int, cell: str = "dcrw-fresh") -> Finished:
    run = Run(folder / cell)
    path = run.folder / "evaluation" / "traces.npz"
    path.parent.mkdir(parents=True)
    canvas = np.arange(2 * count * 4, dtype=np.uint8).reshape(2, count, 2, 2)
    drawn = {"generated_canvas": canvas, "reconstructed_canvas": canvas, "images": 255 - canvas[0]}
    write_arrays(path, drawn | {"labels": np.zeros(count, np.int64)})
    write_record(path.with_name("evaluation.json"), {}, [path])
    return Finished(config(cell, 100), run, pd.DataFrame(), {})


def test_last_canvases_stand_before_the_digits(tmp_path: Path) -> None:
    run = entry(tmp_path, 11)
    figure, still = guess.shown([run], MEASURES, 0.53, tmp_path / "guess")
    state = figure.state
    assert (state["samples"], state["digits"], state["round"], state["seeds"]) == (11, 11, 10, 2)
    assert state["accuracy"] == pytest.approx(0.85)
    assert (state["binary"], state["reference"]) == (0.7, 0.53)
    canvas = np.arange(2 * 11 * 4, dtype=np.uint8).reshape(2, 11, 2, 2)
    assert state["sheet"] == sheet(np.concatenate([canvas[1], 255 - canvas[0]]), 22)
    assert still._repr_png_() == (tmp_path / "guess.png").read_bytes()
    assert (tmp_path / "guess.svg").exists()


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="9 samples and 9 digits; expected 10 of each"):
        guess.guess(entry(tmp_path, 9), MEASURES, 0.53)
    with pytest.raises(RunError, match="dcrw-fresh, seed 0: no finished run"):
        guess.shown([], MEASURES, 0.53, tmp_path / "guess")
