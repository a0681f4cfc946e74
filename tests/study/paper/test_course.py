"""Fig. 6 with a cursor, from made-up watched runs."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_runs import config, make_run
from PIL import Image

from dcrw.training.files import RunError, write_sealed_arrays
from dcrw.training.run import Run
from study.finished import Finished
from study.live import film
from study.paper.course import GAP, course, still, watched

PAPER = {"with attention in read": (70.0, 1.5), "without attention in read": (147.0, 31.0)}


def entry(folder: Path, name: str, moments: list[int], seed: int = 0, **model: object) -> Finished:
    settings = config(name, 300, seed, **model)
    run = make_run(Run(folder / f"{name}-{seed}"), settings)
    (run.folder / "snapshots").mkdir()
    for moment in moments:
        grey = np.full((16, 2, 2), moment % 256, np.uint8)
        arrays = {"images": grey * 0, "reconstructed": grey, "generated": 255 - grey}
        write_sealed_arrays(run.folder / "snapshots" / f"{moment:06d}.npz", arrays)
    return Finished(settings, run, pd.DataFrame(), {})


def test_the_first_watched_run_of_each_cell_is_shown(tmp_path: Path) -> None:
    entries = [
        entry(tmp_path, "dcrw-fresh", [300]),  # the last alone is no course
        entry(tmp_path, "dcrw-fresh", [100, 300], seed=1),
        entry(tmp_path, "dcrw-fresh", [100, 300], seed=2),
        entry(tmp_path, "draw-fresh", [100, 300], architecture="draw"),
    ]
    assert [e.config.training.seed for e in watched(entries)] == [1, 0]
    (run,) = course(entries, PAPER).state["runs"]  # Table I has no row for DRAW
    assert (run["cell"], run["seed"], run["title"]) == ("dcrw-fresh", 1, "with attention in read")
    assert run["paper"] == {"lx": 70.0, "lz": 1.5}
    assert run["moments"] == [100, 300]


def test_losses_and_pictures_are_those_of_the_moment(tmp_path: Path) -> None:
    found = entry(tmp_path, "dcrw-fresh", [75, 300])
    (run,) = course([found], PAPER).state["runs"]
    first, last = run["losses"]
    assert first == {"lx": 99.5, "lz": pytest.approx(10.05)}  # between rows 50 and 100
    assert last["lx"] == 95.0
    assert run["iterations"].tolist() == [50, 100, 150, 200, 250, 300]
    steps = np.array([75, 300 % 256], np.uint8)[:, None, None, None]
    assert run["reconstructed"] == film(np.broadcast_to(steps, (2, 16, 2, 2)), 4)


def test_the_still_has_every_moment_of_every_run(tmp_path: Path) -> None:
    entries = [
        entry(tmp_path, "dcrw-fresh", [17, 34, 300]),
        entry(tmp_path, "dcrw-write-only-fresh", [51, 300], architecture="dcrw-write-only"),
    ]
    page = np.asarray(Image.open(io.BytesIO(still(course(entries, PAPER))._repr_png_())))
    side = 4 * 2 + 2 * GAP  # of a sheet with its margin
    assert page.shape == (4 * side, 3 * side)
    middles = page[side // 2 :: side, side // 2 :: side].tolist()
    assert middles == [  # 16 grey levels
        [17, 34, 51],
        [238, 221, 204],
        [51, 51, 255],
        [204, 204, 255],
    ]


def test_without_a_watched_run_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run with 2 snapshots or more\. Train the run again"):
        course([entry(tmp_path, "dcrw-fresh", [300])], PAPER)
