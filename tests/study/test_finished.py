"""Finished runs as the study reads them."""

import json

import numpy as np
import pandas as pd
import pytest
from common import rewrite_record
from finished_runs import make_project

from dcrw.training.files import RunError
from study.finished import cells, final_minibatches, finished, row_widths, split_row, traces

PROFILE = {
    "seeds": [0, 1],
    "defaults": {"training": {"iterations": 200, "batch_size": 10}},
    "runs": {"dcrw-fresh": {}, "draw-fresh": {"model": {"architecture": "draw"}}},
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_project(tmp_path, "made-up", PROFILE)


def test_runs_stand_in_the_order_of_the_profile(results):
    found = [(entry.config.name, entry.config.training.seed) for entry in finished(results)]
    assert found == [("dcrw-fresh", 0), ("dcrw-fresh", 1), ("draw-fresh", 0), ("draw-fresh", 1)]
    assert {label: len(members) for label, members in cells(results).items()} == {
        "dcrw-fresh": 2, "draw-fresh": 2
    }  # fmt: skip


def test_a_run_that_is_not_evaluated_is_named(results):
    folder = finished(results)[1].run.folder
    path = folder / "evaluation" / "evaluation.json"
    settings = json.loads(path.read_text())["settings"]
    rewrite_record(path, settings=settings | {"seed": 7})
    with pytest.raises(RunError, match=rf"{folder.name}.*evaluated with .*'seed': 7.*reevaluate"):
        finished(results)
    path.unlink()
    with pytest.raises(RunError, match=f"{folder.name}.*not evaluated yet"):
        finished(results)
    (folder / "provenance.json").unlink()
    with pytest.raises(RunError, match="not a complete run"):
        finished(results)


def test_a_row_of_losses_by_split_and_noise(results):
    entry = finished(results)[0]
    assert split_row(entry, "test", 0.5).reconstruction == 85.0
    assert split_row(entry, "validation", 0.0).total == 100.0


def test_drawings_are_read_back(results):
    entry = finished(results)[0]
    path, drawn = entry.run.folder / "evaluation" / "traces.npz", np.arange(3)
    names = ("images", "labels", "generated_canvas", "reconstructed_canvas")
    np.savez(path, **dict.fromkeys(names, drawn))
    assert traces(entry)["images"].tolist() == [0, 1, 2]
    np.savez(path, images=drawn)
    with pytest.raises(RunError, match="has no array labels, generated_canvas"):
        traces(entry)


def test_rows_average_as_many_iterations_as_lie_between_them():
    assert row_widths(pd.DataFrame({"iteration": [4, 8, 10]})).tolist() == [4, 4, 2]


def test_final_minibatches_weigh_intervals_by_their_length():
    rng = np.random.default_rng(0)
    losses = rng.random((10, 2))
    parts = [losses[0:4], losses[4:8], losses[8:10]]
    table = pd.DataFrame(
        {
            "iteration": [4, 8, 10],
            "reconstruction": [part[:, 0].mean() for part in parts],
            "latent": [part[:, 1].mean() for part in parts],
            "reconstruction_std": [part[:, 0].std() for part in parts],
            "latent_std": [part[:, 1].std() for part in parts],
        }
    )
    last = final_minibatches(table, 6)
    np.testing.assert_allclose(last["mean"], losses[4:].mean(0))
    np.testing.assert_allclose(last["se"], losses[4:].std(0) / np.sqrt(6))
    assert last["n"].tolist() == [6, 6]
