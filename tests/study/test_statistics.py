"""Intervals and tests against closed forms, counts of all cases, and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from study import statistics

T3 = 4.302652729911275  # Student's t, 97.5%, two degrees of freedom, from tables


def test_intervals_are_students():
    low, high = statistics.student_interval([1.0, 2.0, 3.0])
    reach = T3 / math.sqrt(3)
    assert (low, high) == pytest.approx((2 - reach, 2 + reach))
    assert all(math.isnan(end) for end in statistics.student_interval([1.0]))
    with pytest.raises(ValueError, match="n = 1: expected at least 2"):
        statistics.student(1)


def test_permutation_tests_where_all_permutations_are_counted():
    differences = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert statistics.sign_flip_test(differences) == (4.5, 2 / 2**8)
    flips = np.array(list(itertools.product([1, -1], repeat=5))) * [3.0, -1.0, 2.0, 0.5, 4.0]
    share = (flips.mean(1) >= 1.7 - 1e-12).mean()
    assert statistics.sign_flip_test([3.0, -1.0, 2.0, 0.5, 4.0]) == pytest.approx((1.7, 2 * share))
    low, high = [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0, 9.0]
    expected = pytest.approx((-4.5, 2 / math.comb(9, 4)))
    assert statistics.two_sample_test(low, high) == expected


def test_permutation_tests_at_a_large_effect():
    rng = np.random.default_rng(0)
    shifted, other = rng.normal(1, 1, 200), rng.normal(0, 1, 150)
    smallest = 2 / (statistics.RESAMPLES + 1)
    assert statistics.sign_flip_test(shifted).p_value == smallest
    assert statistics.two_sample_test(shifted, other) == statistics.two_sample_test(shifted, other)
    assert statistics.two_sample_test(shifted, other).p_value == smallest
    assert statistics.two_sample_test(other, shifted).statistic < 0


def test_permutation_tests_reject_a_true_null_as_often_as_they_say():
    rng = np.random.default_rng(0)
    signs = [statistics.sign_flip_test(rng.laplace(size=8)).p_value for _ in range(200)]
    pairs = [statistics.two_sample_test(*rng.exponential(size=(2, 5))).p_value for _ in range(200)]
    for values in (signs, pairs):
        assert np.mean(np.array(values) <= 0.2) == pytest.approx(0.2, abs=0.09)  # 3 sd


def test_the_range_of_a_coin():
    assert statistics.coin_range(2000) == (0.478, 0.522)
    for tosses in (1, 7, 20, 101):
        low, high = statistics.coin_range(tosses)
        heads = np.arange(tosses + 1)
        chances = np.array([math.comb(tosses, count) for count in heads]) / 2**tosses
        inside = chances[(heads >= low * tosses - 1e-9) & (heads <= high * tosses + 1e-9)]
        tails = chances[heads > high * tosses + 1e-9].sum()
        assert inside.sum() >= 0.95
        assert tails <= 0.025
        assert low + high == pytest.approx(1)


def test_an_interval_that_is_not_known_is_none():
    assert statistics.known_interval((math.nan, math.nan)) is None
    assert statistics.known_interval((1.0, 2.0)) == (1.0, 2.0)


@pytest.mark.parametrize(("ours", "theirs"), [(3, 3), (10, 10), (2, 7)])
def test_welchs_interval_is_that_of_the_test(ours, theirs):
    draws = np.random.default_rng(ours)
    one, other = draws.normal(1, 3, ours), draws.normal(0, 0.2, theirs)
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert statistics.welch_interval(one, other) == pytest.approx(tuple(expected))


def test_welchs_interval_by_hand():
    low, high = statistics.welch_interval([1.0, 2.0, 3.0], [5.0, 6.0, 7.0])  # equal spreads: 4
    reach = stats.t.ppf(0.975, 4) * math.sqrt(2 / 3)
    assert (low, high) == pytest.approx((-4 - reach, -4 + reach))
    assert statistics.welch_interval([1.0, 1.0], [3.0, 3.0]) == (-2.0, -2.0)
    assert all(math.isnan(end) for end in statistics.welch_interval([1.0], [1.0, 2.0]))
    assert all(math.isnan(end) for end in statistics.welch_interval([], [1.0, 2.0]))


def test_holms_levels_step_down_and_stay():
    levels = statistics.holm_levels([0.03, 0.001, 0.011, 0.9])
    # 0.001 <= 0.05/4; 0.011 <= 0.05/3; 0.03 > 0.05/2, and so the last stays at 0.05/2
    assert levels == pytest.approx([0.05 / 2, 0.05 / 4, 0.05 / 3, 0.05 / 2])
    first_fails = statistics.holm_levels([0.02, 0.03, 0.04])
    assert first_fails == pytest.approx([0.05 / 3] * 3)  # none is rejected, though 0.04 <= 0.05


def test_holm_keeps_to_its_level():
    """Of six true hypotheses one or more is rejected in 5% of families."""
    p_values = np.random.default_rng(0).random((4000, 6))
    rejected = [(p <= statistics.holm_levels(p)).any() for p in p_values]
    assert np.mean(rejected) == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4000))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.holm_levels([math.nan]), "p_values has 1 values that are not finite"),
        (lambda: statistics.sign_flip_test([1.0]), "differences has 1 values; expected at least 2"),
        (lambda: statistics.two_sample_test([1.0, 2.0], [math.inf, 1]), "second has 1 values that"),
        (lambda: statistics.coin_range(0), "tosses = 0: expected at least 1"),
        (lambda: statistics.coin_range(5, 1.0), r"level = 1\.0: expected"),
    ],
)
def test_errors_name_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
