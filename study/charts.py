"""Charts that several chapters use, from tables alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from dcrw.training.files import write_table
from study.names import cell_in_words, for_chart
from study.style import (
    BRIDGES,
    MARKERS,
    MODEL_STYLES,
    NARROW,
    NOISE_STYLES,
    PALETTE,
    STYLE,
    WIDE,
    model_of,
    noise_of,
    save_figure,
)


def differences_figure(
    differences: Mapping[str, float], label: str, same: Sequence[float], width: float = WIDE
) -> Figure:
    """A dot and its stem from zero for each named difference, top to bottom.

    label: of the axis; same: differences between runs of one model, from zero to which a band is
    drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 0.26 * len(differences) + 0.8), layout="constrained")
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
    width: float = WIDE,
) -> Figure:
    """Small multiples: panel title to {curve: table with `x` and `value`, perhaps `low`, `high`}.

    Curves are called what `study.names` calls their cell. labels: axis labels, `x` and `y` of each
    panel by its title; width: inches; panels stand beside each other, or below at `NARROW`.
    """
    rows, columns = (len(panels), 1) if width == NARROW else (1, len(panels))
    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis, (title, curves) in zip(axes, panels.items(), strict=True):
            for name, table in curves.items():
                style, color = MODEL_STYLES.get(name, NOISE_STYLES[noise_of(name)])
                marker = (MARKERS | BRIDGES).get(model_of(name), "D")
                axis.plot(
                    table[x],
                    table.value,
                    style,
                    color=color,
                    marker=marker,
                    ms=3.5,
                    lw=1.2,
                    label=for_chart(cell_in_words(name)),
                )
                if "low" in table:
                    axis.fill_between(
                        table[x], table.low, table.high, color=color, alpha=0.15, lw=0
                    )
            axis.set(title=title, xlabel=labels["x"], ylabel=labels.get(title, ""))
            if x == "step":
                axis.xaxis.get_major_locator().set_params(integer=True)
        below = legend_below(figure, 1 if width == NARROW else 2)
        figure.set_size_inches(width, 2.2 * rows + 0.17 * below + 0.2)
    return figure


def legend_below(figure: Figure, columns: int = 3) -> int:
    """A legend of all axes below them, each label once; returns the number of its lines."""
    handles: dict[str, Any] = {}
    for axis in figure.axes:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    place: Any = {"loc": "outside lower center", "ncols": columns, "frameon": False, "fontsize": 8}
    figure.legend(list(handles.values()), list(handles), **place)
    return -(-len(handles) // columns)


def plain_ticks(axis: Axis) -> None:
    """Numbers as they are read, 1,000 for a power of ten, on a logarithmic axis."""
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())


def panels(
    table: pd.DataFrame, curves: str, titles: Mapping[str, str]
) -> dict[str, dict[str, pd.DataFrame]]:
    """A table's columns for `lines_figure`: a panel per title, whose `value` is the column named,
    and in it a curve for each entry of the column `curves`."""
    return {
        title: {
            name: rows.assign(value=rows[column])
            for name, rows in table.groupby(curves, sort=False)
        }
        for title, column in titles.items()
    }


def save_with_table(
    figure: Figure, table: pd.DataFrame, path: Path, narrow: Figure | None = None
) -> Path:
    """Write a figure as `save_figure` does and what it shows as `path`.csv; returns the path of
    the PNG."""
    save_figure(figure, path, narrow)
    write_table(path.with_suffix(".csv"), table)
    return path.with_suffix(".png")


def save_both(draw: Callable[[float], Figure], table: pd.DataFrame, path: Path) -> Path:
    """`save_with_table` of what `draw` gives at the width of a page and at that of a phone."""
    return save_with_table(draw(WIDE), table, path, draw(NARROW))


def spread(tables: Sequence[pd.DataFrame], x: str, column: str) -> pd.DataFrame:
    """Mean over seeds with the smallest and largest value: columns x, `value`, `low`, `high`."""
    joined = pd.concat(tables).groupby(x)[column]
    return pd.DataFrame(
        {"value": joined.mean(), "low": joined.min(), "high": joined.max()}
    ).reset_index()
