"""The claims of the paper judged by the rules of `book/claims.yaml`, which was committed before the
runs that it judges. Pure functions from tables to outcomes."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from dcrw.grid import student, student_interval

NOISES = ("fresh", "shared")


class Outcome(NamedTuple):
    """One test of one claim under one noise."""

    claim: str
    test: str
    noise: str
    holds: bool | None  # None: cannot be judged
    value: float
    low: float  # 95% interval over seeds, not a number where the rule is about every seed
    high: float
    n: int  # seeds
    rule: str


class Judged(NamedTuple):
    """What a rule says of some values."""

    holds: bool | None
    value: float
    low: float
    high: float
    n: int


def registered(path: Path) -> dict[str, Any]:
    """The file of claims."""
    return yaml.safe_load(path.read_text())


def verdict(outcomes: Sequence[Outcome]) -> str:
    """One word for a claim under one noise, from all of its tests."""
    if not outcomes or any(outcome.holds is None for outcome in outcomes):
        return "untestable"
    holding = sum(bool(outcome.holds) for outcome in outcomes)
    if holding == len(outcomes):
        return "supported"
    return "partly" if holding else "not supported"


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
    reported."""
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


def paired(table: pd.DataFrame, one: str, other: str, column: str) -> list[float]:
    """Differences of two cells by seed, the seeds that both have.

    table: a row a run, with `cell` and `seed`.
    """
    by_cell = table.pivot(index="seed", columns="cell", values=column)
    if one not in by_cell or other not in by_cell:
        return []
    return (by_cell[one] - by_cell[other]).dropna().tolist()


def seeds_of(table: pd.DataFrame, cell: str, column: str) -> list[float]:
    """A column of one cell's runs, in the order of seeds."""
    return table[table.cell == cell].sort_values("seed")[column].dropna().tolist()


def outcome_table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """One row a test."""
    return pd.DataFrame(outcomes, columns=list(Outcome._fields))


def verdict_table(outcomes: Sequence[Outcome], titles: dict[str, str]) -> pd.DataFrame:
    """One row a claim: its title, and the verdict under each noise."""
    rows = []
    for claim, title in titles.items():
        row = {"claim": claim, "title": title}
        for noise in dict.fromkeys(outcome.noise for outcome in outcomes):
            chosen = [o for o in outcomes if (o.claim, o.noise) == (claim, noise)]
            if chosen:
                row[noise] = verdict(chosen)
        rows.append(row)
    return pd.DataFrame(rows)


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
