"""Verdict rules at their borders."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.claims.rules import (
    above,
    all_of,
    below,
    by_seed,
    each_at_least,
    each_at_most,
    falls,
    matches,
    negated,
    paired,
    seeds_of,
    sharper,
    tolerance,
)

T3 = 4.302652729911275  # Student's t, 97.5%, two degrees of freedom, from tables


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6))
def test_below_and_above_never_agree(values):
    assert not (below(values, -1.0).holds and above(values, 1.0).holds)
    judged = below(values)
    assert judged.low <= judged.value <= judged.high or judged.low == pytest.approx(judged.high)


def test_an_interval_that_touches_zero_is_not_below_it():
    assert below([0.0, 0.0, 0.0]).holds is False
    assert below([-1.0, -1.0, -1.0]).holds is True
    assert below([-1.0, -2.0, 1.0]).holds is False
    assert below([0.05, 0.05], 0.05).holds is True  # "at most"
    assert above([0.5, 0.5], 0.5).holds is True


@pytest.mark.parametrize("rule", [below, above, each_at_most])
@pytest.mark.parametrize("values", [[], [-5.0]])
def test_fewer_than_two_seeds_decide_nothing(rule, values):
    judged = rule(values, 0.0)
    assert judged.holds is None
    assert judged.n == len(values)


def test_every_seed_counts():
    assert each_at_most([0.05, 0.01], 0.05).holds is True
    judged = each_at_most([0.01, 0.051], 0.05)
    assert (judged.holds, judged.value) == (False, 0.051)
    judged = each_at_least([0.95, 0.99], 0.95)
    assert (judged.holds, judged.value) == (True, 0.95)
    assert each_at_least([0.94, 0.99], 0.95).holds is False


def test_sharper_needs_sign_and_significance_in_every_seed():
    assert sharper([0.1, 0.2], [0.01, 0.001], 0.01).holds is True
    assert sharper([0.1, 0.2], [0.011, 0.001], 0.01).holds is False
    assert sharper([0.1, -0.2], [0.001, 0.001], 0.01).holds is False
    assert sharper([0.1], [0.001], 0.01).holds is None


def test_totals_fall_only_if_every_run_does():
    falling, rising = np.arange(10.0)[::-1], np.arange(10.0)
    assert falls([falling, falling]).holds is True
    assert falls([falling, rising]).holds is False
    bumpy = falling.copy()
    bumpy[[1, 8]] = bumpy[[8, 1]]
    assert falls([falling, bumpy]).holds is False
    assert falls([]).holds is None


def test_the_tolerance_is_a_new_runs_minibatch_and_is_capped():
    means, spreads = [99.0, 100.0, 101.0], [2.0, 2.0, 2.0]
    expected = T3 * math.sqrt(1.0 * (1 + 1 / 3) + 4.0)
    assert tolerance(means, spreads, 1000.0, 0.1) == pytest.approx(expected)
    assert tolerance(means, spreads, 50.0, 0.1) == pytest.approx(5.0)
    alone = tolerance([99.0], [2.0], 1000.0, 0.1, borrowed=means)
    assert alone == pytest.approx(T3 * math.sqrt(1.0 * 2 + 4.0))
    assert math.isnan(tolerance([99.0], [2.0], 1000.0, 0.1))


def test_a_match_is_within_the_tolerance_of_the_mean():
    means, spreads = [99.0, 100.0, 101.0], [0.0, 0.0, 0.0]
    reach = T3 * math.sqrt(4 / 3)
    assert matches(means, spreads, 100 + 0.999 * reach, 0.1).holds is True
    assert matches(means, spreads, 100 + 1.001 * reach, 0.1).holds is False
    assert matches([99.0], [0.0], 99.0, 0.1).holds is None
    assert matches([], [], 99.0, 0.1).holds is None


def test_pairs_are_made_by_seed():
    table = pd.DataFrame(
        {
            "cell": ["one", "other", "one", "other", "one"],
            "seed": [0, 0, 1, 1, 2],
            "loss": [5.0, 3.0, 6.0, 7.0, 1.0],
        }
    )
    assert paired(table, "one", "other", "loss") == [2.0, -1.0]
    assert paired(table, "one", "nobody", "loss") == []
    assert seeds_of(table, "one", "loss") == [5.0, 6.0, 1.0]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], None),
        ([True, True], True),
        ([True, None], None),
        ([False, None], False),
        ([True, False], False),
        ([np.True_, np.False_], False),
    ],
)
def test_all_of_them_where_that_is_known(parts, expected):
    assert all_of(parts) is expected
    assert all_of(iter(parts)) is expected


def test_what_is_not_known_is_not_known_to_be_false():
    assert [negated(part) for part in (True, False, None)] == [False, True, None]


def test_a_column_that_was_not_measured_is_empty():
    table = pd.DataFrame({"cell": ["one", "one"], "seed": [1, 0], "loss": [5.0, np.nan]})
    assert seeds_of(table, "one", "area") == []
    assert seeds_of(table, "one", "loss") == [5.0]
    assert by_seed(table, "area").isna().all().all()
