"""Verdict rules at their borders, and the registered claims."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrw import claims, grid

PROJECT = Path(__file__).parents[1]
T3 = 4.302652729911275  # Student's t, 97.5%, two degrees of freedom, from tables


def outcome(holds, claim="a", noise="fresh"):
    return claims.Outcome(claim, "t", noise, holds, 0.0, 0.0, 0.0, 3, "rule")


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([True, True], "supported"),
        ([True, False], "partly"),
        ([False, False], "not supported"),
        ([True, None], "untestable"),
        ([False, None], "untestable"),
        ([], "untestable"),
    ],
)
def test_a_verdict_is_a_word_for_its_tests(holds, expected):
    assert claims.verdict([outcome(each) for each in holds]) == expected


def test_intervals_are_students():
    low, high = grid.student_interval([1.0, 2.0, 3.0])
    reach = T3 / math.sqrt(3)
    assert (low, high) == pytest.approx((2 - reach, 2 + reach))
    assert all(math.isnan(end) for end in grid.student_interval([1.0]))
    with pytest.raises(ValueError, match="n = 1: expected at least 2"):
        grid.student(1)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6))
def test_below_and_above_never_agree(values):
    assert not (claims.below(values, -1.0).holds and claims.above(values, 1.0).holds)
    judged = claims.below(values)
    assert judged.low <= judged.value <= judged.high or judged.low == pytest.approx(judged.high)


def test_an_interval_that_touches_zero_is_not_below_it():
    assert claims.below([0.0, 0.0, 0.0]).holds is False
    assert claims.below([-1.0, -1.0, -1.0]).holds is True
    assert claims.below([-1.0, -2.0, 1.0]).holds is False
    assert claims.below([0.05, 0.05], 0.05).holds is True  # "at most"
    assert claims.above([0.5, 0.5], 0.5).holds is True


@pytest.mark.parametrize("rule", [claims.below, claims.above, claims.each_at_most])
@pytest.mark.parametrize("values", [[], [-5.0]])
def test_fewer_than_two_seeds_decide_nothing(rule, values):
    judged = rule(values, 0.0)
    assert judged.holds is None
    assert judged.n == len(values)


def test_every_seed_counts():
    assert claims.each_at_most([0.05, 0.01], 0.05).holds is True
    judged = claims.each_at_most([0.01, 0.051], 0.05)
    assert (judged.holds, judged.value) == (False, 0.051)
    judged = claims.each_at_least([0.95, 0.99], 0.95)
    assert (judged.holds, judged.value) == (True, 0.95)
    assert claims.each_at_least([0.94, 0.99], 0.95).holds is False


def test_sharper_needs_sign_and_significance_in_every_seed():
    assert claims.sharper([0.1, 0.2], [0.01, 0.001], 0.01).holds is True
    assert claims.sharper([0.1, 0.2], [0.011, 0.001], 0.01).holds is False
    assert claims.sharper([0.1, -0.2], [0.001, 0.001], 0.01).holds is False
    assert claims.sharper([0.1], [0.001], 0.01).holds is None


def test_totals_fall_only_if_every_run_does():
    falling, rising = np.arange(10.0)[::-1], np.arange(10.0)
    assert claims.falls([falling, falling]).holds is True
    assert claims.falls([falling, rising]).holds is False
    bumpy = falling.copy()
    bumpy[[1, 8]] = bumpy[[8, 1]]
    assert claims.falls([falling, bumpy]).holds is False
    assert claims.falls([]).holds is None


def test_the_tolerance_is_a_new_runs_minibatch_and_is_capped():
    means, spreads = [99.0, 100.0, 101.0], [2.0, 2.0, 2.0]
    expected = T3 * math.sqrt(1.0 * (1 + 1 / 3) + 4.0)
    assert claims.tolerance(means, spreads, 1000.0, 0.1) == pytest.approx(expected)
    assert claims.tolerance(means, spreads, 50.0, 0.1) == pytest.approx(5.0)
    alone = claims.tolerance([99.0], [2.0], 1000.0, 0.1, borrowed=means)
    assert alone == pytest.approx(T3 * math.sqrt(1.0 * 2 + 4.0))
    assert math.isnan(claims.tolerance([99.0], [2.0], 1000.0, 0.1))


def test_a_match_is_within_the_tolerance_of_the_mean():
    means, spreads = [99.0, 100.0, 101.0], [0.0, 0.0, 0.0]
    reach = T3 * math.sqrt(4 / 3)
    assert claims.matches(means, spreads, 100 + 0.999 * reach, 0.1).holds is True
    assert claims.matches(means, spreads, 100 + 1.001 * reach, 0.1).holds is False
    assert claims.matches([99.0], [0.0], 99.0, 0.1).holds is None
    assert claims.matches([], [], 99.0, 0.1).holds is None


def test_pairs_are_made_by_seed():
    table = pd.DataFrame(
        {
            "cell": ["one", "other", "one", "other", "one"],
            "seed": [0, 0, 1, 1, 2],
            "loss": [5.0, 3.0, 6.0, 7.0, 1.0],
        }
    )
    assert claims.paired(table, "one", "other", "loss") == [2.0, -1.0]
    assert claims.paired(table, "one", "nobody", "loss") == []
    assert claims.seeds_of(table, "one", "loss") == [5.0, 6.0, 1.0]


def test_block_means_weigh_rows_by_their_width_and_drop_the_rest():
    metrics = pd.DataFrame(
        {
            "iteration": [500, 1000, 1500, 2000, 2500],
            "reconstruction": [4.0, 2.0, 2.0, 0.0, 9.0],
            "latent": [1.0, 1.0, 1.0, 1.0, 1.0],
        }
    )
    np.testing.assert_allclose(grid.block_means(metrics), [4.0, 2.0])


def test_the_verdicts_table_has_a_row_for_each_claim():
    outcomes = [outcome(True), outcome(False, noise="shared"), outcome(None, claim="b")]
    table = claims.verdict_table(outcomes, {"a": "A", "b": "B"}).set_index("claim")
    assert table.loc["a", ["fresh", "shared"]].tolist() == ["supported", "not supported"]
    assert table.loc["b", "fresh"] == "untestable"


def test_the_registered_claims_are_those_of_the_paper():
    found = claims.registered(PROJECT / "book" / "claims.yaml")
    assert list(found["claims"]) == list("abcdefghi")
    for claim in found["claims"].values():
        assert claim["title"]
        assert claim["section"]
        assert all("measure" in test for test in claim["tests"].values())
