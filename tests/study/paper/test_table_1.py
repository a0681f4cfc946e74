"""Table I: committed, and on made-up runs whose answers are known."""

import json

import numpy as np
import pandas as pd
import pytest
from common import rewrite_record
from finished_runs import make_project

from dcrw.training.files import project_root
from dcrw.training.run import run_for
from study.finished import cells, finished
from study.paper.table_1 import (
    TABLE_1,
    loss_curves,
    paper_levels,
    paper_values,
    start_numbers,
    start_table,
    table_1,
    table_1_numbers,
    training_images,
)

RUNS = {
    "dcrw-fresh": {},
    "dcrw-write-only-shared": {
        "model": {"architecture": "dcrw-write-only", "noise_correlation": 1.0}
    },
    "whole": {"model": {"architecture": "dcrw-whole-image"}},
}


def project(folder, dataset: str = "mnist", **more):
    profile = {"seeds": [0], "final_iterations": 100, "runs": RUNS}
    training = {"iterations": 200, "batch_size": 10}
    defaults = {"training": training, "data": {"dataset": dataset}}
    return make_project(folder, "made-up", profile | {"defaults": defaults} | more)


def test_a_row_is_a_mean_over_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = table_1(project(tmp_path, seeds=[0, 1])).set_index("cell")
    row = table.loc["dcrw-fresh"]  # runs 0 and 1: L_x 97.5 and 98.5 over the last 100
    assert (row.train_lx, row.train_lz) == pytest.approx((98.0, 10.25))
    assert (row.test_lx, row.test_lz, row.seeds) == pytest.approx((80.5, 20.0, 2))
    assert row.paper_lx == 70.168 and row.difference_lx == pytest.approx(98.0 - 70.168)
    shared = table.loc["dcrw-write-only-shared"]
    assert (shared.test_lx, shared.test_fresh_lx) == (92.5, 82.5)
    assert shared.read_size == "" and table.loc["whole"].read_size == ""
    assert np.isnan(table.loc["whole"].paper_lx)


def test_one_seed_has_an_interval_over_minibatches_or_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = table_1_numbers(project(tmp_path))
    number = found["table1.dcrw-fresh.train.lx"]  # two rows, 97 and 98, each with spread 2
    reach = 1.96 * np.sqrt((2.0**2 + 0.5**2) / 100)
    assert number.interval == pytest.approx((97.5 - reach, 97.5 + reach)) and number.n == 100
    assert found["table1.dcrw-fresh.test.lz"].interval == pytest.approx((20 - 0.392, 20 + 0.392))
    total = found["table1.dcrw-fresh.test.total"].value
    assert total == found["table1.dcrw-fresh.test.bound"].value == 100
    shared = found["table1.dcrw-write-only-shared.test.bound"].value
    assert shared == pytest.approx(91 + 20 / 10)  # T = 10: one latent for all steps
    assert found["table1.dcrw-fresh.wall_minutes"].value == 1.5
    assert found["table1.final_iterations"].value == 100


@pytest.mark.parametrize(
    ("dataset", "recorded", "images"),
    [("mnist", None, 55_000), ("digits", None, 1_400), ("digits", 700, 700)],
)
def test_epochs_are_of_the_runs_own_training_images(
    tmp_path, monkeypatch, dataset, recorded, images
):
    monkeypatch.chdir(tmp_path)
    results = project(tmp_path, dataset)
    if recorded is not None:
        for entry in finished(results):
            rewrite_record(entry.run.folder / "provenance.json", training_images=recorded)
    assert training_images(finished(results)[0]) == images
    assert table_1_numbers(results)["table1.whole.epochs"].value == 200 * 10 / images


@pytest.mark.parametrize(
    ("reduction", "factor"),
    [("sum", 1), ("mean-dimensions", 1 / 10), ("mean-steps", 1 / 10), ("mean", 1 / 100)],
)
def test_l_z_alone_can_be_reported_as_a_mean(tmp_path, monkeypatch, reduction, factor):
    monkeypatch.chdir(tmp_path)
    results = project(tmp_path, latent_reduction=reduction)
    row = table_1(results).set_index("cell").loc["dcrw-fresh"]
    assert (row.train_lx, row.test_lx) == (97.5, 80.0)
    assert (row.train_lz, row.test_lz) == pytest.approx((10.25 * factor, 20 * factor))
    assert row.difference_lz == pytest.approx(10.25 * factor - 1.5468)
    found = table_1_numbers(results)
    low, high = found["table1.dcrw-fresh.test.lz"].interval
    assert (low, high) == pytest.approx(((20 - 0.392) * factor, (20 + 0.392) * factor))
    # totals and bounds are what the model was trained with
    assert found["table1.dcrw-fresh.test.total"].value == pytest.approx(100)
    bound = found["table1.dcrw-write-only-shared.test.bound"].value
    assert bound == pytest.approx(91 + 20 / 10)


def test_the_paper_has_values_for_two_models_on_mnist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entries = finished(project(tmp_path))
    assert paper_values(entries[0].config) == {"lx": 70.168, "lz": 1.5468}
    assert paper_values(entries[2].config) == {}
    assert paper_levels(tmp_path / "results" / "made-up") == {
        "with attention in read": (70.168, 1.5468), "without attention in read": (147.24, 31.065)
    }  # fmt: skip


def test_digits_have_no_value_in_the_paper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paper_levels(project(tmp_path, "digits")) == {}


def test_curves_are_named_after_their_noise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = RUNS | {"dcrw-again": {"model": {"hidden_size": 100}}}
    results = project(tmp_path, runs=runs)
    curves = loss_curves(results)
    assert {title: list(named) for title, named in curves.items()} == {
        "with attention in read": ["fresh noise", "dcrw-again"],
        "without attention in read": ["shared noise"],
    }
    run = run_for(cells(results)["dcrw-fresh"][0].config, results)
    pd.testing.assert_frame_equal(curves["with attention in read"]["fresh noise"], run.metrics())


def test_totals_at_some_iterations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = project(tmp_path)
    table = start_table(loss_curves(results), (50, 200))
    assert table.total.tolist()[:2] == pytest.approx([110.0, 97.0 + 10.3])
    found = start_numbers(table, results)
    assert found["start.dcrw.fresh noise.200"].value == pytest.approx(107.3)
    assert found["start.dcrw.fresh noise.50"].source == "results/made-up/figures/fast_start.csv"


def test_committed_tables_follow_from_committed_metrics(tmp_path):
    """Table I again from metrics.csv and losses.csv with plain pandas."""
    results = project_root() / "results" / "paper"
    table = pd.read_csv(results / TABLE_1).set_index("cell")
    assert len(table) >= 4
    for label, row in table.iterrows():
        folders = sorted((results / "runs").glob(f"{label}-s[0-9]*-*"))
        assert len(folders) == row.seeds
        tails = [pd.read_csv(folder / "metrics.csv").tail(20) for folder in folders]
        assert row.train_lx == pytest.approx(
            np.mean([t.reconstruction.mean() for t in tails]), rel=1e-4
        )
        assert row.train_lz == pytest.approx(np.mean([t.latent.mean() for t in tails]), rel=1e-4)
        provenance = [json.loads((folder / "provenance.json").read_text()) for folder in folders]
        assert all(found["iterations"] == row.iterations >= 10_000 for found in provenance)
        evaluated = [
            json.loads((folder / "evaluation" / "evaluation.json").read_text())
            for folder in folders
        ]
        assert all(found["software"]["clean"] for found in [*provenance, *evaluated])
