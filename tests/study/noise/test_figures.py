"""Figures of the page on reused noise: what their lines show."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.names import cell_in_words
from study.noise.figures import (
    HIGHLIGHTED,
    correlations_figure,
    dose_figure,
    mechanism_figure,
    plane_figure,
)
from study.noise.rate_distortion_dual import distortion_at_least

CURVE = pd.DataFrame({"rate": [3.0, 0.5, 1.0], "distortion": [140.0, 190.0, 175.0]})
PAPER = {"with attention in read": (70.0, 1.5), "without attention in read": (147.0, 31.0)}
LOWER = pd.DataFrame({"slope": [0.05, 0.1], "rate": [1.4, 3.5], "distortion": [168.0, 120.0]})


def plane(**more) -> Figure:
    metrics = pd.DataFrame({"latent": [1.0, 2.0], "reconstruction": [200.0, 100.0]})
    paths = {"dcrw-fresh": {0: metrics, 1: metrics + 5}, "draw-lineage": {0: metrics + 1}}
    return plane_figure(CURVE, paths, PAPER, {"level": 60.0}, 10, **more)


def labelled(figure: Figure) -> dict[str, np.ndarray]:
    """Points (n, 2) of every line with a label of its own."""
    lines = figure.axes[0].get_lines()
    return {
        str(line.get_label()): np.column_stack(line.get_data())
        for line in lines
        if not str(line.get_label()).startswith("_")
    }


def test_the_plane_shows_the_curve_and_labels_the_chosen_paths():
    lines = labelled(plane())
    assert len(lines) == 2 and "other models, noises and settings" in lines
    (curve,) = (points for name, points in lines.items() if name.startswith("codebooks"))
    known = CURVE.sort_values("rate")
    reached = np.interp(curve[:, 0], known.rate, known.distortion)  # straight in the rate
    np.testing.assert_allclose(curve[:, 1], reached)
    assert curve[-1].tolist() == [3.0, 140.0] and (np.diff(curve[:, 0]) > 0).all()
    stars = [line.get_data() for line in plane().axes[0].get_lines() if line.get_marker() == "*"]
    assert [(float(x[0]), float(y[0])) for x, y in stars] == [(1.5, 70.0)]
    words = [text.get_text() for text in plane().axes[0].texts]
    assert HIGHLIGHTED["dcrw-fresh"][0] in words and HIGHLIGHTED["dcrw-shared"][0] not in words


def test_the_plane_shows_the_lower_side_where_it_is_given():
    """It is the highest of the lines and stops where they say nothing."""
    lines = labelled(plane(lower=LOWER))
    (bound,) = (points for name, points in lines.items() if name.startswith("dual"))
    rate, distortion = bound.T
    np.testing.assert_allclose(distortion, distortion_at_least(LOWER, rate))
    highest = np.maximum(168 + (1.4 - rate) / 0.05, 120 + (3.5 - rate) / 0.1)
    np.testing.assert_allclose(distortion, highest)
    assert (distortion > 0).all() and rate.min() < 0.5 and rate.max() > 10
    assert len(lines) == 3
    texts = [text.get_text() for text in plane(lower=LOWER).legends[0].get_texts()]
    assert any("at or above" in text for text in texts)


def test_correlations_have_a_logarithmic_panel_a_loss():
    table = pd.DataFrame(
        {
            "cell": ["dcrw-fresh", "dcrw-fresh", "draw-shared", "draw-shared"],
            "noise_correlation": [0.0, 1.0, 0.0, 1.0],
            "reconstruction": [100.0, 200.0, 3000.0, 80.0],
            "latent": [20.0, 25.0, 90.0, 2.0],
        }
    )
    figure = correlations_figure(table)
    assert [axis.get_yscale() for axis in figure.axes] == ["log", "log"]
    for axis, column in zip(figure.axes, ("reconstruction", "latent"), strict=True):
        drawn = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}
        assert drawn == {
            cell_in_words(cell): list(rows[column]) for cell, rows in table.groupby("cell")
        }


def test_doses_stand_at_equal_distances_under_their_correlations():
    dose = pd.DataFrame(
        {
            "model": ["dcrw"] * 3 + ["dcrw-write-only"] * 2,
            "noise_correlation": [0.0, 0.9, 1.0, 0.0, 1.0],
            "train_lx": [1.0, 2.0, 3.0, 4.0, 5.0],
            "train_lz": [6.0, 7.0, 8.0, 9.0, 10.0],
            "fresh_total": [11.0, 12.0, 13.0, 14.0, 15.0],
        }
    )
    figure = dose_figure(dose)
    assert [axis.get_yscale() for axis in figure.axes] == ["linear", "linear", "log"]
    first = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert list(first["with attention in read"].get_xdata()) == [0, 1, 2]
    assert list(first["without attention in read"].get_xdata()) == [0, 2]
    assert list(first["without attention in read"].get_ydata()) == [4.0, 5.0]
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["0", "0.9", "1"]
    assert "place" not in dose


def test_the_mechanism_has_three_panels_by_step():
    steps = pd.DataFrame(
        {
            "cell": ["dcrw-fresh"] * 2,
            "step": [1, 2],
            "probe_mean": [0.0, 0.5],
            "log_sigma_distance": [0.0, 0.25],
            "difference_over_posterior": [0.0, 1.25],
        }
    )
    figure = mechanism_figure(steps)
    last = [axis.get_lines()[0].get_ydata()[-1] for axis in figure.axes]
    assert last == [0.5, 0.25, 1.25]
    assert figure.axes[0].get_ylabel() == "$R^2$ of $\\mu_t$ from $h_{t-1}$"
