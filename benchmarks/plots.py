"""The figure of measured speed."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.report import IMPLEMENTATIONS, Measured
from study.style import NARROW, PALETTE, STYLE, WIDE

SHORT = {
    "draw": "DRAW",
    "dcrw": "with\nattention\nin read",
    "dcrw-write-only": "without\nattention\nin read",
}
COLOURS = dict(zip(SHORT, (PALETTE[0], PALETTE[3], PALETTE[2]), strict=True))
ALPHAS = {"dcrw": 1.0, "textbook-prepared": 0.55, "textbook": 0.25}
LINES = {"dcrw": "-", "textbook": "--"}
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8}
AGAINST = {"textbook": "-", "textbook-prepared": ":"}


def speed_figure(entry: Measured, width: float = WIDE) -> Figure:
    """Iterations per second, the ratio by batch and by steps, and the share of the matrix-product
    rate.

    Points are medians over rounds, whiskers quartiles.
    """
    ratios = entry.ratios[entry.ratios.quantity == "speed"]
    with mpl.rc_context(STYLE):
        rows, columns = (4, 1) if width == NARROW else (2, 2)
        figure = Figure(figsize=(width, 2.7 * rows), layout="constrained")
        bars, by_batch, by_steps, shares = figure.subplots(rows, columns).flat
        _bars(bars, entry.speed)
        for letter, axis, name, words in (
            ("b", by_batch, "batch_size", "batch"),
            ("c", by_steps, "steps", "steps $T$"),
        ):
            for against, line in AGAINST.items():
                _lines(axis, _along(ratios[ratios.against == against], name), name, "value", line)
            axis.axhline(1, color="0.25", lw=0.8)
            axis.set(title=f"({letter}) times as fast as the textbook", xlabel=words)
            axis.set_ylim(bottom=0)
        by_batch.legend(handles=_lines_of("as it comes", "denormals flushed"), **LEGEND)
        _shares(shares, entry)
    return figure


def _lines_of(*words: str) -> list[Line2D]:
    """What the lines of AGAINST stand for."""
    return [
        Line2D([], [], ls=line, color="0.4", lw=1.2, label=word)
        for line, word in zip(AGAINST.values(), words, strict=True)
    ]


def _along(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[table.axis.isin(["base", name])].sort_values(name)


def _whiskers(table: pd.DataFrame, name: str) -> Any:
    return [(table[name] - table.lower).clip(lower=0), (table.upper - table[name]).clip(lower=0)]


def _bars(axis: Axes, speed: pd.DataFrame) -> None:
    width, places = 0.27, np.arange(len(SHORT))
    for shift, (implementation, alpha) in enumerate(ALPHAS.items(), start=-1):
        table = speed[speed.implementation == implementation].set_index("model").loc[list(SHORT)]
        axis.bar(
            places + shift * width,
            table.iterations_per_second,
            width,
            yerr=_whiskers(table, "iterations_per_second"),
            color=[COLOURS[model] for model in SHORT],
            alpha=alpha,
            error_kw={"lw": 0.8},
        )
        axis.bar(0, 0, color="0.3", alpha=alpha, label=IMPLEMENTATIONS[implementation])
    axis.legend(loc="upper left", **LEGEND)
    axis.margins(y=0.4)
    axis.set_axisbelow(True)
    axis.set_xticks(places, SHORT.values())
    axis.grid(axis="x", visible=False)
    axis.set_title("(a) iterations a second")


def _lines(axis: Axes, table: pd.DataFrame, name: str, value: str, line: str = "-") -> None:
    for model, rows in table.groupby("model", sort=False):
        axis.errorbar(
            rows[name],
            rows[value],
            yerr=_whiskers(rows, value),
            fmt=f"o{line}",
            ms=3,
            lw=1.2,
            elinewidth=0.8,
            color=COLOURS[str(model)],
            label=SHORT[str(model)].replace("\n", " ") if line == "-" else None,
        )
    axis.set_xscale("log", base=2)
    values = sorted(set(table[name]))
    axis.set_xticks(values, [str(number) for number in values])
    axis.minorticks_off()


def _shares(axis: Axes, entry: Measured) -> None:
    rate = entry.machine["matrix_product"]["gflop_per_second"]
    table = _along(entry.scaling, "batch_size")
    scale = table.gflop / rate
    table = table.assign(lower=table.lower * scale, upper=table.upper * scale)
    for implementation, line in LINES.items():
        rows = table[table.implementation == implementation]
        _lines(axis, rows, "batch_size", "share", line)
    axis.plot([], [], "--", color="0.4", lw=1.2, label="textbook")
    axis.set(title="(d) share of the matrix-product rate", xlabel="batch")
    axis.set_ylim(0, 1.5 * axis.get_ylim()[1])
    axis.legend(loc="upper left", **LEGEND)
