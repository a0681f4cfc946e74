"""Evaluation on small runs whose answers are known."""

import json

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
from dcrw.training.files import RunError
from dcrw.training.loop import train
from dcrw.training.randomness import step_noise
from dcrw.training.run import Run

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
