"""The paper's Fig. 4 to 6 from evaluated files."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from study.names import STARTS
from study.style import NARROW, PALETTE, STYLE, WIDE

STEPS = (1, 4, 6, 10)  # the time steps of Fig. 4 and 5
LINES = ("-", "--", "-.", ":")  # one for each curve of a panel
THOUSANDS = StrMethodFormatter("{x:,.0f}")


def digits_figure(
    traces: Mapping[str, NDArray[Any]],
    rows: int = 4,
    originals: str = "the test digits",
    width: float = WIDE,
) -> Figure:
    """Fig. 4 and 5: samples from the prior beside reconstructions of test digits, at four time
    steps.

    traces: the arrays of `evaluation/traces.npz`; originals: what the images are called. Steps
    beyond the model's last are left out.
    """
    generated, reconstructed = traces["generated_canvas"], traces["reconstructed_canvas"]
    steps = [step for step in STEPS if step <= len(generated)]
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(width, (0.235 * width + 0.2) * (len(steps) + 1)), layout="constrained"
        )
        axes = figure.subplots(len(steps) + 1, 2)
        for letter, step, (left, right) in zip("abcdef", steps, axes, strict=False):
            _contact_sheet(left, generated[step - 1], rows, f"({letter}) $t$ = {step}: samples")
            _contact_sheet(right, reconstructed[step - 1], rows, f"$t$ = {step}: reconstructions")
        _contact_sheet(axes[-1, 1], traces["images"], rows, originals)
        axes[-1, 0].axis("off")
    return figure


def losses_figure(
    metrics: Mapping[str, Mapping[str, pd.DataFrame]],
    paper: Mapping[str, tuple[float, float]],
    references: Mapping[str, float],
    width: float = WIDE,
) -> Figure:
    """Fig. 6: L_x (top) and L_z (bottom) by iteration, one column per variant, or one below the
    other at `NARROW`.

    metrics: title of the column to {curve: metrics.csv}; paper: title to Table I's (L_x, L_z),
    drawn as dotted lines where given; references: named levels of L_x, drawn thin.
    """
    with mpl.rc_context(STYLE):
        if width == NARROW:
            figure = Figure(figsize=(width, 4.2 * len(metrics)), layout="constrained")
            pairs = figure.subplots(2 * len(metrics), 1, squeeze=False).reshape(-1, 2)
        else:
            figure = Figure(figsize=(width, 5), layout="constrained")
            pairs = figure.subplots(2, len(metrics), sharex=True, sharey="row", squeeze=False).T
        for letter, (title, cells), (top, bottom) in zip(
            "abcdef"[: len(metrics)], metrics.items(), pairs, strict=True
        ):
            levels = paper.get(title, (None, None))
            _losses_panel(top, "reconstruction", PALETTE[0], cells, levels[0])
            _losses_panel(bottom, "latent", PALETTE[3], cells, levels[1])
            for name, level in references.items():
                _reference_line(top, name, level)
            top.set_title(f"({letter}) {title}")
            bottom.set_xlabel("iteration")
            top.set_ylim(0.8 * min(references.values()), 1.3 * max(references.values()))
            bottom.set_ylim(bottom=0)
        for top, bottom in pairs if width == NARROW else pairs[:1]:
            top.set_ylabel("$L_x$ (nats per image)")
            bottom.set_ylabel("$L_z$ (nats per image)")
    return figure


def start_figure(
    curves: Mapping[str, Mapping[str, pd.DataFrame]],
    plateau: float,
    iterations: int,
    width: float = WIDE,
) -> Figure:
    """L_x + L_z over the first iterations, one panel per variant, one below the other at `NARROW`.

    curves: title of the panel to {curve: metrics.csv}; plateau: the cost of the mean image.
    """
    with mpl.rc_context(STYLE):
        rows, columns = (len(curves), 1) if width == NARROW else (1, len(curves))
        figure = Figure(figsize=(width, 2.6 * rows + 0.2), layout="constrained")
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axis, (title, named) in zip(axes, curves.items(), strict=True):
            for (name, table), style in zip(named.items(), cycle(LINES), strict=False):
                shown = table[table.iteration <= iterations]
                total = shown.reconstruction + shown.latent
                axis.plot(
                    shown.iteration, total, style, color=PALETTE[0], label=STARTS[name], lw=1.2
                )
            _reference_line(axis, "mean image", plateau)
            axis.set_title(title)
            axis.set_xlabel("iteration")
            axis.xaxis.set_major_formatter(THOUSANDS)
            axis.legend(frameon=False, fontsize=8)
            if axis.get_subplotspec().is_first_col():
                axis.set_ylabel("$L_x + L_z$ (nats per image)")
        axes[0].set_ylim(0.55 * plateau, 1.3 * plateau)
    return figure


def sheet(images: NDArray[Any], rows: int) -> NDArray[Any]:
    """Images (n, A, A) as one array of `rows` rows, thinly framed. Raises `ValueError` where `rows`
    does not divide n."""
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
    axis.xaxis.set_major_formatter(THOUSANDS)
    axis.legend(frameon=False, fontsize=8)


def _reference_line(axis: Axes, name: str, level: float) -> None:
    axis.axhline(level, color="0.6", lw=0.7)
    place: Any = ("axes fraction", "data")
    axis.annotate(name, (1, level), xycoords=place, ha="right", va="bottom", size=8, color="0.4")
