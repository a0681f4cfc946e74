"""Predictive rules against closed forms and simulation."""

import math

import numpy as np
import pytest
from made_up_accounts import REGISTERED
from scipy import stats

from study.claims import predictive, simulated

T3 = 4.302652729911275  # Student's t, 97.5%, two degrees of freedom, from tables


def test_predictive_interval_is_students():
    low, high = predictive.interval([1.0, 2.0, 3.0], 0.05)
    reach = T3 * math.sqrt(4 / 3)
    assert (low, high) == pytest.approx((2 - reach, 2 + reach))
    beside = predictive.half_width([1.0, 2.0, 3.0], 0.05, beside=2.0)
    assert beside == pytest.approx(T3 * math.sqrt(4 / 3 + 4))


@pytest.mark.parametrize("alpha", [0.05, 0.0125, 0.5])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_predictive_interval_covers_one_more_run(alpha, n):
    draws = np.random.default_rng(0)
    low, high = predictive.interval(draws.normal(7, 3, (40_000, n)), alpha)
    one_more = draws.normal(7, 3, 40_000)
    covered = ((low <= one_more) & (one_more <= high)).mean()
    assert covered == pytest.approx(1 - alpha, abs=4 * math.sqrt(alpha * (1 - alpha) / 40_000))


def test_a_table_is_compatible_where_each_of_its_values_is():
    values = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    reach = stats.t.ppf(1 - 0.05 / 4, 2) * math.sqrt(4 / 3)  # two values: 0.025 each
    inside = [2 + 0.999 * reach, 20 - 9.99 * reach]
    assert predictive.compatible(values, inside)
    assert not predictive.compatible(values, [2 + 1.001 * reach, inside[1]])
    assert not predictive.compatible(values, [inside[0], 20 - 10.01 * reach])
    assert predictive.compatible(values, [2 + 1.001 * reach, 20.0], beside=[0.2, 0.0])


def test_an_account_is_sharp_where_each_half_width_is_small():
    values = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    reach = stats.t.ppf(1 - 0.05 / 4, 2) * math.sqrt(4 / 3)
    assert predictive.sharp(values, [4.01 * reach, -4.01 * reach])
    assert not predictive.sharp(values, [4.01 * reach, 3.99 * reach])


def test_two_runs_predict_as_cauchy():
    middle, scale = 2.0, math.sqrt(2) * math.sqrt(1.5)
    density = 1 / (math.pi * scale * (1 + ((5 - middle) / scale) ** 2))
    assert predictive.log_likelihood([[1.0, 3.0]], [5.0]) == pytest.approx(math.log(density))


def test_log_likelihood_is_the_sum_of_students_densities():
    draws = np.random.default_rng(1)
    values, printed = draws.normal(50, 2, (20, 4, 5)), draws.normal(50, 2, (20, 4))
    expected = [
        sum(
            stats.t.logpdf(x, 4, v.mean(), np.sqrt(v.var(ddof=1) * 6 / 5 + 0.3**2))
            for v, x in zip(account, row, strict=True)
        )
        for account, row in zip(values, printed, strict=True)
    ]
    assert predictive.log_likelihood(values, printed, 0.3) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: predictive.half_width([1.0], 0.05), "n = 1: expected at least 2 runs"),
        (lambda: predictive.interval([1.0, np.nan], 0.05), "expected finite numbers"),
        (lambda: predictive.log_likelihood([[1.0, 1.0]], [1.0]), "runs do not differ"),
        (lambda: predictive.reference_distance([0.5], 0.5), "n = 1: expected at least 2"),
    ],
)
def test_what_predicts_nothing_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("n", range(1, 41))
def test_allowed_failures_is_the_least_that_is_kept_to(n):
    allowed = predictive.allowed_failures(n)
    below, at = (
        sum(math.comb(n, k) * 0.05**k * 0.95 ** (n - k) for k in range(upper))
        for upper in (allowed, allowed + 1)
    )
    assert below < 0.95 <= at


def test_counts_allow_so_many_failures_and_no_more():
    assert [predictive.allowed_failures(n) for n in (1, 3, 5, 10)] == [0, 1, 1, 2]
    assert predictive.count_holds([True] * 8 + [False] * 2)
    assert not predictive.count_holds([True] * 7 + [False] * 3)


def test_distance_to_reference_at_its_borders():
    values = [0.50, 0.51, 0.52]
    reach = T3 * 0.01 / math.sqrt(3)
    for at_most, expected in (
        (0.01 + reach + 1e-6, (True, False)),
        (0.01 + reach - 1e-6, (False, False)),
        (0.01 - reach + 1e-6, (False, False)),
        (0.01 - reach - 1e-6, (False, True)),
    ):
        assert predictive.reference_distance(values, 0.5, at_most) == expected
    own = predictive.reference_distance(values, [0.50, 0.51, 0.52])
    assert own == (True, False)


def test_what_was_simulated_has_the_registered_limits():
    rules = REGISTERED["second_round"]["rules"]
    assert pytest.approx(1 - rules["predictive"]["level"]) == predictive.ALPHA
    assert rules["predictive"]["at_most_half_width"] == predictive.AT_MOST_RELATIVE
    assert rules["reference"]["at_most"] == predictive.AT_MOST_APART
    assert pytest.approx(rules["likelihood"]["at_least"], abs=1e-4) == simulated.LOG_ODDS
    words = REGISTERED["second_round"]["verdict_words"]["every_seed"]
    assert "upper 95% point" in words and f"n and {predictive.FAILURE:g}" in " ".join(words.split())
