"""The noise dial's data, from made-up runs."""

import numpy as np
import pandas as pd
import pytest
from finished_runs import config

from dcrw.training.files import RunError, write_arrays, write_record
from dcrw.training.run import Run
from study.finished import Finished
from study.noise import dial

ROWS = {"with attention in read": (70.0, 1.5), "without attention in read": (147.0, 31.0)}
CURVE = pd.DataFrame({"rate": [0.0, 5.0], "distortion": [200.0, 100.0]})
LOWER = pd.DataFrame({"rate": [2.0], "distortion": [150.0], "slope": [0.1]})


def entry(folder, cell: str, grey: int) -> Finished:
    run = Run(folder / cell)
    (run.folder / "evaluation").mkdir(parents=True)
    path = run.folder / "evaluation" / "traces.npz"
    canvas = np.full((3, 5, 4, 4), grey, np.uint8)
    canvas[:-1] = 0
    drawn = {"generated_canvas": canvas, "reconstructed_canvas": canvas // 2}
    shown = {"images": np.full((5, 4, 4), 7, np.uint8), "labels": np.zeros(5, np.int64)}
    write_arrays(path, drawn | shown)
    write_record(run.folder / "evaluation" / "evaluation.json", {}, [path])
    return Finished(config(cell, 100), run, pd.DataFrame(), {})


@pytest.fixture
def dose() -> pd.DataFrame:
    rows = [
        (f"{model}-{noise}", model, correlation, 80.0 + correlation, 20.0, 105.0, 106.0)
        for model in ("dcrw", "dcrw-write-only")
        for noise, correlation in (("fresh", 0.0), ("r50", 0.5), ("shared", 1.0))
    ]
    names = ["cell", "model", "noise_correlation", "train_lx", "train_lz"]
    return pd.DataFrame(rows, columns=[*names, "test_total", "fresh_total"])


def test_every_correlation_has_its_losses_and_its_drawings(tmp_path, dose) -> None:
    entries = [entry(tmp_path, cell, 40 * number) for number, cell in enumerate(dose.cell)]
    drawn = dial.drawings(entries, dose)
    assert drawn["dcrw-shared"]["generated"].tolist() == np.full((4, 4, 4), 80).tolist()
    assert drawn["dcrw-shared"]["reconstructed"].max() == 40
    state = dial.dial(dose, drawn, ROWS, CURVE, LOWER).state
    first, second = state["models"]
    assert [point["correlation"] for point in second["points"]] == [0.0, 0.5, 1.0]
    assert [point["lx"] for point in first["points"]] == [80.0, 80.5, 81.0]
    assert first["paper"] == {"lx": 70.0, "lz": 1.5}
    sheets = {point["samples"] for model in (first, second) for point in model["points"]}
    assert len(sheets) == 6
    assert all(rate <= 5 for rate, _ in state["codebooks"])
    for rate, cost in state["lower"]:
        assert cost == pytest.approx(150 + (2 - rate) / 0.1)
    panels = dial.dial_figure(dose, drawn).axes
    assert [axis.get_title() for axis in panels[:3]] == [
        rf"$\rho$ = {value}" for value in ("0", "0.5", "1")
    ]
    assert panels[-1].images[0].get_array().max() == 200


def test_the_figure_comes_with_its_still_and_the_losses(tmp_path, dose) -> None:
    entries = [entry(tmp_path, cell, 9) for cell in dose.cell]
    sides = CURVE.assign(hull=True), LOWER
    figure, still = dial.shown(entries, dose, ROWS, sides, tmp_path / "dial")
    assert figure.kind == "dial"
    assert still._repr_png_() == (tmp_path / "dial.png").read_bytes()
    assert pd.read_csv(tmp_path / "dial.csv").cell.tolist() == dose.cell.tolist()


def test_a_missing_run_is_named(tmp_path, dose) -> None:
    with pytest.raises(RunError, match="dcrw-r50, dcrw-shared: no finished run with seed 0"):
        dial.drawings([entry(tmp_path, "dcrw-fresh", 1)], dose.head(3))
