"""Table I without a number of iterations: what one loss is where the other reaches its printed
value (`second_round` of `book/claims.yaml`, rule `stop_free`). Pure functions of tables."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.cells import FINAL
from study.finished import row_widths

Losses = Mapping[int, pd.DataFrame]  # seed to `trailing_means`


class Crossing(NamedTuple):
    """Where one loss first reaches a value, and what the other is there."""

    iteration: int
    other: float  # nats per image


def trailing_means(metrics: pd.DataFrame, count: int = FINAL) -> pd.DataFrame:
    """Means over the last `count` minibatches at every row of metrics.csv that has as many behind
    it: columns `iteration`, `lx`, `lz`, in nats per image.

    A row that ends within the stretch counts whole, so that `count` should be a multiple of the
    metrics interval.
    """
    widths = row_widths(metrics).to_numpy()
    ends = metrics.iteration.to_numpy()
    first = np.searchsorted(ends, ends - count, side="right")  # the stretch's first row
    found = {"iteration": ends}
    weights = np.concatenate([[0.0], np.cumsum(widths)])
    for loss, name in (("lx", "reconstruction"), ("lz", "latent")):
        sums = np.concatenate([[0.0], np.cumsum(widths * metrics[name].to_numpy())])
        found[loss] = (sums[1:] - sums[first]) / (weights[1:] - weights[first])
    return pd.DataFrame(found)[ends >= count].reset_index(drop=True)


def long_cell(cell: str) -> str:
    """The cell of 25,000 iterations with a cell's settings."""
    return f"{cell}-long"


def first_below(means: pd.DataFrame, printed: float) -> Crossing | None:
    """L_z where L_x first falls to a printed value; None where it never does."""
    reached = means[means.lx <= printed]
    return None if reached.empty else _crossing(reached, "lz")


def first_from_below(means: pd.DataFrame, printed: float) -> Crossing | None:
    """L_x where L_z first reaches a printed value from below; None where it never does.

    L_z starts high, while the decoder learns, and falls: that passage does not count.
    """
    before = means.lz.shift(fill_value=np.inf)
    reached = means[(means.lz >= printed) & (before < printed)]
    return None if reached.empty else _crossing(reached, "lx")


def common_iterations(
    attention: Losses, write_only: Losses, printed: Mapping[str, float], at_most_relative: float
) -> dict[int, list[int]]:
    """By each seed that both cells have, the iterations at which all four values lie within a share
    of the printed ones.

    Seeds are paired by number alone. printed: of `accounts.printed`.
    """
    found = {}
    for seed in sorted(set(attention) & set(write_only)):
        one, other = attention[seed], write_only[seed]
        both = one.merge(other, on="iteration", suffixes=("_attention", "_write_only"))
        off = [
            (both[f"{loss}_{row}"] / printed[f"{row}_{loss}"] - 1).abs()
            for row in ("attention", "write_only")
            for loss in ("lx", "lz")
        ]
        near = pd.concat(off, axis=1).max(axis=1) <= at_most_relative
        found[seed] = both.iteration[near].tolist()
    return found


def crossings(row: str, losses: Losses, printed: Mapping[str, float]) -> dict[int, Crossing | None]:
    """The crossing of each seed of a row of Table I, `attention` or `write_only`."""
    if row == "attention":
        return {seed: first_below(means, printed["attention_lx"]) for seed, means in losses.items()}
    return {
        seed: first_from_below(means, printed["write_only_lz"]) for seed, means in losses.items()
    }


def target(row: str, printed: Mapping[str, float]) -> float:
    """The printed value that a row's crossings are held against: L_z of `attention`, L_x of
    `write_only`."""
    return printed["attention_lz" if row == "attention" else "write_only_lx"]


def reached(found: Mapping[int, Crossing | None]) -> tuple[Sequence[float], int]:
    """The other loss at the crossings there are, and how many seeds have none."""
    values = [crossing.other for crossing in found.values() if crossing is not None]
    return values, len(found) - len(values)


def _crossing(rows: pd.DataFrame, other: str) -> Crossing:
    first = rows.iloc[0]
    return Crossing(int(first.iteration), float(first[other]))
