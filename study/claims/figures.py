"""Figures of the claims, from tables alone."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from study.statistics import student_interval
from study.style import NOISE_STYLES, STYLE, WIDE, noise_of


def cells_figure(table: pd.DataFrame, cells: Mapping[str, str], width: float = WIDE) -> Figure:
    """The test total of every cell: a dot per seed, a bar for the 95% interval from two seeds on.

    table: a row per run; cells: cell to its name on the axis, top to bottom.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 0.32 * len(cells) + 0.8), layout="constrained")
        axis = figure.subplots()
        for row, cell in enumerate(cells):
            values = table[table.cell == cell].test_total.to_numpy()
            color = NOISE_STYLES[noise_of(cell)][1]
            if len(values) > 1:
                axis.plot(student_interval(values), [row, row], color=color, lw=1.2)
            axis.plot(values, [row] * len(values), "o", color=color, ms=4, alpha=0.8)
        axis.set_yticks(range(len(cells)), list(cells.values()))
        axis.invert_yaxis()
        axis.set_xlabel("test total $L_x + L_z$ (nats per image)")
    return figure
