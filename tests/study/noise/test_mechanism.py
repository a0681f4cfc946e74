"""What is measured of a run's noise, on cases whose answer is known."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import tiny_runs
import torch
from common import execute
from torch.distributions import MultivariateNormal, kl_divergence

from dcrw.model import losses
from dcrw.model.config import ConfigError
from dcrw.model.writer import Model
from dcrw.notebook import EvaluationTarget, sections
from dcrw.training.config import EvaluationConfig, Runtime
from dcrw.training.data import Split
from dcrw.training.engine import initial_model
from dcrw.training.evaluation import split_losses
from dcrw.training.files import RunError
from dcrw.training.loop import train
from dcrw.training.randomness import step_noise
from dcrw.training.run import Run
from study.noise.course import replaced_at
from study.noise.mechanism import (
    CORRELATIONS,
    MechanismSettings,
    _follow_all,
    active_units,
    correlations_table,
    difference_noise,
    latent_conventions,
    measure_mechanism,
    missing_latent,
    probe,
    sigma_agreement,
)

RECURRENT = ["dcrw", "dcrw-write-only", "draw", "dcrw-whole-image", "dcrw-stepwise"]
SETTINGS = MechanismSettings(
    images=23, draws=3, bound_images=5, bound_samples=20, batch_size=7, seed=5
)
dataset = tiny_runs.dataset


def small(architecture: str, correlation: float = 0.0) -> Model:
    model = {"architecture": architecture, "noise_correlation": correlation, "steps": 3}
    model |= {"steps": 1} if architecture == "conv-vae" else {}
    return initial_model(tiny_runs.tiny(model=model).model, 0)


# The divergence that Eq. 26 leaves out


@pytest.mark.parametrize("correlation", [0.0, 0.25, 0.9, 0.999])
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_the_missing_divergence_is_that_of_joint_gaussians(correlation, steps):
    """Against torch's divergence of the joint Gaussian, each step with a mean and sigma of its
    own."""
    generator = torch.Generator().manual_seed(steps)
    latent, double = 3, torch.float64
    mean, log_sigma = torch.randn(2, steps, 1, latent, generator=generator, dtype=double)
    noise = torch.full((steps, steps), correlation, dtype=double).fill_diagonal_(1)
    joint = 0.0
    for dimension in range(latent):
        sigma = log_sigma[:, 0, dimension].exp()
        q = MultivariateNormal(mean[:, 0, dimension], sigma[:, None] * noise * sigma)
        prior = MultivariateNormal(torch.zeros(steps, dtype=double), torch.eye(steps, dtype=double))
        joint += kl_divergence(q, prior).item()
    counted = losses.latent_loss(mean, log_sigma).sum().item()
    missing = missing_latent(correlation, steps, latent)
    assert missing == pytest.approx(joint - counted, abs=1e-8)


def test_the_noise_has_the_correlation_that_the_formula_assumes():
    noise = step_noise(0, "noise", 0, (3, 50_000, 2), 0.75).reshape(3, -1)
    np.testing.assert_allclose(np.cov(noise), np.full((3, 3), 0.75) + 0.25 * np.eye(3), atol=0.02)


def test_the_missing_divergence_at_its_ends():
    assert missing_latent(0, 10, 10) == 0
    assert missing_latent(1, 10, 10) == math.inf
    assert missing_latent(1, 1, 10) == 0
    values = [missing_latent(r, 10, 10) for r in (0.1, 0.5, 0.9, 0.99, 0.999999)]
    assert (np.diff([0, *values]) > 0).all() and values[-1] > 500
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="expected 0 to 1"):
            missing_latent(wrong, 10, 10)


@pytest.mark.parametrize(("steps", "latent"), [(10, 10), (4, 7), (1, 5)])
def test_the_three_readings_of_the_constant(steps, latent):
    standard = torch.zeros(steps, 2, latent)
    found = latent_conventions(standard, standard)
    assert (found["exact"] == 0).all()
    torch.testing.assert_close(found["as_printed"], torch.full((2,), steps * (latent - 1) / 2))
    torch.testing.assert_close(
        found["half_t_each_step"], torch.full((2,), steps * (latent - steps) / 2)
    )
    mean, log_sigma = torch.randn(2, steps, 3, latent, generator=torch.Generator().manual_seed(0))
    by_hand = 0.5 * (mean**2 + (2 * log_sigma).exp() - 2 * log_sigma).sum((0, 2))
    found = latent_conventions(mean, log_sigma)
    torch.testing.assert_close(found["exact"], by_hand - steps * latent / 2)
    torch.testing.assert_close(found["as_printed"], by_hand - steps / 2)  # Eq. 27
    torch.testing.assert_close(found["half_t_each_step"], by_hand - steps * steps / 2)


# Probes, sigmas and the noise that is left


def test_a_probe_finds_what_is_linear_and_nothing_else():
    rng = np.random.default_rng(0)
    features, each = rng.normal(size=(1000, 40)) * 10 ** rng.uniform(-2, 2, 40), np.arange(1000)
    known = features / features.std(0) @ rng.normal(size=(40, 3))
    noise = rng.normal(size=(1000, 3))
    assert probe(features, known, each) > 0.999
    assert abs(probe(features, noise, each)) < 0.05
    half = known + noise * known.std(0)
    assert probe(features, half, each) == pytest.approx(0.5, abs=0.08)
    assert abs(probe(np.zeros((1000, 4)), noise, each)) < 0.05
    unequal = np.column_stack([10 * known[:, 0], noise[:, 0]])  # counts by variance
    assert probe(features, unequal, each) > 0.95


def test_a_probe_leaves_out_all_rows_of_an_image():
    """Features that tell which image it is fit any target of that image, if one of its rows is
    seen."""
    rng = np.random.default_rng(0)
    features = np.tile(rng.normal(size=(98, 200)), (4, 1))
    targets, images = np.tile(rng.normal(size=(98, 2)), (4, 1)), np.tile(np.arange(98), 4)
    assert probe(features, targets, np.arange(392)) > 0.9
    assert probe(features, targets, images) < 0.1


def test_agreement_of_sigmas():
    first = np.random.default_rng(0).normal(size=(50, 4))
    found = sigma_agreement(np.stack([first, first, first + 0.7, -first]))
    np.testing.assert_allclose(
        found["log_sigma_distance"], [0, 0, 0.7, 2 * np.abs(first).mean()], atol=1e-12
    )
    np.testing.assert_allclose(found["log_sigma_correlation"], [1, 1, 1, -1])


def latents(correlation: float, sigmas: list[float], message: float) -> tuple[np.ndarray, ...]:
    """400 draws for 300 images: steps with their own sigma, and a message of N(0, message^2) in the
    mean after the first. (T, m, n, z) twice."""
    rng = np.random.default_rng(0)
    steps = len(sigmas)
    shared = rng.normal(size=(1, 400, 300, 2))
    fresh = rng.normal(size=(steps, 400, 300, 2))
    noise = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * fresh
    mean = message * rng.normal(size=(steps, 1, 300, 2))
    mean[0] = 0
    sigma = np.array(sigmas)[:, None, None, None]
    return mean + sigma * noise, np.broadcast_to(np.log(sigma), noise.shape)


def test_independent_noise_stays_in_the_difference():
    found = difference_noise(*latents(0, [1.0, 1.0, 0.5], message=0.5))
    np.testing.assert_allclose(found["difference_variance"], [0, 2, 1.25], rtol=0.02)
    np.testing.assert_allclose(found["difference_over_prior"], [0, 1, 0.625], rtol=0.02)
    np.testing.assert_allclose(found["difference_over_posterior"], [0, 1, 1], rtol=0.02)
    np.testing.assert_allclose(found["difference_signal"], [0, 0.25, 0.25], rtol=0.15)
    expected = [0, math.log1p(0.25 / 2), math.log1p(0.25 / 1.25)]  # two dimensions
    np.testing.assert_allclose(found["difference_nats"], expected, rtol=0.15)


def test_shared_noise_leaves_the_difference():
    found = difference_noise(*latents(1, [1.0, 1.0, 0.9], message=0.5))
    np.testing.assert_allclose(found["difference_variance"], [0, 0, 0.01], rtol=0.02, atol=1e-12)
    assert found["difference_nats"][0] == 0 and found["difference_nats"][1] > 20
    assert found["difference_nats"][2] == pytest.approx(math.log1p(0.25 / 0.01), rel=0.1)
    half = difference_noise(*latents(0.5, [1.0, 1.0], message=0.5))
    assert half["difference_over_prior"][1] == pytest.approx(0.5, rel=0.02)
    silent = difference_noise(*latents(1, [1.0, 1.0], message=0))
    assert silent["difference_nats"].tolist() == [0, 0]
    few = difference_noise(*(part[:, :4] for part in latents(0, [1, 1], message=0.5)))
    assert few["difference_signal"][1] == pytest.approx(0.25, abs=0.15)  # not 0.25 + 2 / 4


# Whole runs


def examined(tmp_path, dataset, architecture: str, correlation: float) -> dict[str, pd.DataFrame]:
    model = {"architecture": architecture, "noise_correlation": correlation}
    model |= {"steps": 1} if architecture == "conv-vae" else {"steps": 3}
    run = train(Run(tmp_path), tiny_runs.tiny(model=model), dataset)
    weights = (tmp_path / "model.safetensors").read_bytes()
    folder = measure_mechanism(run, dataset, SETTINGS, torch.device("cpu"), threads=1)
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    written = json.loads((folder / "forensics.json").read_text())
    assert written["settings"] == SETTINGS.model_dump() and written["software"]["torch"]
    names = ("mechanism_steps", "mechanism", "correlations", "bounds")
    return {name: pd.read_csv(folder / f"{name}.csv") for name in names}


@pytest.mark.parametrize(
    ("architecture", "correlation"),
    [("dcrw", 0.6), ("dcrw-write-only", 1.0), ("draw", 1.0), ("conv-vae", 0.0)],
)
def test_an_examined_run_has_all_its_files(tmp_path, dataset, architecture, correlation):
    tables = examined(tmp_path, dataset, architecture, correlation)
    model, steps = Run(tmp_path).model(), 1 if architecture == "conv-vae" else 3
    table = tables["mechanism"].set_index("condition")
    replaced = [f"step {step} replaced" for step in range(1, steps + 1)]
    assert table.index.tolist() == ["as drawn", "first repeated", *replaced]
    own = table.loc["as drawn"]
    assert own.total == pytest.approx(own.reconstruction + own.latent, rel=1e-5)
    assert own.latent_as_printed - own.latent == pytest.approx(steps * 0.5, abs=1e-4)
    by_step = tables["mechanism_steps"]
    assert by_step.step.tolist() == list(range(1, steps + 1))
    assert by_step.latent.sum() == pytest.approx(own.latent, rel=1e-4)
    assert (by_step.images == 23).all() and (table.images == 23).all()
    doses = tables["correlations"]
    assert set(doses.noise_correlation) == {*CORRELATIONS, correlation}
    measured = EvaluationConfig(batch_size=7, seed=5)
    row = doses[doses.noise_correlation == 0.5].iloc[0]
    lx, lz = split_losses(model, dataset.test, measured, 0.5)
    assert row.reconstruction == pytest.approx(lx.mean(), rel=1e-5)
    assert row.total_se == pytest.approx((lx + lz.sum(1)).std(ddof=1) / np.sqrt(23), rel=1e-4)
    if architecture in ("dcrw", "draw"):
        assert doses.missing.isna().all()
    elif architecture == "conv-vae":
        assert (doses.missing == 0).all()
    else:
        assert doses.missing.iloc[-1] == math.inf and doses.missing[0] == 0
        assert row.missing == pytest.approx(missing_latent(0.5, 3, 2), rel=1e-5)
    assert tables["bounds"].samples.tolist() == [1, 10, 20]
    assert (tables["bounds"].images == 5).all()


def test_without_feedback_shared_noise_is_one_latent(tmp_path, dataset):
    tables = examined(tmp_path, dataset, "dcrw-write-only", 1.0)
    by_step = tables["mechanism_steps"]
    for name in ("difference_variance", "difference_nats", "log_sigma_distance"):
        assert (by_step[name] == 0).all()
    np.testing.assert_allclose(by_step.log_sigma_correlation, 1, rtol=1e-5)
    np.testing.assert_allclose(by_step.latent, by_step.latent[0], rtol=1e-5)
    table = tables["mechanism"].set_index("condition")
    same = ["reconstruction", "latent"]
    np.testing.assert_allclose(
        table.loc["first repeated", same].astype(float), table.loc["as drawn", same].astype(float)
    )


def test_batches_do_not_change_shapes_or_share_noise(dataset):
    """23 images in batches of 7: all are there, in order, and no two have the same noise."""
    model = small("dcrw-write-only")
    course = _follow_all(model, dataset.test.images, SETTINGS)
    assert course.latent.shape == (3, 23, 2) and course.canvas.shape == (23, 8, 8)
    noise = (course.latent - course.mean) / course.log_sigma.exp()
    assert len(noise.reshape(-1).round(decimals=4).unique()) > 130
    other = _follow_all(model, dataset.test.images, SETTINGS, draw=1)
    assert torch.equal(course.mean[0], other.mean[0])
    assert not torch.isclose(course.latent, other.latent).any(0).all()


def test_what_replaces_a_latent_is_a_draw_of_its_own(dataset):
    model = small("dcrw-write-only")
    images = dataset.test.images[torch.arange(2000) % 23]
    drawn = _follow_all(model, images, SETTINGS)
    replaced = _follow_all(
        model, images, SETTINGS, condition=lambda prior: replaced_at(0, prior)
    ).latent[0]
    assert replaced.mean().item() == pytest.approx(0, abs=0.06)
    assert replaced.std().item() == pytest.approx(1, abs=0.05)
    noise = ((drawn.latent - drawn.mean) / drawn.log_sigma.exp()).reshape(3, -1)
    together = torch.corrcoef(torch.cat([replaced.reshape(1, -1), noise]))[0, 1:]
    assert together.abs().max() < 0.08


def test_unfinished_runs_and_impossible_settings_are_refused(tmp_path, dataset):
    with pytest.raises(RunError, match="not a complete run"):
        measure_mechanism(Run(tmp_path), dataset, SETTINGS, torch.device("cpu"))
    for wrong, message in (
        ({"images": 3}, "images = 3"),
        ({"draws": 1}, "draws = 1"),
        ({"bound_samples": 0}, "bound_samples = 0"),
        ({"imagez": 30}, "imagez = 30: unknown parameter"),
        ({"run": 5}, "run = 5"),
    ):
        with pytest.raises(ConfigError, match=message):
            sections(
                {"run": "somewhere", "images": 100} | wrong,
                EvaluationTarget,
                MechanismSettings,
                Runtime,
            )


def test_the_notebook_examines_a_run(tmp_path, dataset, monkeypatch, capsys):
    """Its cells, in order."""
    train(Run(tmp_path), tiny_runs.tiny(), dataset)
    monkeypatch.setattr("dcrw.notebook.load_run_data", lambda config, runtime: dataset)
    parameters = {"run": str(tmp_path), "device": "cpu", "threads": 1} | SETTINGS.model_dump()
    execute("forensics", parameters, MechanismSettings().model_dump())
    assert "effective_samples" in capsys.readouterr().out
    assert (tmp_path / "evaluation" / "bounds.csv").exists()


def test_data_without_enough_images_is_no_error(dataset):
    few = Split(dataset.test.images[:12], dataset.test.labels[:12])
    table = correlations_table(small("dcrw"), few, SETTINGS)
    assert (table.images == 12).all()


def test_active_units_vary_over_images_not_over_noise():
    rng = np.random.default_rng(0)
    mean = np.zeros((200, 2, 50, 3))  # draws, steps, images, dimensions
    mean[..., 0] = rng.normal(size=(1, 2, 50))  # images differ
    mean[..., 1] = rng.normal(size=(200, 2, 1))  # draws differ, images do not
    mean[:, 1, :, 2] = 0.09 * np.sign(rng.normal(size=50))  # variance below the threshold
    np.testing.assert_array_equal(active_units(mean), [1, 1])
    mean[:, 1, :, 2] *= 3
    np.testing.assert_array_equal(active_units(mean), [1, 2])
