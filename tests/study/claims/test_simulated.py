"""Rules on many repetitions at once are those that judge, one case at a time."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from study.claims import power, rules, simulated
from study.claims.rules import above, matches, sharper
from study.claims.scenarios import Known

PROJECT = Path(__file__).parents[3]
CASES = 300


@pytest.fixture(scope="module")
def known() -> Known:
    return power.load(PROJECT)


@pytest.mark.parametrize("limit", [0.0, 0.05])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_vectorised_intervals_judge_as_claims_do(limit, n):
    draws = np.random.default_rng(n)
    values = draws.normal(draws.normal(0, 0.2, (CASES, 1)), 0.1, (CASES, n))
    expected = [[rule(row, limit).holds for row in values] for rule in (rules.below, above)]
    found = [simulated.below(values, limit).tolist(), simulated.above(values, limit).tolist()]
    assert found == expected
    assert {True, False} == set(found[0]) == set(found[1])


@pytest.mark.parametrize("n", [2, 3, 10])
def test_vectorised_tolerance_judges_as_claims_do(n):
    draws = np.random.default_rng(n)
    means, published = draws.normal(50, 3, (CASES, n)), draws.normal(50, 6, CASES)
    spreads, limits = draws.uniform(0.1, 4, (CASES, n)), (0.02, 0.1, 1.0)
    rms = np.sqrt(np.square(spreads).mean(-1))
    for limit in limits:
        expected = [
            matches(*case, limit).holds for case in zip(means, spreads, published, strict=True)
        ]
        found = simulated.matches(means, rms, published, limit).tolist()
        assert found == expected
        assert {True, False} == set(found)


def test_vectorised_sharpness_judges_as_claims_do():
    values = np.random.default_rng(0).normal(0.02, 0.01, (CASES, 3))
    expected = [sharper(row, 2 * stats.norm.sf(np.abs(row) / 0.004), 0.01).holds for row in values]
    found = simulated.sharper(values, 0.004, 0.01).tolist()
    assert found == expected
    assert {True, False} == set(found)


def test_accounts_are_read_from_the_runs(known):
    shared = simulated.moments_of(known.losses, "shared")
    assert shared.mean == pytest.approx([78.8649, 1.67615, 150.993, 33.7935], rel=1e-4)
    rows = known.losses[known.losses.cell == "dcrw-shared"]
    assert shared.sd[0] == pytest.approx(rows.train_lx.std())
    assert shared.minibatch[1] == pytest.approx(math.sqrt((rows.train_lz_sd**2).mean()))


def test_a_cell_with_one_seed_has_no_spread(known):
    with pytest.raises(ValueError, match="dcrw-r25: 1 seeds; expected at least 2"):
        simulated.spread_of(known.losses, "dcrw-r25", "train_lx")
