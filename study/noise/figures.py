"""Figures of the page on reused noise, from tables alone."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from study.charts import legend_below, lines_figure, panels, plain_ticks
from study.noise.rate_distortion_dual import distortion_at_least
from study.style import (
    MARKERS,
    NARROW,
    NOISE_STYLES,
    PALETTE,
    STYLE,
    WIDE,
    model_of,
    noise_of,
)

PLANE_RATES, PLANE_DISTORTIONS = (0.4, 60), (40, 215)
NARROW_END = 150  # of the rates on a phone, where labels need more of the axis
HIGHLIGHTED: dict[str, tuple[str, tuple[int, int], str]] = {
    # cell to its label and where that stands from the path's end: points, and the side it is set on
    "dcrw-fresh": ("with attention in read,\nfresh noise", (10, 4), "left"),
    "dcrw-shared": ("with attention in read,\nshared noise", (14, 6), "left"),
    "dcrw-write-only-fresh": ("without,\nfresh noise", (12, 4), "left"),
    "dcrw-write-only-shared": ("without,\nshared noise", (10, 8), "left"),
}


def plane_figure(
    curve: pd.DataFrame,
    paths: Mapping[str, Mapping[int, pd.DataFrame]],
    paper: Mapping[str, tuple[float, float]],
    levels: Mapping[str, float],
    steps: int,
    lower: pd.DataFrame | None = None,
    width: float = WIDE,
) -> Figure:
    """L_x against L_z: both sides of the rate-distortion curve, the paper's two points, and the
    path of every training run: those of HIGHLIGHTED coloured and labelled, all others grey.

    curve: columns `rate`, `distortion`, nats; paths: metrics.csv by cell and seed; paper: name to
    (L_x, L_z), with attention first; levels: named values of L_x; steps: T, which divides the
    second point's L_z where all steps share one noise; lower: the lines of
    `rate_distortion_dual.lower_bound`, the highest of which is drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 5.6), layout="constrained")
        axis = figure.subplots()
        _curve(axis, curve.sort_values("rate"))
        if lower is not None:
            _lower(axis, lower)
        for cell in sorted(paths, key=lambda cell: cell in HIGHLIGHTED):
            _path(axis, cell, paths[cell], "\n" if width == NARROW else " ")
        _paper_points(axis, paper, steps)
        for name, level in levels.items():
            axis.axhline(level, color="0.6", lw=0.7)
            place: Any = ("axes fraction", "data")
            axis.annotate(name, (0.99, level), None, place, ha="right", va="bottom", size=8)
        right = PLANE_RATES[1] if width == WIDE else NARROW_END
        axis.set(xscale="log", xlim=(PLANE_RATES[0], right), ylim=PLANE_DISTORTIONS)
        axis.set_xticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        axis.minorticks_off()
        axis.set_xlabel("$L_z$ (nats per image, logarithmic)")
        axis.set_ylabel("$L_x$ (nats per image)")
        legend_below(figure, 1 if width == NARROW else 3)
    return figure


def _curve(axis: Axes, curve: pd.DataFrame) -> None:
    """The codebooks' line, and beyond its end what is still known: no more rate, no more cost."""
    last = curve.iloc[-1]
    rates = np.append(np.geomspace(PLANE_RATES[0], last.rate, 200)[:-1], last.rate)
    reached = np.interp(rates, curve.rate, curve.distortion)  # chords are straight in the rate
    label = "codebooks: $D(R)$ is at or below"
    axis.plot(rates, reached, color="0.15", lw=2, label=label)
    axis.plot([last.rate, NARROW_END], [last.distortion] * 2, color="0.15", lw=1, ls=":")
    ends = [*rates, NARROW_END], [*reached, last.distortion]
    axis.fill_between(*ends, PLANE_DISTORTIONS[1], color="0.95", lw=0)


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


def _path(axis: Axes, cell: str, seeds: Mapping[int, pd.DataFrame], space: str) -> None:
    """One thin line per seed, the end of each marked, and the last end labelled; space: what stands
    before "in read"."""
    style, color = NOISE_STYLES[noise_of(cell)]
    chosen = cell in HIGHLIGHTED
    look: dict[str, Any] = (
        {"color": color, "alpha": 0.8} if chosen else {"color": "0.7", "alpha": 0.6}
    )
    label = None if chosen else "other models, noises and settings"
    for metrics in seeds.values():
        smooth, end = metrics.rolling(5, min_periods=1).mean(), metrics.tail(20).mean()
        axis.plot(smooth.latent, smooth.reconstruction, style, lw=1 if chosen else 0.6, **look)
        marker = MARKERS.get(model_of(cell), "D")
        size = 5 if chosen else 3
        ends: dict[str, Any] = {
            "marker": marker,
            "ms": size,
            "mec": "white",
            "mew": 0.5,
            "ls": "none",
        }
        axis.plot(end.latent, end.reconstruction, label=label, zorder=3, **ends, **look)
    if chosen:
        words, offset, side = HIGHLIGHTED[cell]
        halo = [withStroke(linewidth=3, foreground="white")]
        note: Any = {"textcoords": "offset points", "size": 8, "path_effects": halo}
        place = (end.latent, end.reconstruction)
        words = words.replace(" in read", f"{space}in read")
        axis.annotate(words, place, offset, ha=side, color=color, zorder=6, **note)


def correlations_figure(table: pd.DataFrame, width: float = WIDE) -> Figure:
    """L_x and L_z of each cell's trained weights under noise of other correlations.

    table: `correlations.csv` of runs of one seed, with `cell`.
    """
    titles = {"$L_x$": "reconstruction", "$L_z$": "latent"}
    nats = "nats per image (log)"
    labels = {"x": "correlation $\\rho$ of the noise", "$L_x$": nats, "$L_z$": nats}
    figure = lines_figure(panels(table, "cell", titles), "noise_correlation", labels, width)
    for axis in figure.axes:
        axis.set_yscale("log")
        plain_ticks(axis.yaxis)
    return figure


def dose_figure(dose: pd.DataFrame, width: float = WIDE) -> Figure:
    """L_x, L_z and the total under fresh noise of models trained at each correlation, which stand
    at equal distances (`tables.dose_table`)."""
    correlations = sorted(dose.noise_correlation.unique())
    placed = dose.assign(place=dose.noise_correlation.map(correlations.index))
    titles = {"$L_x$": "train_lx", "$L_z$": "train_lz", "total, fresh noise": "fresh_total"}
    labels = {"x": "correlation $\\rho$ in training", "$L_x$": "nats per image"}
    if width == NARROW:
        labels = dict.fromkeys(titles, "nats per image") | {"x": labels["x"]}
    figure = lines_figure(panels(placed, "model", titles), "place", labels, width)
    for axis in figure.axes:
        axis.set_xticks(range(len(correlations)), [f"{value:g}" for value in correlations])
    figure.axes[-1].set_yscale("log")
    plain_ticks(figure.axes[-1].yaxis)
    return figure


def mechanism_figure(steps: pd.DataFrame, width: float = WIDE) -> Figure:
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
        "noise left": "variance left, as a share",
    }
    return lines_figure(panels(steps, "cell", titles), "step", labels, width)
