"""Figures of the page on reused noise, from tables alone."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from study.charts import lines_figure, panels
from study.noise.rate_distortion_dual import distortion_at_least
from study.style import MARKERS, NOISE_STYLES, PALETTE, STYLE, model_of, noise_of

PLANE_RATES, PLANE_DISTORTIONS = (0.4, 60), (40, 215)


def plane_figure(
    curve: pd.DataFrame,
    paths: Mapping[str, Mapping[int, pd.DataFrame]],
    paper: Mapping[str, tuple[float, float]],
    levels: Mapping[str, float],
    steps: int,
    lower: pd.DataFrame | None = None,
) -> Figure:
    """L_x against L_z: the estimated rate-distortion curve, the paper's two points, and the path of
    every training run.

    curve: columns `rate`, `distortion`, nats; paths: metrics.csv by cell and seed; paper: name to
    (L_x, L_z), with attention first; levels: named values of L_x; steps: T, which divides the
    second point's L_z where all steps share one noise; lower: the lines of
    `rate_distortion_dual.lower_bound`, the highest of which is drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 5.6), layout="constrained")
        axis = figure.subplots()
        _curve(axis, curve.sort_values("rate"))
        if lower is not None:
            _lower(axis, lower)
        for cell, seeds in paths.items():
            _path(axis, cell, seeds)
        _paper_points(axis, paper, steps)
        for name, level in levels.items():
            axis.axhline(level, color="0.6", lw=0.7)
            place: Any = ("axes fraction", "data")
            axis.annotate(name, (0.99, level), None, place, ha="right", va="bottom", size=7)
        axis.set(xscale="log", xlim=PLANE_RATES, ylim=PLANE_DISTORTIONS)
        axis.set_xticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        axis.minorticks_off()
        axis.set_xlabel("$L_z$ (nats an image, logarithmic)")
        axis.set_ylabel("$L_x$ (nats an image)")
        handles = axis.get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    return figure


def _curve(axis: Axes, curve: pd.DataFrame) -> None:
    """The codebooks' line, and beyond its end what is still known: no more rate, no more cost."""
    axis.plot(
        curve.rate, curve.distortion, color="0.15", lw=2, label="codebooks: $D(R)$ is at or below"
    )
    last = curve.iloc[-1]
    axis.plot([last.rate, PLANE_RATES[1]], [last.distortion] * 2, color="0.15", lw=1, ls=":")
    rates = [*curve.rate, PLANE_RATES[1]]
    axis.fill_between(
        rates, [*curve.distortion, last.distortion], PLANE_DISTORTIONS[1], color="0.95", lw=0
    )


def _lower(axis: Axes, table: pd.DataFrame) -> None:
    """The lower bound as a line, where it lies above 0."""
    rates = np.geomspace(*PLANE_RATES, 200)
    bound = distortion_at_least(table, rates)
    axis.plot(
        rates[bound > 0],
        bound[bound > 0],
        color="0.15",
        lw=1,
        ls="-.",
        label="dual: $D(R)$ is at or above (a search)",
    )


def _paper_points(axis: Axes, paper: Mapping[str, tuple[float, float]], steps: int) -> None:
    color = PALETTE[3]
    (first, (lx, lz)), (second, (other_lx, other_lz)) = paper.items()
    axis.plot(lz, lx, "*", color=color, ms=14, mec="white", zorder=5)
    halo = [withStroke(linewidth=3, foreground="white")]  # the words stand on the runs' paths
    note: Any = {"textcoords": "offset points", "size": 8, "color": color, "path_effects": halo}
    axis.annotate(f"paper, {first}", (lz, lx), (10, -4), **note)
    axis.plot(other_lz, other_lx, "X", color=color, ms=10, mec="white", zorder=5)
    axis.annotate(f"paper, {second}", (other_lz, other_lx), (26, -17), ha="right", **note)
    axis.plot(other_lz / steps, other_lx, "X", color="white", mec=color, ms=9, zorder=5)
    arrow = {"arrowstyle": "->", "color": color, "lw": 0.8, "ls": ":", "shrinkA": 7, "shrinkB": 7}
    ends = (other_lz / steps, other_lx), (other_lz, other_lx)
    axis.annotate("", *ends, arrowprops=arrow)
    axis.annotate("the same, $L_z/T$", ends[0], (-12, -3), ha="right", **note)


def _path(axis: Axes, cell: str, seeds: Mapping[int, pd.DataFrame]) -> None:
    """One thin line per seed, and the end of each marked."""
    style, color = NOISE_STYLES[noise_of(cell)]
    for number, metrics in enumerate(seeds.values()):
        smooth = metrics.rolling(5, min_periods=1).mean()
        axis.plot(smooth.latent, smooth.reconstruction, style, color=color, lw=0.8, alpha=0.6)
        end = metrics.tail(20).mean()
        axis.plot(
            end.latent,
            end.reconstruction,
            MARKERS.get(model_of(cell), "D"),
            color=color,
            ms=5,
            mec="white",
            ls="none",
            label=None if number else cell,
        )


def correlations_figure(table: pd.DataFrame) -> Figure:
    """L_x and L_z of each cell's trained weights under noise of other correlations.

    table: `correlations.csv` of runs of one seed, with `cell`.
    """
    titles = {"reconstruction": "reconstruction", "latent": "latent"}
    labels = {
        "x": "correlation of the noise",
        "reconstruction": "$L_x$ (nats an image)",
        "latent": "$L_z$ (nats an image)",
    }
    figure = lines_figure(panels(table, "cell", titles), "noise_correlation", labels)
    for axis in figure.axes:
        axis.set_yscale("log")
    return figure


def dose_figure(dose: pd.DataFrame) -> Figure:
    """L_x, L_z and the total under fresh noise of models trained at each correlation, which stand
    at equal distances (`tables.dose_table`)."""
    correlations = sorted(dose.noise_correlation.unique())
    placed = dose.assign(place=dose.noise_correlation.map(correlations.index))
    titles = {"$L_x$": "train_lx", "$L_z$": "train_lz", "total, fresh noise": "fresh_total"}
    labels = {"x": "correlation in training", "$L_x$": "nats an image"}
    figure = lines_figure(panels(placed, "model", titles), "place", labels)
    for axis in figure.axes:
        axis.set_xticks(range(len(correlations)), [f"{value:g}" for value in correlations])
    figure.axes[-1].set_yscale("log")
    return figure


def mechanism_figure(steps: pd.DataFrame) -> Figure:
    """By step: how well mu_t is told from the decoder's state, how far sigma_t is from sigma_1, and
    the noise left in z_t - z_1.

    steps: `mechanism_steps.csv` of runs of one seed, with `cell`.
    """
    titles = {
        "probe": "probe_mean",
        "sigmas": "log_sigma_distance",
        "noise left": "difference_over_posterior",
    }
    labels = {
        "x": "step $t$",
        "probe": "$R^2$ of $\\mu_t$ from $h_{t-1}$",
        "sigmas": "mean $|\\log\\sigma_t - \\log\\sigma_1|$",
        "noise left": "share of independent noise",
    }
    return lines_figure(panels(steps, "cell", titles), "step", labels)
