"""The committed table of operating characteristics, against closed forms where there are any."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.claims import power, predictive, scenarios

PROJECT = Path(__file__).parents[3]


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


def test_further_seeds_change_nothing(known, tmp_path):
    names = ("book/claims.yaml", "book/published.json", "results/grid/classifier/reference.json")
    tables = ("results/grid/tables/runs.csv", "results/grid/tables/measures.csv")
    (tmp_path / "pyproject.toml").touch()
    for name in (*names, *tables, "results/manifest.sha256"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    for name in tables:
        rows = pd.read_csv(tmp_path / name)
        further = rows[rows.seed == 0].assign(seed=3)
        pd.concat([rows, further]).to_csv(tmp_path / name, index=False)
    found = power.load(tmp_path)
    assert found.losses.equals(known.losses)
    assert found.measures.equals(known.measures)


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
