"""The lower bound on sources whose curve is known, against brute force, and its files."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from common import execute

from dcrw.model.config import ConfigError
from dcrw.notebook import sections
from dcrw.training.config import DataConfig, Runtime
from study.noise.rate_distortion import (
    FLOOR,
    Codebook,
    RateDistortionSettings,
    distortion_at,
    estimate,
)
from study.noise.rate_distortion_dual import (
    LowerBoundSettings,
    ascend,
    constraint,
    cut_weights,
    distortion_at_least,
    image_weights,
    largest_constraint,
    least_distortion,
    least_losses,
    lower_bound,
    starting_words,
)

LOG2 = math.log(2)
TWO = np.array([[0.9, 0.2], [0.3, 0.7]])  # two images of two pixels, equally frequent


def settings(**changes) -> LowerBoundSettings:
    small = {"size": 4, "slopes": [4.0, 2.0, 1.0], "sweeps": 60, "random_starts": 8}
    return LowerBoundSettings(**small | {"steps": 50, "last_steps": 200} | changes)


def losses(images: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The Bernoulli loss by its definition, (n, K)."""
    x, y = images[:, None, :], words[None]
    return -(x * np.log(y) + (1 - x) * np.log(1 - y)).sum(2)


def grid(points: int = 121) -> np.ndarray:
    """Words of two pixels, (K, 2)."""
    axis = np.linspace(0.003, 0.997, points)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def two_images(copies: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels (n, 2) and labels (n,) of the source of two images."""
    return torch.tensor(TWO).float().repeat(copies, 1), torch.tensor([0, 1]).repeat(copies)


def blahut_arimoto(slope: float) -> tuple[float, float]:
    """Rate and distortion of the source of two images where the curve has this slope, over the
    words of a fine grid."""
    cost = losses(TWO, grid())
    kernel, share = np.exp(-slope * cost), np.full(cost.shape[1], 1 / cost.shape[1])
    for _ in range(3000):
        share = share * (kernel / (kernel @ share)[:, None]).mean(0)
    joint = kernel * share / (kernel @ share)[:, None]
    ratio = np.divide(joint, share, out=np.ones_like(joint), where=joint > 1e-200)
    return float((joint * np.log(ratio)).sum() / 2), float((joint * cost).sum() / 2)


# Coins under Hamming distortion: R(D) = log 2 - h(D)


def entropy(share: float) -> float:
    return -share * math.log(share) - (1 - share) * math.log(1 - share)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0, 5.0])
def test_coins_under_hamming_distortion_meet_the_known_curve(slope):
    """The line touches log 2 - h(D) where D = 1 / (1 + e^s), and lies below it elsewhere."""
    costs = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    weights = image_weights(costs, torch.tensor([0.5, 0.5], dtype=torch.float64), slope)
    largest = constraint(weights, costs, slope)
    torch.testing.assert_close(largest, torch.zeros(2, dtype=torch.float64))
    touch = 1 / (1 + math.exp(slope))
    bound = least_distortion(weights, largest.max().item(), slope, LOG2 - entropy(touch))
    assert bound == pytest.approx(touch, abs=1e-12)
    for share in (0.01, 0.1, 0.3, 0.49):
        bound = least_distortion(weights, largest.max().item(), slope, LOG2 - entropy(share))
        assert bound <= share + 1e-12


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.999, 0.001]])
def test_any_codebook_gives_a_bound_below_the_known_curve(shares):
    """Weights from a bad codebook have c above 1; once divided by it the bound holds again."""
    slope, costs = 2.0, torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    weights = image_weights(costs, torch.tensor(shares, dtype=torch.float64), slope)
    largest = constraint(weights, costs, slope).max().item()
    assert largest > 0.1 or shares == [0.5, 0.5]
    rates = [LOG2 - entropy(share) for share in (0.05, 0.1, 0.2, 0.4)]
    found = [least_distortion(weights, largest, slope, rate) for rate in rates]
    undivided = [least_distortion(weights, 0.0, slope, rate) for rate in rates]
    assert all(np.array(found) <= [0.05 + 1e-12, 0.1 + 1e-12, 0.2 + 1e-12, 0.4 + 1e-12])
    assert shares == [0.5, 0.5] or any(np.array(undivided) > [0.05, 0.1, 0.2, 0.4])


# Two images, by brute force over words


@pytest.mark.parametrize("slope", [1.0, 4.0, 10.0])
def test_two_images_meet_blahut_and_arimoto(slope):
    rate, distortion = blahut_arimoto(slope)
    table = lower_bound(*two_images(), settings(slopes=[10.0, 4.0, 1.0], sweeps=400))
    row = table[table.slope == slope].iloc[0]
    assert row.rate == pytest.approx(rate, abs=3e-3)
    assert row.largest_c == pytest.approx(1, abs=2e-3)
    at_rate = row.distortion + (row.rate - rate) / slope  # along the row's line
    assert at_rate == pytest.approx(distortion, abs=1e-3)
    assert at_rate <= distortion + 1e-5
    assert rate > 0.05 or slope == 1.0  # places where the curve bends, and its end


@pytest.mark.parametrize("slope", [2.0, 6.0, 30.0])
@pytest.mark.parametrize("weights", [[0.0, 0.0], [3.0, 0.0], [-1.0, 2.0]])
def test_the_search_finds_the_largest_c_of_a_grid(slope, weights):
    """Weights that no codebook gave, and c of two peaks at the larger slopes."""
    pixels, labels = two_images()
    log_lambda = torch.tensor(weights).repeat(10)
    kernel = np.exp(np.array(weights)[:, None] - slope * losses(TWO, grid(301)))
    expected = math.log(kernel.mean(0).max())
    book = Codebook(torch.tensor([[0.5, 0.5]]), torch.ones(1))
    starts = starting_words(pixels, labels, book, torch.zeros(20), settings())
    found = largest_constraint(pixels, log_lambda, starts, slope, settings())
    assert found == pytest.approx(expected, abs=2e-3) and found > expected - 1e-5


def test_a_codebook_of_one_word_still_gives_a_bound_below_the_curve():
    for slope in (2.0, 6.0):
        rate, distortion = blahut_arimoto(slope)
        table = lower_bound(*two_images(), settings(size=1, slopes=[slope]))
        assert distortion_at_least(table, rate) <= distortion + 1e-6
        assert slope == 2.0 or table.largest_c[0] > 1.05


# The parts


def test_no_step_lowers_c_and_the_last_is_stationary():
    generator = torch.Generator().manual_seed(0)
    pixels, words = torch.rand(50, 12, generator=generator), torch.rand(20, 12, generator=generator)
    weights, values = torch.randn(50, generator=generator), []
    for _ in range(400):
        step = ascend(pixels, weights, words, 1.5)
        values.append(step.log_c.numpy())
        words = step.words
    assert (np.diff(values, axis=0) > -1e-5).all() and (values[-1] > values[0] + 0.1).all()
    logits = words.double().logit().requires_grad_()
    cost = torch.nn.functional.softplus(logits).sum(1) - pixels.double() @ logits.t()
    constraint(weights.double(), cost, 1.5).sum().backward()
    assert logits.grad.abs().max() < 1e-3


def test_c_does_not_depend_on_chunks(monkeypatch):
    generator = torch.Generator().manual_seed(1)
    pixels, words = torch.rand(50, 12, generator=generator), torch.rand(3, 12, generator=generator)
    weights = torch.randn(50, generator=generator)
    whole = ascend(pixels, weights, words, 0.7)
    expected = np.log(
        (np.exp(weights.numpy()[:, None] - 0.7 * losses(pixels.numpy(), words.numpy()))).mean(0)
    )
    np.testing.assert_allclose(whole.log_c, expected, rtol=1e-5)
    monkeypatch.setattr("study.noise.rate_distortion_dual.CHUNK", 7)
    for ours, theirs in zip(ascend(pixels, weights, words, 0.7), whole, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_no_image_alone_takes_c_above_its_share():
    generator = torch.Generator().manual_seed(2)
    pixels = torch.rand(40, 9, generator=generator)
    least = least_losses(pixels)
    np.testing.assert_allclose(least, np.diag(losses(pixels.numpy(), pixels.numpy())), rtol=1e-5)
    large = torch.full((40,), 100.0)
    cut = cut_weights(large, least, 2.0, 0.25)
    own = (cut - 2.0 * least).exp() / 40
    torch.testing.assert_close(own, torch.full((40,), 0.25))
    assert torch.equal(cut_weights(-large, least, 2.0, 0.25), -large)
    assert (least_losses(torch.tensor([[0.0, 1.0], [0.5, 0.0]])) == torch.tensor([0, LOG2])).all()


def test_starts_are_of_every_kind():
    generator = torch.Generator().manual_seed(3)
    pixels, labels = torch.rand(200, 6, generator=generator), torch.arange(200) % 3
    book = Codebook(torch.full((5, 6), 0.5), torch.full((5,), 0.2))
    excess = torch.arange(200.0)
    starts = starting_words(pixels, labels, book, excess, settings(random_starts=10))
    assert starts.shape == (5 + 1 + 3 + 30, 6)
    torch.testing.assert_close(starts[5], pixels.mean(0))
    torch.testing.assert_close(starts[7], pixels[1::3].mean(0))
    assert all((pixels == word).all(1).any() for word in starts[-10:])
    assert torch.equal(starts[-10:-5], pixels[[199, 198, 197, 196, 195]])
    again = starting_words(pixels, labels, book, excess, settings(random_starts=10))
    other = starting_words(pixels, labels, book, excess, settings(random_starts=10, search_seed=1))
    assert torch.equal(starts, again) and not torch.equal(starts, other)
    few = starting_words(pixels[:4], labels[:4], book, excess[:4], settings(random_starts=10))
    assert len(few) == 5 + 1 + 3 + 12


def test_both_sides_of_a_curve_enclose_it():
    """Grey images of four kinds: the codebooks' side is nowhere below this one, and near it."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.rand(4, 25, generator=generator)[torch.arange(240) % 4]
    pixels = (kinds + 0.2 * torch.rand(240, 25, generator=generator)).clamp(0, 1)
    slopes = [0.6, 0.3, 0.2, 0.1]
    above = estimate(pixels, RateDistortionSettings(sizes=[4, 16], slopes=slopes, sweeps=30))
    below = lower_bound(pixels, torch.arange(240) % 4, settings(slopes=slopes, size=16, sweeps=30))
    rates = np.linspace(0.01, above.rate.max() - 0.01, 20)
    gap = distortion_at(above, rates) - distortion_at_least(below, rates)
    assert (gap > -1e-3).all() and gap.min() < 0.3
    assert (below.starts == 16 + 1 + 4 + 24).all() and (below.largest_c > 0.9).all()


def test_the_bound_between_its_lines():
    table = pd.DataFrame({"slope": [1.0, 0.1], "rate": [3.0, 1.0], "distortion": [10.0, 20.0]})
    found = distortion_at_least(table, [0.0, 1.0, 3.0])
    np.testing.assert_allclose(found, [30.0, 20.0, 10.0])
    assert distortion_at_least(table, 1.5) == pytest.approx(15.0)


def test_words_at_the_ends_of_the_scale_are_allowed_for():
    """Black images: D(R) is 0 for every R, which the search with its clamped words would miss."""
    table = lower_bound(torch.zeros(30, 500), torch.zeros(30), settings(size=1, slopes=[1.0]))
    assert -2 * 500 * FLOOR < table.distortion[0] <= 0


def test_impossible_bounds_are_refused():
    pixels, labels = two_images()
    with pytest.raises(ValueError, match="size = 500: expected 1 to 20"):
        lower_bound(pixels, labels, settings(size=500))
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        lower_bound(pixels * 255, labels, settings())
    good = {"dataset": "digits", "size": 2, "slopes": [1.0]}
    for wrong, message in (
        ({"size": 0}, "size = 0"),
        ({"own_share": 0.0}, "own_share = 0"),
        ({"slopes": [-1.0]}, "expected each above 0"),
        ({"random_starts": 0}, "random_starts = 0"),
        ({"startz": 4}, "startz = "),
    ):
        with pytest.raises(ConfigError, match=message):
            sections(good | wrong, DataConfig, LowerBoundSettings, Runtime)


def test_the_notebook_writes_table_and_provenance(tmp_path):
    """Its cells, in order, on the embedded digits."""
    small = {"dataset": "digits", "size": 4, "slopes": [0.2, 0.05], "sweeps": 2, "steps": 2}
    small |= {"random_starts": 3, "last_steps": 2}
    small |= {"results": str(tmp_path), "device": "cpu", "threads": 1}
    execute("rate_distortion_lower", small, LowerBoundSettings().model_dump())
    table = pd.read_csv(tmp_path / "rate_distortion_lower.csv")
    assert table.columns.tolist() == ["slope", "rate", "distortion", "largest_c", "starts"]
    assert table.slope.tolist() == [0.2, 0.05] and (table.starts == 4 + 1 + 10 + 9).all()
    written = json.loads((tmp_path / "rate_distortion_lower.json").read_text())
    assert written["images"] == 1500 and written["settings"]["size"] == 4
    assert "not certified" in written["side"] and written["software"]["torch"]
