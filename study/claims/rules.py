"""The forms that a verdict's rule can take: from values over seeds to holds, fails, or cannot be
judged."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from study.statistics import student, student_interval


class Judged(NamedTuple):
    """What a rule says of some values."""

    holds: bool | None
    value: float
    low: float
    high: float
    n: int


def below(values: Sequence[float], limit: float = 0.0) -> Judged:
    """The interval over seeds lies below a limit, which its upper end may touch where the limit is
    not 0."""
    return _interval(values, lambda low, high: high < 0 if limit == 0 else high <= limit)


def above(values: Sequence[float], limit: float) -> Judged:
    """The interval over seeds lies at or above a limit."""
    return _interval(values, lambda low, high: low >= limit)


def each_at_most(values: Sequence[float], limit: float) -> Judged:
    """Every seed's value is at most a limit; the largest is reported."""
    return _each(values, max, lambda worst: worst <= limit)


def each_at_least(values: Sequence[float], limit: float) -> Judged:
    """Every seed's value is at least a limit; the smallest is reported."""
    return _each(values, min, lambda worst: worst >= limit)


def falls(blocks: Sequence[np.ndarray], limit: float = -0.9) -> Judged:
    """Training totals fall: the last block lies below the first, and Spearman's correlation with
    the blocks' order is at most `limit`, in every seed and variant. The largest correlation is
    reported.

    blocks: of each run, mean totals (stretches,) in order.
    """
    if not blocks:
        return Judged(None, np.nan, np.nan, np.nan, 0)
    order = [stats.spearmanr(np.arange(len(block)), block).statistic for block in blocks]
    fallen = all(block[-1] < block[0] for block in blocks)
    worst = float(max(order))
    return Judged(fallen and worst <= limit, worst, np.nan, np.nan, len(blocks))


def sharper(differences: Sequence[float], p_values: Sequence[float], limit: float) -> Judged:
    """A positive difference with p at most `limit` in every seed; the smallest difference is
    reported."""
    if len(differences) < 2:
        return Judged(None, *_first(differences), np.nan, np.nan, len(differences))
    holds = min(differences) > 0 and max(p_values) <= limit
    return Judged(holds, float(min(differences)), np.nan, np.nan, len(differences))


def tolerance(
    means: Sequence[float],
    spreads: Sequence[float],
    published: float,
    at_most_relative: float,
    borrowed: Sequence[float] = (),
) -> float:
    """How far a published value may lie from our mean over seeds (claim g).

    means, spreads: each seed's mean over the last minibatches, and the minibatches' standard
    deviation. borrowed: means of another cell's seeds, whose spread stands in where there is one
    seed. Not a number where there is no spread over seeds at all.
    """
    source = means if len(means) > 1 else borrowed
    if len(source) < 2:
        return float("nan")
    seeds = np.var(source, ddof=1) * (1 + 1 / len(means))
    reach = student(len(source)) * np.sqrt(seeds + np.mean(np.square(spreads)))
    return float(min(reach, at_most_relative * abs(published)))


def matches(
    means: Sequence[float],
    spreads: Sequence[float],
    published: float,
    at_most_relative: float,
    borrowed: Sequence[float] = (),
) -> Judged:
    """A published value lies within `tolerance` of our mean; the interval is mean -+ tolerance."""
    if not len(means):
        return Judged(None, np.nan, np.nan, np.nan, 0)
    mean = float(np.mean(means))
    reach = tolerance(means, spreads, published, at_most_relative, borrowed)
    holds = None if np.isnan(reach) else bool(abs(mean - published) <= reach)
    return Judged(holds, mean, mean - reach, mean + reach, len(means))


def all_of(parts: Iterable[bool | None]) -> bool | None:
    """All of them; not known where there are none, or where one is not known and none is false."""
    known = [None if part is None else bool(part) for part in parts]
    if any(part is False for part in known):
        return False
    return None if not known or any(part is None for part in known) else True


def negated(part: bool | None) -> bool | None:
    """Not so; not known where it is not known."""
    return None if part is None else not part


def paired(table: pd.DataFrame, one: str, other: str, column: str) -> list[float]:
    """Differences of two cells by seed, the seeds that both have.

    table: a row per run, with `cell` and `seed`.
    """
    by_cell = by_seed(table, column)
    if one not in by_cell or other not in by_cell:
        return []
    return (by_cell[one] - by_cell[other]).dropna().tolist()


def seeds_of(table: pd.DataFrame, cell: str, column: str) -> list[float]:
    """A column of one cell's runs, in the order of seeds; empty where nothing was measured."""
    if column not in table:
        return []
    return table[table.cell == cell].sort_values("seed")[column].dropna().tolist()


def by_seed(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column with one row per seed and one column per cell; NaN where it was not measured."""
    known = table if column in table else table.assign(**{column: float("nan")})
    return known.pivot(index="seed", columns="cell", values=column)


def _interval(values: Sequence[float], rule: Callable[[float, float], bool]) -> Judged:
    low, high = student_interval(values)
    holds = None if len(values) < 2 else bool(rule(low, high))
    return Judged(holds, float(np.mean(values)) if len(values) else np.nan, low, high, len(values))


def _each(
    values: Sequence[float],
    worst: Callable[[Sequence[float]], float],
    rule: Callable[[float], bool],
) -> Judged:
    if len(values) < 2:
        return Judged(None, *_first(values), np.nan, np.nan, len(values))
    found = float(worst(values))
    return Judged(bool(rule(found)), found, np.nan, np.nan, len(values))


def _first(values: Sequence[float]) -> tuple[float]:
    return (float(values[0]) if len(values) else np.nan,)
