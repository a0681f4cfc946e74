"""Which of three settings moves row 1 of Table I: main effects over their eight combinations
(`second_round` of `book/claims.yaml`, rule `attribution`). Pure functions of tables."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from study.statistics import holm_levels

FACTORS = ("weights", "convolutions", "division")
NONE, ALL = "dcrw-lineage", "dcrw-tensorflow2016"  # cells
LOSSES = ("lx", "lz")
SEEDS = (10, 11)


class Effect(NamedTuple):
    """What a setting does to a loss, averaged over the combinations of the others."""

    factor: str
    loss: str
    value: float  # nats per image, with the setting less without
    low: float  # of the interval at Holm's level for it
    high: float
    p: float  # two-sided, as if it were the only effect
    matters: bool  # the interval excludes 0


def cell_of(combination: tuple[bool, ...]) -> str:
    """The cell that has these of FACTORS."""
    if all(combination):
        return ALL
    chosen = [name for name, has in zip(FACTORS, combination, strict=True) if has]
    return "-".join([NONE, *chosen])


COMBINATIONS = {cell_of(chosen): chosen for chosen in product((False, True), repeat=len(FACTORS))}


def main_effects(
    table: pd.DataFrame, seeds: Sequence[int] = SEEDS, alpha: float = 0.05
) -> list[Effect]:
    """The six main effects; none where a combination lacks a seed.

    table: a row per run, columns `cell`, `seed`, `lx`, `lz`. A main effect is the mean of the runs
    with a setting less that of the runs without. Its standard error is s sqrt(4/N) for N runs, s^2
    the variance within combinations, pooled, with N - 8 degrees of freedom; Holm's procedure goes
    over all six.
    """
    rows = table[table.seed.isin(seeds) & table.cell.isin(COMBINATIONS)]
    counts = rows.groupby("cell").size().reindex(list(COMBINATIONS), fill_value=0)
    if len(seeds) < 2 or (counts != len(seeds)).any():
        return []
    signs = np.array([COMBINATIONS[cell] for cell in rows.cell]) * 2 - 1  # (N, 3)
    freedom = len(rows) - len(COMBINATIONS)
    found = []
    for loss in LOSSES:
        values = rows[loss].to_numpy()
        within = values - rows.groupby("cell")[loss].transform("mean").to_numpy()
        error = np.sqrt(np.square(within).sum() / freedom * 4 / len(rows))
        effects = 2 * (signs * values[:, None]).mean(0)
        found += [
            (factor, loss, value, error) for factor, value in zip(FACTORS, effects, strict=True)
        ]
    p_values = [2 * stats.t.sf(abs(value) / error, freedom) for *_, value, error in found]
    levels = holm_levels(p_values, alpha)
    effects_found = []
    for (factor, loss, value, error), p, level in zip(found, p_values, levels, strict=True):
        reach = stats.t.ppf(1 - level / 2, freedom) * error
        ends = float(value - reach), float(value + reach)
        matters = not ends[0] <= 0 <= ends[1]
        effects_found.append(Effect(factor, loss, float(value), *ends, float(p), matters))
    return effects_found
