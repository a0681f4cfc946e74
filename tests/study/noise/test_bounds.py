"""The importance-weighted bound against marginal likelihoods found by quadrature."""

import math

import numpy as np
import pandas as pd
import pytest
import tiny_runs
import torch
from scipy.special import logsumexp

from dcrw.model.config import ModelConfig
from dcrw.model.layers import Heads
from dcrw.model.writer import Model, loss_terms
from dcrw.training.config import make_config
from dcrw.training.data import to_unit
from dcrw.training.engine import initial_model
from study.noise import bounds

RECURRENT = ["dcrw", "dcrw-write-only", "draw", "dcrw-whole-image", "dcrw-stepwise"]
ARCHITECTURES = [*RECURRENT, "conv-vae"]


def small(architecture: str, latent: int = 1, **more) -> Model:
    """A random model whose drawings and posteriors depend strongly on what they are given."""
    settings = tiny_runs.TINY | {"architecture": architecture, "latent_size": latent} | more
    settings |= {"steps": 1} if architecture == "conv-vae" else {}
    model = initial_model(make_config({"name": "small", "model": settings}).model, 3)
    convolutional = architecture == "conv-vae"
    with torch.no_grad():
        for part in (model.image,) if convolutional else (model.decoder, model.heads):
            part.weight *= 2 if convolutional else 4
        for layer in model.modules():
            for name, rows in layer.rows().items() if isinstance(layer, Heads) else ():
                layer.bias[rows] += {"mean": 0.8, "log_sigma": 0.2}.get(name.rstrip("_01"), 0)
    return model


def pictures(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 8, 8), generator=generator, dtype=torch.uint8)


def exact(model: Model, images: torch.Tensor) -> np.ndarray:
    """-log of the integral of p(z) p(x | z) over the two dimensions that z_1..z_T have, (n,)."""
    config = model.config
    axis = torch.linspace(-6, 6, 101, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)  # (N, 2)
    latent = grid.T.reshape(config.steps, config.latent_size, -1).transpose(1, 2).float()
    canvas = model.generate(latent).canvas[-1].double()  # (N, 8, 8)
    probability = canvas.sigmoid()
    prior = -0.5 * grid.square().sum(1) - math.log(2 * math.pi)
    found = []
    for image in to_unit(images).double():
        if config.reconstruction == "gaussian":
            squares = (probability - image).square().sum((1, 2)) / config.gaussian_variance
            constant = 64 * math.log(2 * math.pi * config.gaussian_variance)
            cost = 0.5 * (squares + constant)
        else:
            cost = -(image * probability.log() + (1 - image) * (1 - probability).log()).sum((1, 2))
        found.append(-logsumexp((prior - cost).numpy()) - 2 * math.log(12 / 100))
    return np.array(found)


def within_chance(found: bounds.Estimate, truth: np.ndarray) -> bool:
    """Within four standard errors of the log of a mean of weights, all of them small."""
    error = found.effective**-0.5
    return bool((error < 0.05).all() and (np.abs(found.bound - truth) < 4 * error).all())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_many_samples_reach_the_marginal_likelihood(architecture):
    """Two latent dimensions in all; noise_correlation 1 must not reach the bound."""
    latent = 2 if architecture == "conv-vae" else 1
    model = small(architecture, latent, noise_correlation=1.0)
    images = pictures()
    truth = exact(model, images)
    weights = bounds.log_weights(model, images, 5000, seed=0, rows=5000)
    close = bounds.importance_bound(weights)
    assert within_chance(close, truth)
    single = bounds.importance_bound(weights, 1).bound
    few = bounds.importance_bound(weights, 10).bound
    assert (single > truth + 0.2).all()  # so that a wrong weight would show
    assert (single > few).all() and (few > truth).all()


def test_gaussian_pixels_have_a_bound_too():
    model = small("dcrw", reconstruction="gaussian", gaussian_variance=0.5)
    images = pictures(2)
    weights = bounds.log_weights(model, images, 5000, seed=0, rows=5000)
    assert within_chance(bounds.importance_bound(weights), exact(model, images))


@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-stepwise", "conv-vae"])
def test_one_sample_is_the_evidence_lower_bound(architecture):
    model, images = small(architecture, latent=2), pictures(1)
    draws = 4000
    weights = bounds.log_weights(model, images, draws, seed=0)
    noise = bounds._noise(model.config, range(1), draws, seed=0)[:, 0]
    with torch.no_grad():
        terms = loss_terms(model, to_unit(images).expand(draws, 8, 8), noise)
    surplus = -weights[0] - (terms.reconstruction + terms.latent.sum(0)).double().numpy()
    error = surplus.std() / math.sqrt(draws)  # the sampled ratio against the closed form
    assert 0.001 < error < 0.05
    assert abs(surplus.mean()) < 4 * error


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_do_not_depend_on_how_they_are_chunked(architecture):
    model, images = small(architecture), pictures(5)
    whole = bounds.log_weights(model, images, 12, seed=4)
    assert whole.dtype == np.float64 and whole.shape == (5, 12)
    for rows in (1, 7, 12, 30):
        np.testing.assert_allclose(
            bounds.log_weights(model, images, 12, seed=4, rows=rows), whole, rtol=1e-5, atol=1e-4
        )
    np.testing.assert_allclose(
        bounds.log_weights(model, images[:2], 12, seed=4), whole[:2], rtol=1e-5, atol=1e-4
    )
    assert np.abs(bounds.log_weights(model, images, 12, seed=5) - whole).min() > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_look_shared_by_samples_changes_nothing(architecture):
    model, images = small(architecture), to_unit(pictures())
    noise = torch.randn(model.config.steps, 12, 1, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        shared = bounds._redraw(model, images, noise)
        alone = model(images.repeat_interleave(4, 0), noise)
    for ours, expected in zip(shared, alone, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_the_models_own_correlation_is_not_used():
    images, found = pictures(), []
    for correlation in (0.0, 1.0):
        model = small("dcrw", noise_correlation=correlation)
        found.append(bounds.log_weights(model, images, 5, seed=0))
    np.testing.assert_array_equal(*found)


def test_bounds_of_known_weights():
    """Where log w is N(-s^2 / 2, s^2) the mean of w is 1: the bound falls from s^2 / 2 to 0."""
    spread = 1.0
    draws = np.random.default_rng(0).normal(-(spread**2) / 2, spread, (200, 1000))
    table = bounds.bounds_table(draws - 1e6)  # far below what exp can hold
    assert table.samples.tolist() == [1, 10, 100, 1000]
    assert (table.images == 200).all()
    bound = table.bound - 1e6
    assert bound[0] == pytest.approx(spread**2 / 2, abs=0.02)
    assert (np.diff(bound) < -0.005).all() and abs(bound[3]) < 0.01
    assert table.effective_samples[0] == 1
    assert table.effective_samples[3] == pytest.approx(1000 * math.exp(-(spread**2)), rel=0.05)
    assert table.bound_se[0] == pytest.approx(spread / math.sqrt(200 * 1000), rel=0.2)


def test_groups_are_averaged_and_leftovers_left():
    weights = np.log(np.array([[1.0, 3.0, 2.0, 6.0, 1e9]]))
    expected = -(math.log(2) + math.log(4)) / 2
    assert bounds.importance_bound(weights, 2).bound == pytest.approx(expected)
    assert bounds.importance_bound(np.log([[1.0, 1.0, 1.0]])).effective == pytest.approx(3)
    assert bounds.bounds_table(np.zeros((4, 3))).samples.tolist() == [1, 3]
    assert isinstance(bounds.bounds_table(np.zeros((4, 3))), pd.DataFrame)


def test_impossible_counts_are_refused():
    model = initial_model(ModelConfig(**tiny_runs.TINY), 0)
    for arguments, message in (
        ((pictures(), 0, 0), "samples = 0: expected at least 1"),
        ((pictures(), 5, 0, 0), "rows = 0"),
        ((pictures(0), 5, 0), "images = 0"),
    ):
        with pytest.raises(ValueError, match=message):
            bounds.log_weights(model, *arguments)
    for size in (0, 4):
        with pytest.raises(ValueError, match=f"size = {size}: expected 1 to 3"):
            bounds.importance_bound(np.zeros((2, 3)), size)
