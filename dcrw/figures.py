"""The paper's figures from evaluated files. With `diagrams` and the other modules named after
figures, the only room with matplotlib."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

STEPS = (1, 4, 6, 10)  # the time steps of Fig. 4 and 5
LINES = ("-", "--", "-.", ":")  # one for each curve of a panel
STYLE: Any = {
    "svg.hashsalt": "dcrw",
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
PALETTE = sns.color_palette("colorblind")


def save_figure(figure: Figure, path: Path) -> None:
    """Write `path`.png and `path`.svg; the same figure gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure.savefig(path.with_suffix(".png"), metadata={"Software": None})
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


def digits_figure(traces: Mapping[str, NDArray[Any]], rows: int = 4) -> Figure:
    """Fig. 4 and 5: samples from the prior beside reconstructions of test digits, at four time
    steps.

    traces: the arrays of `evaluation/traces.npz`. Steps beyond the model's last are left out.
    """
    generated, reconstructed = traces["generated_canvas"], traces["reconstructed_canvas"]
    steps = [step for step in STEPS if step <= len(generated)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 1.85 * (len(steps) + 1)), layout="constrained")
        axes = figure.subplots(len(steps) + 1, 2)
        for letter, step, (left, right) in zip("abcdef", steps, axes, strict=False):
            _contact_sheet(
                left, generated[step - 1], rows, f"({letter}) t = {step}: samples from the prior"
            )
            _contact_sheet(right, reconstructed[step - 1], rows, f"t = {step}: reconstructions")
        _contact_sheet(axes[-1, 1], traces["images"], rows, "the test digits")
        axes[-1, 0].axis("off")
    return figure


def losses_figure(
    metrics: Mapping[str, Mapping[str, pd.DataFrame]],
    paper: Mapping[str, tuple[float, float]],
    references: Mapping[str, float],
) -> Figure:
    """Fig. 6: L_x (top) and L_z (bottom) by iteration, one column a variant.

    metrics: title of the column to {curve: metrics.csv}; paper: title to Table I's (L_x, L_z),
    drawn as dotted lines where given; references: named levels of L_x, drawn thin.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots(2, len(metrics), sharex=True, sharey="row", squeeze=False)
        for letter, (title, cells), (top, bottom) in zip(
            "abcdef"[: len(metrics)], metrics.items(), axes.T, strict=True
        ):
            levels = paper.get(title, (None, None))
            _losses_panel(top, "reconstruction", PALETTE[0], cells, levels[0])
            _losses_panel(bottom, "latent", PALETTE[3], cells, levels[1])
            for name, level in references.items():
                _reference_line(top, name, level)
            top.set_title(f"({letter}) {title}")
            bottom.set_xlabel("iteration")
        axes[0, 0].set_ylabel("$L_x$ (nats an image)")
        axes[1, 0].set_ylabel("$L_z$ (nats an image)")
        axes[0, 0].set_ylim(0.8 * min(references.values()), 1.3 * max(references.values()))
        axes[1, 0].set_ylim(bottom=0)
    return figure


def start_figure(
    curves: Mapping[str, Mapping[str, pd.DataFrame]], plateau: float, iterations: int
) -> Figure:
    """L_x + L_z over the first iterations, one panel a variant.

    curves: title of the panel to {curve: metrics.csv}; plateau: the cost of the mean image.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 2.8), layout="constrained")
        axes = figure.subplots(1, len(curves), sharex=True, sharey=True, squeeze=False)[0]
        for axis, (title, named) in zip(axes, curves.items(), strict=True):
            for (name, table), style in zip(named.items(), cycle(LINES), strict=False):
                shown = table[table.iteration <= iterations]
                total = shown.reconstruction + shown.latent
                axis.plot(shown.iteration, total, style, color=PALETTE[0], label=name, lw=1.2)
            _reference_line(axis, "mean image", plateau)
            axis.set_title(title)
            axis.set_xlabel("iteration")
            axis.legend(frameon=False, fontsize=7)
        axes[0].set_ylabel("$L_x + L_z$ (nats an image)")
        axes[0].set_ylim(0.55 * plateau, 1.3 * plateau)
    return figure


def sheet(images: NDArray[Any], rows: int) -> NDArray[Any]:
    """Images (n, A, A) as one array of `rows` rows thinly framed; `rows` must divide n."""
    if len(images) % rows:
        raise ValueError(
            f"rows = {rows}: expected a divisor of the number of images, {len(images)}"
        )
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=96)
    columns, size = len(images) // rows, framed.shape[1]
    return (
        framed.reshape(rows, columns, size, size)
        .swapaxes(1, 2)
        .reshape(rows * size, columns * size)
    )


def _contact_sheet(axis: Axes, images: NDArray[Any], rows: int, title: str) -> None:
    axis.imshow(sheet(images, rows), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_title(title)
    axis.axis("off")


def _losses_panel(
    axis: Axes, loss: str, color: Any, cells: Mapping[str, pd.DataFrame], paper: float | None
) -> None:
    for (name, table), style in zip(cells.items(), cycle(LINES), strict=False):
        axis.plot(table.iteration, table[loss], style, color=color, label=name, lw=1.2)
    if paper is not None:
        axis.axhline(paper, color="0.25", ls=":", lw=1.2, label="paper, Table I")
    axis.legend(frameon=False, fontsize=7)


def _reference_line(axis: Axes, name: str, level: float) -> None:
    axis.axhline(level, color="0.6", lw=0.7)
    place: Any = ("axes fraction", "data")
    axis.annotate(name, (1, level), xycoords=place, ha="right", va="bottom", size=7, color="0.4")


class StripRow(NamedTuple):
    """One image a step, each with the window that is read or written there."""

    title: str
    images: NDArray[Any]  # (T, A, A) in [0, 1]
    windows: NDArray[Any]  # (T, 5) as `evaluation.pixel_windows`
    size: int  # filters an axis
    reads: bool


def strip_figure(rows: Sequence[StripRow]) -> Figure:
    """Drawings step by step, one column a step: read windows blue and dashed, write windows orange
    and solid, around the outermost filters' centres, their bands as wide as sigma."""
    steps = len(rows[0].images)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 0.9 * len(rows)))
        spaces = {"left": 0, "right": 1, "bottom": 0.05, "top": 0.95, "wspace": 0.05, "hspace": 0.3}
        axes = figure.subplots(len(rows), steps, squeeze=False, gridspec_kw=spaces)
        for row, line in zip(rows, axes, strict=True):
            for image, window, axis in zip(row.images, row.windows, line, strict=True):
                axis.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                _strip_window(axis, window, row)
                axis.axis("off")
            line[0].set_title(row.title, loc="left", size=7, pad=2)
        for step, axis in enumerate(axes[-1], start=1):
            axis.text(
                0.5, -0.06, f"{step}", transform=axis.transAxes, ha="center", va="top", size=7
            )
    return figure


def _strip_window(axis: Axes, window: NDArray[Any], row: StripRow) -> None:
    x, y, stride, sigma, _ = window
    side = (row.size - 1) * stride
    colour, style = (PALETTE[9], "dashed") if row.reads else (PALETTE[1], "solid")
    pixel = axis.get_window_extent().width / row.images.shape[2] * 72 / axis.figure.dpi  # in points
    corner = (x - side / 2, y - side / 2)
    band = {"lw": sigma * pixel, "alpha": 0.35}
    for line in (band, {"lw": 0.9, "ls": style}):
        axis.add_patch(Rectangle(corner, side, side, fill=False, ec=colour, **line))
