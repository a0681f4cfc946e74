"""Predictive rules against closed forms, vectorised rules against those that judge, and the
committed table of operating characteristics."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.claims import power, predictive, rules, scenarios, simulated
from study.claims.rules import above, matches, sharper

PROJECT = Path(__file__).parents[3]
T3 = 4.302652729911275  # Student's t, 97.5%, two degrees of freedom, from tables
CASES = 300


@pytest.fixture(scope="module")
def known() -> scenarios.Known:
    return power.load(PROJECT)


@pytest.fixture(scope="module")
def table(known) -> pd.DataFrame:
    return power.operating_characteristics(known)


def share(table: pd.DataFrame, rule: str, test: str, truth: str, n: int) -> float:
    """The one share of a rule whose words for the truth begin so."""
    rows = table[(table.rule == rule) & (table.test == test) & (table.n == n)]
    (found,) = rows[rows.truth.str.startswith(truth)].accepts
    return found


# Predictive rules


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


# The vectorised rules are those that judge


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


def test_error_of_sharpness_is_the_largest_of_the_runs():
    errors = []
    for ours in PROJECT.glob("results/*/runs/dcrw-[fs]*-s[0-9]-*/evaluation/measures.npz"):
        cell, seed = ours.parents[1].name.rsplit("-", 2)[:2]
        other = cell.replace("dcrw-", "dcrw-write-only-")
        found = list(PROJECT.glob(f"results/*/runs/{other}-{seed}-*/evaluation/measures.npz"))
        if cell not in ("dcrw-fresh", "dcrw-shared") or not found:
            continue
        with np.load(ours) as one, np.load(found[0]) as two:
            paired = one["reconstructed_sharpness"] - two["reconstructed_sharpness"]
            errors.append(paired.std(ddof=1) / math.sqrt(len(paired)))
            samples = one["generated_sharpness"], two["generated_sharpness"]
            errors.append(math.sqrt(sum(each.var(ddof=1) / len(each) for each in samples)))
    assert len(errors) == 12
    assert max(errors) == pytest.approx(scenarios.SHARPNESS_ERROR, abs=5e-5)


# The table


def test_accounts_are_read_from_the_runs(known):
    shared = simulated.account(known.losses, "shared")
    assert shared.mean == pytest.approx([78.8649, 1.67615, 150.993, 33.7935], rel=1e-4)
    rows = known.losses[known.losses.cell == "dcrw-shared"]
    assert shared.sd[0] == pytest.approx(rows.train_lx.std())
    assert shared.minibatch[1] == pytest.approx(math.sqrt((rows.train_lz_sd**2).mean()))


def test_a_cell_with_one_seed_has_no_spread(known):
    with pytest.raises(ValueError, match="dcrw-r25: 1 seeds; expected at least 2"):
        simulated.spread_of(known.losses, "dcrw-r25", "train_lx")


def test_further_seeds_change_nothing(known, tmp_path):
    names = ("book/claims.yaml", "book/published.json", "results/grid/classifier/reference.json")
    tables = ("results/grid/tables/runs.csv", "results/grid/tables/measures.csv")
    for name in (*names, *tables):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    for name in tables:
        rows = pd.read_csv(tmp_path / name)
        further = rows[rows.seed == 0].assign(seed=3)
        pd.concat([rows, further]).to_csv(tmp_path / name, index=False)
    found = power.load(tmp_path)
    assert found.losses.equals(known.losses)
    assert found.measures.equals(known.measures)


def test_scenarios_have_their_own_random_numbers(known):
    words = [(s.rule, s.truth, s.source) for s in scenarios.scenarios(known, 10)]
    assert len(words) == len(set(words)) > 50


def test_every_rule_is_there(table):
    assert set("abcdefghi") <= set(table.rule)
    assert set(table.n) == {3, 5, 10}
    assert table.accepts.between(0, 1).all()
    assert not table.duplicated(["rule", "test", "truth", "n", "source"]).any()
    assert power.REPETITIONS >= 20_000


@pytest.mark.parametrize("n", [3, 5, 10])
def test_shares_with_a_closed_form(table, known, n):
    near = {"abs": 4 * math.sqrt(0.25 / power.REPETITIONS) + 5e-4}
    alarms = table[table.rule.isin(["b", "h"]) & (table.truth == "no difference") & (table.n == n)]
    assert len(alarms) == 8
    assert alarms.accepts.to_numpy() == pytest.approx(np.full(8, 0.025), abs=0.005)
    for chance in scenarios.PASSES:
        truth = f"each seed passes with probability {chance:g}"
        assert share(table, "counts", "every seed", truth, n) == pytest.approx(chance**n, **near)
        counted = stats.binom.cdf(predictive.allowed_failures(n), n, 1 - chance)
        assert share(table, "counts", "count", truth, n) == pytest.approx(counted, **near)
    coin = stats.binom.cdf(1044, 2000, 0.5)  # 0.522 of 2,000 images
    truth = "perfect generator: told apart as by a fair coin"
    one, both = (
        share(table, "f", f"two_sample, {which}", truth, n)
        for which in ("one variant", "both variants")
    )
    assert (one, both) == pytest.approx((coin**n, coin ** (2 * n)), **near)
    apart = known.measures["two_sample.coin_high"].dropna().unique().tolist()
    assert apart == [0.522]


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("noise", scenarios.ACCOUNTS)
def test_the_true_account_is_compatible(table, noise, n):
    truth = f"{noise}: printed the mean"
    found = share(table, "predictive interval", f"{noise}: compatible", truth, n)
    assert found == pytest.approx((1 - 0.05 / 4) ** 4, abs=0.008)


def test_rule_g_refuses_a_true_account_more_often_than_not(table):
    words = "printed one minibatch of one more run; means are Table I's"
    for noise, n, expected in (
        ("shared", 3, 0.43),
        ("shared", 10, 0.47),
        ("lineage", 3, 0.36),
        ("lineage", 10, 0.39),
    ):
        found = share(table, "g", f"{noise}: all four values", f"{noise}: {words}", n)
        assert found == pytest.approx(expected, abs=0.015)


def test_the_same_seed_makes_the_same_table(known):
    first, again = (power.operating_characteristics(known, 200) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_the_committed_table_is_what_the_command_makes(table, tmp_path):
    path = tmp_path / "table.csv"
    power.write_table(path, table)
    assert (PROJECT / power.OUTPUT).read_bytes() == path.read_bytes(), (
        "run python -m study.claims.power"
    )
