"""Every way in which a value of Table I was measured here: by what the models were trained with, by
seed, and by what is taken for the loss. Pure functions from runs to a table and its figure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.cells import FINAL
from study.charts import legend_below
from study.claims.accounts import JUDGED, ROWS, VALUES, measured
from study.claims.stop_free import trailing_means
from study.finished import Finished
from study.names import for_chart, settings_in_words
from study.style import NARROW, PALETTE, STYLE, WIDE

PREFIXES = {"write_only": "dcrw-write-only-", "attention": "dcrw-"}  # the longer one first
ARCHITECTURES = {"attention": "dcrw", "write_only": "dcrw-write-only"}  # by row of Table I
LEAST_ITERATIONS = 10_000
EARLIER = 5_000  # iterations at which the losses are shown, too
MARKS: dict[str, dict[str, Any]] = {  # measure to its mark
    JUDGED: {"marker": "o", "ms": 5, "alpha": 0.8},
    "minibatches_50": {"marker": "|", "ms": 7, "mew": 1.2},
    "test": {"marker": "x", "ms": 4, "mew": 1},
    f"iteration_{EARLIER}": {"marker": "o", "ms": 4, "mfc": "none", "mew": 0.8},
}
NAMES = {
    JUDGED: "last 1,000 minibatches (judged)",
    "minibatches_50": "last 50 minibatches",
    "test": "test split",
    f"iteration_{EARLIER}": f"at {EARLIER:,} iterations",
}
TITLES = {
    "attention_lx": "with attention\nin read: $L_x$",
    "attention_lz": "with attention\nin read: $L_z$",
    "write_only_lx": "without attention\nin read: $L_x$",
    "write_only_lz": "without attention\nin read: $L_z$",
}

LOGARITHMIC = "attention_lz"  # from 1.5 to 23 nats


def way_of(cell: str) -> tuple[str, str]:
    """A cell's row of Table I and what it was trained with: `dcrw-write-only-shared` gives
    `write_only`, `shared`. Raises `ValueError` for a cell of another model."""
    for row, prefix in PREFIXES.items():
        if cell.startswith(prefix):
            return row, cell.removeprefix(prefix)
    raise ValueError(f"cell = {cell!r}: expected one of a variant of the paper")


def multiverse(entries: Iterable[Finished]) -> pd.DataFrame:
    """One row a run and measure: `way`, `row`, `seed`, `iterations`, `measure`, `lx`, `lz`, in nats
    per image. Runs of both variants with at least 10,000 iterations; the measures are those of
    MARKS."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        config = entry.config
        row = next((r for r, a in ARCHITECTURES.items() if a == config.model.architecture), None)
        if row is None or config.training.iterations < LEAST_ITERATIONS:
            continue
        _, way = way_of(config.name)
        run = {"way": way, "row": row, "seed": config.training.seed}
        run |= {"iterations": config.training.iterations}
        rows += [run | values for values in _values(entry)]
    return pd.DataFrame(rows)


def _values(entry: Finished) -> Iterator[dict[str, Any]]:
    for found in measured(entry):
        yield {name: found[name] for name in ("measure", "lx", "lz")}
    means = trailing_means(entry.run.metrics(), FINAL).set_index("iteration")
    if EARLIER in means.index:
        early = means.loc[EARLIER]
        yield {"measure": f"iteration_{EARLIER}", "lx": early.lx, "lz": early.lz}


def multiverse_figure(
    table: pd.DataFrame,
    printed: Mapping[str, float],
    at_most_relative: float,
    width: float = WIDE,
) -> Figure:
    """The four values of Table I, a panel each, one below the other at `NARROW`: a line a way of
    training, a mark a run and measure, and the printed value with its tolerance as a band.

    table: of `multiverse`; printed: of `accounts.printed`; at_most_relative: the tolerance, a share
    of the printed value.
    """
    ways = sorted(dict.fromkeys(table.way), key=_place)
    names = [for_chart(settings_in_words(way)) for way in ways]
    rows, columns = (len(VALUES), 1) if width == NARROW else (1, len(VALUES))
    height = rows * (0.24 * len(ways) + 0.6) + (0.9 if rows == 1 else 1.1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, sharey=True)
        for axis, value in zip(axes, VALUES, strict=True):
            _panel(axis, table, value, ways)
            target = printed[value]
            near = target * (1 - at_most_relative), target * (1 + at_most_relative)
            axis.axvspan(*near, color=PALETTE[3], alpha=0.15, lw=0)
            axis.axvline(target, color=PALETTE[3], lw=1.2, label="the paper, and 10% around it")
            axis.set_yticks(range(len(ways)), names)
        axes[0].invert_yaxis()
        legend_below(figure, 1 if width == NARROW else 3)
    return figure


def _place(way: str) -> tuple[int, str]:
    """Fresh noise first, then its correlations, shared noise, and whatever else there is."""
    correlated = re.fullmatch(r"r\d\d", way) is not None
    return 1 if correlated else {"fresh": 0, "shared": 2}.get(way, 3), way


def _panel(axis: Axes, table: pd.DataFrame, value: str, ways: list[str]) -> None:
    row, _, loss = value.rpartition("_")
    chosen = table[table.row == row]
    for measure, style in MARKS.items():
        shown = chosen[chosen.measure == measure]
        places = shown.way.map(ways.index)
        axis.plot(shown[loss], places, ls="none", color=PALETTE[0], label=NAMES[measure], **style)
    axis.set(title=TITLES[value], xlabel="nats per image")
    if value == LOGARITHMIC:
        axis.set_xscale("log")
        axis.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axis.xaxis.minorticks_off()
    axis.grid(axis="y", color="0.94")


def ways_near(table: pd.DataFrame, at_most_relative: float, printed: Mapping[str, float]) -> int:
    """In how many ways and measures the mean over seeds lies near all four printed values.

    table: of `multiverse`. Both rows must be there with the same measure and iterations.
    """
    means = table.groupby(["way", "iterations", "measure", "row"])[["lx", "lz"]].mean().unstack()
    wanted = pd.MultiIndex.from_product([("lx", "lz"), ROWS])
    whole = means.reindex(columns=wanted).dropna()
    near = pd.Series(True, index=whole.index)
    for row in ROWS:
        for loss in ("lx", "lz"):
            target = printed[f"{row}_{loss}"]
            near &= (whole[loss, row] / target - 1).abs() <= at_most_relative
    return int(near.sum())
