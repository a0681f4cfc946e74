"""The estimate of the rate-distortion curve on sources whose curve is known, and its files."""

import json
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from common import execute

from dcrw.model.config import ConfigError
from dcrw.notebook import sections
from dcrw.training.config import DataConfig, Runtime
from dcrw.training.data import Dataset, Split
from dcrw.training.evaluation import data_summary
from study.noise.rate_distortion import (
    Fit,
    RateDistortionSettings,
    distortion_at,
    estimate,
    first_codebook,
    lower_hull,
    measure,
)

LOG2 = math.log(2)


def settings(**changes) -> RateDistortionSettings:
    return RateDistortionSettings(
        **{"sizes": [8], "slopes": [3.0, 2.0, 1.0], "sweeps": 40} | changes
    )


def source(values: list[float], counts: list[int]) -> torch.Tensor:
    """A one-pixel source, (n, 1)."""
    return torch.tensor(values).repeat_interleave(torch.tensor(counts)).unsqueeze(1)


class Known(NamedTuple):
    rate: float
    distortion: float
    floor: float  # no code has less R + s D


def known_point(values: list[float], weights: list[float], slope: float) -> Known:
    """A point of the curve by Blahut-Arimoto on a fixed, fine reproduction alphabet, and the
    certificate that goes with it."""
    words, source = np.linspace(0.0005, 0.9995, 1000), np.array(values)[:, None]
    cost = -(source * np.log(words) + (1 - source) * np.log(1 - words))
    kernel, share = np.exp(-slope * (cost - cost.min(1, keepdims=True))), np.full(1000, 1e-3)
    for _ in range(5000):
        gain = (np.array(weights) / (kernel @ share)) @ kernel
        share = share * gain
    joint = kernel * share
    posterior = joint / joint.sum(1, keepdims=True)
    ratio = np.divide(posterior, share, out=np.ones_like(posterior), where=posterior > 1e-200)
    rate = float(weights @ (posterior * np.log(ratio)).sum(1))
    distortion = float(weights @ (posterior * cost).sum(1))
    return Known(rate, distortion, rate + slope * distortion - float(np.log(gain.max())))


def test_fair_coins_under_log_loss_lie_on_the_known_line():
    """Three independent fair bits: R + D = 3 log 2 up to the floor of probabilities."""
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).repeat(5, 1)
    table = estimate(bits, settings(sizes=[2, 32], slopes=[4.0, 2.0, 1.5]))
    line = 3 * LOG2 - table.rate
    assert (table.distortion > line - 1e-5).all()
    hull = table[table.hull].sort_values("rate")
    np.testing.assert_allclose(hull.distortion, 3 * LOG2 - hull.rate, atol=2e-4)
    assert hull.rate.iloc[-1] == pytest.approx(3 * LOG2, abs=1e-3)
    assert distortion_at(table, 1.0) == pytest.approx(3 * LOG2 - 1, abs=2e-4)


@pytest.mark.parametrize("slope", [4.0, 10.0])
def test_a_grey_source_meets_blahut_and_arimoto(slope):
    values, counts = [0.05, 0.4, 0.9], [30, 50, 20]
    known = known_point(values, [0.3, 0.5, 0.2], slope)
    assert 0.05 < known.rate < 1.0  # a place where the curve bends
    table = estimate(source(values, counts), settings(slopes=[20.0, 10.0, 4.0, 2.0], sweeps=400))
    found = table[table.slope == slope].iloc[0]
    lagrangian = known.rate + slope * known.distortion
    assert lagrangian - known.floor < 2e-3
    assert found.rate + slope * found.distortion == pytest.approx(lagrangian, abs=3e-4)
    assert distortion_at(table, known.rate) == pytest.approx(known.distortion, abs=5e-3)


def test_every_point_lies_on_or_above_the_curve():
    """The tangents of the known curve are below all points, whatever size, slope and sweeps."""
    values, counts = [0.1, 0.3, 0.6, 0.95], [25, 25, 25, 25]
    floors = {slope: known_point(values, [0.25] * 4, slope).floor for slope in (3.0, 6.0)}
    for sweeps in (1, 20):
        table = estimate(
            source(values, counts), settings(sizes=[1, 2, 3, 16], slopes=[9.0, 3.0], sweeps=sweeps)
        )
        for slope, floor in floors.items():
            assert (table.rate + slope * table.distortion > floor - 1e-6).all()


@pytest.fixture(scope="module")
def grey() -> torch.Tensor:
    """Images of four kinds with noise, (240, 25)."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.rand(4, 25, generator=generator)
    return (kinds[torch.arange(240) % 4] + 0.2 * torch.rand(240, 25, generator=generator)).clamp(
        0, 1
    )


def test_the_zero_rate_end_is_the_mean_image(grey):
    table = estimate(grey, settings(slopes=[0.5, 1e-4]))
    images = (grey.reshape(-1, 5, 5) * 255).round().to(torch.uint8)
    split = Split(images, torch.zeros(len(images), dtype=torch.int64))
    cost = data_summary(Dataset(split, split, split))["train"]["mean_image"]
    first = table.iloc[0]
    assert (first.rate, first.slope, first["size"]) == (0, 0, 1)
    assert first.distortion == pytest.approx(cost, rel=1e-4)
    flat = table[table.slope == 1e-4].iloc[0]  # at almost no slope the words merge
    assert flat.rate < 0.05 and flat.distortion == pytest.approx(cost, rel=0.05)


def test_the_hull_falls_and_bends_upwards(grey):
    table = estimate(grey, settings(sizes=[2, 4, 32], slopes=[1.0, 0.5, 0.2, 0.1, 0.05], sweeps=10))
    hull = table[table.hull].sort_values("rate")
    assert len(hull) >= 4
    slopes = np.diff(hull.distortion) / np.diff(hull.rate)
    assert (slopes < 0).all() and (np.diff(slopes) > 0).all()
    found = distortion_at(table, table.rate)
    inside = np.isfinite(found)
    assert (table.distortion[inside] >= found[inside] - 1e-9).all()
    np.testing.assert_allclose(found[table.hull], table.distortion[table.hull])
    assert np.isnan(distortion_at(table, [-0.1, table.rate.max() + 1])).all()
    assert (table.rate <= np.log(table["size"]) + 1e-6).all()


def test_the_lower_hull_of_known_points():
    rate = [0, 1, 2, 3, 4, 1, 2, 0]
    distortion = [10, 6, 4, 3, 3.5, 7, 6.5, 10]
    found = lower_hull(rate, distortion)
    assert found.tolist() == [True, True, True, True, False, False, False, False]
    assert lower_hull([0, 1, 2], [4, 3, 2]).tolist() == [True, False, True]
    assert lower_hull([1], [1]).tolist() == [True]
    for points in (([], []), ([0, math.nan], [1, 0])):
        with pytest.raises(ValueError, match="at least one point, all finite"):
            lower_hull(*points)


def test_no_sweep_raises_the_lagrangian(grey, monkeypatch):
    """With one chunk a sweep is Blahut and Arimoto's; with many it gets there in fewer sweeps."""
    slope, found = 0.3, {}
    for chunk in (240, 30):
        monkeypatch.setattr("study.noise.rate_distortion.CHUNK", chunk)
        fitted = Fit(grey, first_codebook(grey, 16, seed=0))
        values = []
        for _ in range(12):
            point = measure(grey, fitted.codebook, slope)
            values.append(point.rate + slope * point.distortion)
            fitted.sweep(slope)
        found[chunk] = np.array(values)
    assert (np.diff(found[240]) < 1e-5).all() and found[240][0] - found[240][-1] > 0.05
    assert found[30][0] == pytest.approx(found[240][0], abs=1e-4)
    assert (found[30][1:4] < found[240][1:4]).all()


def test_held_out_images_are_coded_with_the_same_words(grey):
    table = estimate(grey, settings(), held_out=grey)
    for name in ("rate", "distortion", "hull"):
        np.testing.assert_allclose(table[f"held_out_{name}"], table[name], rtol=1e-6)
    noise = torch.rand(50, 25, generator=torch.Generator().manual_seed(1))
    other = estimate(grey, settings(), held_out=noise)
    pd.testing.assert_frame_equal(other[table.columns[:5]], table[table.columns[:5]])
    assert (other.held_out_distortion[1:] > other.distortion[1:] + 1).all()


def test_seeds_repeat_and_matter(grey):
    once, again, other = (
        estimate(grey, settings(sweeps=2, codebook_seed=seed)) for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(once, again)
    assert not np.allclose(once.distortion, other.distortion)


def test_impossible_estimates_are_refused(grey):
    with pytest.raises(ValueError, match="size = 500: expected 1 to 240"):
        estimate(grey, settings(sizes=[500]))
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        estimate(grey * 255, settings())
    with pytest.raises(ValueError, match=r"shape \(240, 5, 5\)"):
        estimate(grey.reshape(-1, 5, 5), settings())
    with pytest.raises(ValueError, match="shape"):
        estimate(grey[:0], settings())
    good = {"dataset": "digits", "sizes": [2], "slopes": [1.0]}
    for wrong, message in (
        ({"sizes": []}, "sizes"),
        ({"sizes": [4, 0]}, "expected each at least 1"),
        ({"slopes": [0.0]}, "expected each above 0"),
        ({"sweeps": 0}, "sweeps = 0"),
        ({"sizez": [4]}, "sizez = "),
    ):
        with pytest.raises(ConfigError, match=message):
            sections(good | wrong, DataConfig, RateDistortionSettings, Runtime)


def test_the_notebook_writes_table_and_provenance(tmp_path):
    """Its cells, in order, on the embedded digits."""
    small = {"dataset": "digits", "sizes": [2, 8], "slopes": [0.2, 0.05], "sweeps": 2}
    small |= {"results": str(tmp_path), "device": "cpu", "threads": 1}
    execute("rate_distortion", small, RateDistortionSettings().model_dump())
    table = pd.read_csv(tmp_path / "rate_distortion.csv")
    assert table["size"].tolist() == [1, 2, 2, 8, 8]
    assert table.hull[0] and table.held_out_hull[0]
    assert table.distortion.iloc[-2] < table.distortion[0]
    written = json.loads((tmp_path / "rate_distortion.json").read_text())
    assert written["images"] == 1500 and written["held_out_images"] == 297
    assert written["settings"]["sizes"] == [2, 8] and "above" in written["side"]
