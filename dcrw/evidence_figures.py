"""Figures of the claims and of the chapter on reused noise, from tables alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from dcrw.figures import PALETTE, STYLE
from dcrw.grid import student_interval

NOISE_STYLES = {
    "fresh": ("-", PALETTE[0]),
    "shared": ("--", PALETTE[1]),
    "lineage": (":", PALETTE[2]),
}
MODEL_STYLES = {  # of curves that are no single noise's
    "dcrw": ("-", PALETTE[0]),
    "dcrw-write-only": ("--", PALETTE[1]),
    "draw": (":", PALETTE[2]),
    "dcrw-whole-image": ("-.", PALETTE[4]),
    "dcrw-stepwise": ("-", PALETTE[7]),
}
PLANE_RATES, PLANE_DISTORTIONS = (0.4, 60), (40, 215)
MARKERS = {"dcrw": "o", "dcrw-write-only": "s", "draw": "^"}
BRIDGES = {"dcrw-whole-image": "P", "dcrw-stepwise": "X"}


def plane_figure(
    curve: pd.DataFrame,
    paths: Mapping[str, Sequence[pd.DataFrame]],
    paper: Mapping[str, tuple[float, float]],
    levels: Mapping[str, float],
    steps: int,
) -> Figure:
    """L_x against L_z: the estimated rate-distortion curve, the paper's two points, and the path of
    every training run.

    curve: columns `rate`, `distortion`, nats; paths: cell to metrics.csv of its seeds; paper: name
    to (L_x, L_z), with attention first; levels: named values of L_x; steps: T, which divides the
    second point's L_z where all steps share one noise.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 5.6), layout="constrained")
        axis = figure.subplots()
        _curve(axis, curve.sort_values("rate"))
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


def cells_figure(
    table: pd.DataFrame, cells: Mapping[str, str], column: str = "test_total"
) -> Figure:
    """One loss of every cell: a dot a seed, a bar for the 95% interval where there are two or more.

    table: a row a run; cells: cell to its name on the axis, top to bottom.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 0.32 * len(cells) + 0.8), layout="constrained")
        axis = figure.subplots()
        for row, cell in enumerate(cells):
            values = table[table.cell == cell][column].to_numpy()
            color = NOISE_STYLES[_noise(cell)][1]
            if len(values) > 1:
                axis.plot(student_interval(values), [row, row], color=color, lw=1.2)
            axis.plot(values, [row] * len(values), "o", color=color, ms=4, alpha=0.8)
        axis.set_yticks(range(len(cells)), list(cells.values()))
        axis.invert_yaxis()
        axis.set_xlabel("$L_x + L_z$ on the test split (nats an image)")
    return figure


def differences_figure(
    differences: Mapping[str, float], label: str, same: Sequence[float]
) -> Figure:
    """A dot and its stem from zero for each named difference, top to bottom.

    label: of the axis; same: differences between runs of one model, from zero to which a band is
    drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 0.26 * len(differences) + 0.8), layout="constrained")
        axis = figure.subplots()
        values, rows = list(differences.values()), range(len(differences))
        axis.axvspan(min([0, *same]), max([0, *same]), color="0.9", lw=0)
        axis.hlines(rows, 0, values, color="0.6", lw=1)
        axis.plot(values, rows, "o", color=PALETTE[0], ms=5)
        axis.axvline(0, color="0.15", lw=0.8)
        axis.set_yticks(rows, list(differences))
        axis.invert_yaxis()
        axis.set_xlabel(label)
    return figure


def lines_figure(
    panels: Mapping[str, Mapping[str, pd.DataFrame]],
    x: str,
    labels: Mapping[str, str],
    width: float = 7,
) -> Figure:
    """Small multiples: panel title to {curve: table with `x` and `value`, perhaps `low`, `high`}.

    labels: axis labels, `x` and `y` of each panel by its title.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 2.7), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, (title, curves) in zip(axes, panels.items(), strict=True):
            for name, table in curves.items():
                style, color = MODEL_STYLES.get(name, NOISE_STYLES[_noise(name)])
                marker = (MARKERS | BRIDGES).get(_model(name), "D")
                axis.plot(
                    table[x],
                    table.value,
                    style,
                    color=color,
                    marker=marker,
                    ms=3.5,
                    lw=1.2,
                    label=name,
                )
                if "low" in table:
                    axis.fill_between(
                        table[x], table.low, table.high, color=color, alpha=0.15, lw=0
                    )
            axis.set(title=title, xlabel=labels["x"], ylabel=labels.get(title, ""))
            if x == "step":
                axis.xaxis.get_major_locator().set_params(integer=True)
        handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
        for axis in axes[1:]:
            handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=7,
        )
    return figure


def _path(axis: Axes, cell: str, seeds: Sequence[pd.DataFrame]) -> None:
    """One thin line a seed, and the end of each marked."""
    style, color = NOISE_STYLES[_noise(cell)]
    for number, metrics in enumerate(seeds):
        smooth = metrics.rolling(5, min_periods=1).mean()
        axis.plot(smooth.latent, smooth.reconstruction, style, color=color, lw=0.8, alpha=0.6)
        end = metrics.tail(20).mean()
        axis.plot(
            end.latent,
            end.reconstruction,
            MARKERS.get(_model(cell), "D"),
            color=color,
            ms=5,
            mec="white",
            ls="none",
            label=None if number else cell,
        )


def _noise(cell: str) -> str:
    return next((noise for noise in NOISE_STYLES if cell.endswith(noise)), "fresh")


def _model(cell: str) -> str:
    return cell.removesuffix(f"-{_noise(cell)}")


def spread(tables: Sequence[pd.DataFrame], x: str, column: str) -> pd.DataFrame:
    """Mean over seeds with the smallest and largest value: columns x, `value`, `low`, `high`."""
    joined = pd.concat(tables).groupby(x)[column]
    return pd.DataFrame(
        {"value": joined.mean(), "low": joined.min(), "high": joined.max()}
    ).reset_index()
