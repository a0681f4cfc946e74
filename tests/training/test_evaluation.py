"""Evaluation, numbers and tables on small runs whose answers are known."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import tiny_runs
import torch

from dcrw.model.config import ModelConfig
from dcrw.model.writer import loss_terms
from dcrw.training.config import EvaluationConfig
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.engine import initial_model
from dcrw.training.evaluation import data_summary, evaluate, pixel_windows, split_losses
from dcrw.training.files import RunError, project_root
from dcrw.training.loop import train
from dcrw.training.randomness import step_noise
from dcrw.training.run import Run
from study import numbers
from study.finished import cells, final_minibatches
from study.numbers import Number
from study.pages import readme_table, with_reach, with_table
from study.paper.table_1 import TABLE_1

SETTINGS = EvaluationConfig(batch_size=7, seed=5, noise_draws=2, digits=4)
dataset = tiny_runs.dataset


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_split_losses_are_means_over_draws_image_by_image(dataset, correlation):
    config = tiny_runs.tiny()
    model = initial_model(config.model, 0)
    lx, lz = split_losses(model, dataset.test, SETTINGS, correlation)
    assert lx.shape == (23,) and lz.shape == (23, 2)
    images = to_unit(dataset.test.images[21:23])  # the last, incomplete batch: number 3
    totals = []
    for draw in range(2):
        noise = step_noise(5, "evaluation", 3 * 2 + draw, (2, 2, 2), correlation)
        totals.append(loss_terms(model, images, torch.tensor(noise)))
    expected = sum(terms.reconstruction for terms in totals) / 2
    np.testing.assert_allclose(lx[21:], expected.detach(), rtol=1e-5)
    np.testing.assert_allclose(lz[21:], (sum(t.latent for t in totals) / 2).T.detach(), rtol=1e-5)


@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "draw", "conv-vae"])
def test_an_evaluated_run_has_all_its_files(tmp_path, dataset, architecture):
    model = {"architecture": architecture, "noise_correlation": 0.5}
    model |= {"steps": 1} if architecture == "conv-vae" else {}
    run = train(Run(tmp_path), tiny_runs.tiny(model=model), dataset)
    weights = (tmp_path / "model.safetensors").read_bytes()
    folder = evaluate(run, dataset, SETTINGS, torch.device("cpu"), threads=1)
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    losses = pd.read_csv(folder / "losses.csv")
    assert len(losses) == 2 * 3 and set(losses.noise_correlation) == {0.0, 0.5, 1.0}
    row = losses[(losses.split == "test") & (losses.noise_correlation == 0.5)].iloc[0]
    lx, lz = split_losses(run.model(), dataset.test, SETTINGS, 0.5)
    assert row.reconstruction == pytest.approx(lx.mean(), rel=1e-5)
    assert row.total == pytest.approx((lx + lz.sum(1)).mean(), rel=1e-5)
    assert row.total_se == pytest.approx((lx + lz.sum(1)).std(ddof=1) / np.sqrt(23), rel=1e-4)
    steps = pd.read_csv(folder / "steps.csv")
    mine = steps[(steps.split == "test") & (steps.noise_correlation == 0.5)]
    np.testing.assert_allclose(mine.latent, lz.mean(0), rtol=1e-4)
    drawn = dict(np.load(folder / "traces.npz"))
    shape = (model.get("steps", 2), 4, 8, 8)
    assert drawn["generated_canvas"].shape == drawn["reconstructed_canvas"].shape == shape
    assert ("reconstructed_read_window" in drawn) == (architecture in ("dcrw", "draw"))
    assert ("generated_write_window" in drawn) == (architecture != "conv-vae")
    assert json.loads((folder / "evaluation.json").read_text())["settings"]["noise_draws"] == 2


def test_unfinished_runs_are_not_evaluated(tmp_path, dataset):
    with pytest.raises(RunError, match="not a complete run"):
        evaluate(Run(tmp_path), dataset, SETTINGS, torch.device("cpu"))


@pytest.mark.parametrize("indexing", ["one-based", "mixed"])
def test_pixel_windows_count_from_the_first_pixel(indexing):
    config = ModelConfig(indexing=indexing)
    windows = pixel_windows(torch.zeros(3, 2, 5), 7, config)
    centre = 13.5 if indexing == "one-based" else 14.5
    np.testing.assert_allclose(windows[1, 1], [centre, centre, 27 / 6, 1, 1], rtol=1e-6)


def test_the_data_summary_on_a_known_case():
    images = torch.zeros(2, 8, 8, dtype=torch.uint8)
    images[0] = 255
    half = Split(images, torch.zeros(2, dtype=torch.int64))
    grey = Split(torch.full((1, 8, 8), 51, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    summary = data_summary(Dataset(half, grey, grey))
    assert summary["train"]["entropy"] == 0
    assert summary["train"]["mean_image"] == pytest.approx(64 * np.log(2))
    fifth = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    assert summary["test"]["entropy"] == pytest.approx(64 * fifth)


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


def test_numbers_merge_and_clash(tmp_path):
    first, second, joined = (tmp_path / name for name in ("a.json", "b.json", "all.json"))
    numbers.write(first, {"x": Number(1.5, "a.csv", 3, (1.0, 2.0))})
    numbers.write(second, {"y": Number(2.0, "b.csv")})
    numbers.merge([first, second], joined)
    assert numbers.read(joined)["x"].value == 1.5 and set(numbers.read(joined)) == {"x", "y"}
    numbers.write(second, {"x": Number(2.0, "b.csv")})
    with pytest.raises(RunError, match=r"x is already defined by a\.csv"):
        numbers.merge([first, second], joined)
    second.write_text("{")
    with pytest.raises(RunError, match="not a file of numbers"):
        numbers.read(second)


def test_the_readme_agrees_with_the_committed_numbers():
    """Every loss in the README's table is one of numbers.json, to the digits shown."""
    root = project_root()
    readme = (root / "README.md").read_text()
    assert with_table(readme, readme_table(root / "results" / "paper")) == readme
    found = numbers.read(root / "results" / "paper" / "numbers.json")
    for cell in cells(root / "results" / "paper"):
        shown = [f"{found[f'grid.{cell}.{key}'].value:.2f}" for key in ("train.lx", "test.total")]
        assert re.search(rf"noise \| {shown[0]}.* \| {shown[1]}[ |]", readme)
    with pytest.raises(ValueError, match="expected results/paper"):
        readme_table(root / "results" / "quick")
    with pytest.raises(ValueError, match="markers"):
        with_table("no markers", "table")


def test_a_mean_shows_how_far_its_interval_reaches():
    assert with_reach(Number(84.04, "a.csv", 3, (83.0, 85.1))) == "84.04 ± 1.05"
    assert with_reach(Number(84.04, "a.csv", 1)) == "84.04"


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
