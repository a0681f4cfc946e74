"""Accounts of Table I against plain NumPy, on tables whose answers are known."""

import math

import numpy as np
import pytest
from finished_runs import make_project
from made_up_accounts import PRINTED, PUBLISHED, REGISTERED, pair, rows_of, table
from scipy import stats

from study.cells import gathered
from study.claims import accounts
from study.claims.accounts import JUDGED, READINGS, Account

NAMED = {account.name: account for account in accounts.accounts(REGISTERED)}
MANY, ONE = READINGS
RULES = REGISTERED["second_round"]["rules"]


def runs(rows, name="shared", measure=JUDGED, seeds=None):
    return accounts.runs_of(table(rows), NAMED[name], measure, seeds)


def test_accounts_are_the_registered_and_fresh_noise_reduced():
    assert NAMED["shared"] == Account("shared", "dcrw-shared", "dcrw-write-only-shared")
    assert list(NAMED)[:5] == [
        "fresh", "shared", "lineage2016", "tensorflow2016", "tensorflow2016-fresh"
    ]  # fmt: skip
    reduced = [account.reduction for account in NAMED.values() if account.reduction != "sum"]
    assert reduced == ["mean-dimensions", "mean-steps", "mean"]
    assert NAMED["fresh, mean"].attention == "dcrw-fresh"


def test_the_registered_measures_are_those_that_are_read():
    registered = REGISTERED["second_round"]["accounts"]["measures"]
    assert list(registered) == list(accounts.MEASURES)
    assert registered[JUDGED].endswith("judged")


def test_printed_values_are_those_of_the_paper():
    assert accounts.printed(PUBLISHED) == PRINTED


def test_runs_of_an_account_are_read_by_measure_and_seed():
    rows = rows_of("dcrw-shared", [70.0, 72.0, 75.0], [1.0, 2.0, 3.0], sd=(3.0, 0.5))
    found = runs(rows)
    assert found["attention_lx"].means.tolist() == [70, 72, 75]
    assert found["attention_lz"].minibatch == pytest.approx(0.5)
    assert len(found["write_only_lx"].means) == 0
    assert runs(rows, seeds=[0, 2])["attention_lx"].means.tolist() == [70, 75]
    assert math.isnan(runs(rows, measure="test")["attention_lx"].minibatch)


def test_spreads_over_minibatches_are_joined_as_variances():
    rows = rows_of("dcrw-shared", [70.0], [1.0], sd=(3.0, 0.5))
    rows += rows_of("dcrw-shared", [71.0], [1.0], first_seed=1, sd=(4.0, 0.5))
    assert runs(rows)["attention_lx"].minibatch == pytest.approx(math.sqrt((9 + 16) / 2))


@pytest.mark.parametrize(("name", "factor"), [("mean-dimensions", 0.1), ("mean", 0.01)])
def test_a_reduction_is_of_l_z_alone(name, factor):
    rows = rows_of("dcrw-fresh", [80.0, 82.0], [20.0, 22.0], sd=(2.0, 0.6))
    found = runs(rows, f"fresh, {name}")
    assert found["attention_lx"] == (pytest.approx([80, 82]), pytest.approx(2.0))
    assert found["attention_lz"].means == pytest.approx([20 * factor, 22 * factor])
    assert found["attention_lz"].minibatch == pytest.approx(0.6 * factor)


@pytest.mark.parametrize(("off", "expected"), [(1.099, True), (1.101, False), (0.901, True)])
def test_within_is_a_tenth_of_the_printed_value(off, expected):
    found = accounts.within(runs(pair("shared", off)), PRINTED, 0.1)
    assert set(found.values()) == {expected}


def test_within_needs_all_four_values():
    rows = [
        row | {"lz": row["lz"] * 1.2} if row["cell"] == "dcrw-write-only-shared" else row
        for row in pair("shared")
    ]
    found = accounts.within(runs(rows), PRINTED, 0.1)
    assert (found["attention"], found["write_only_lx"]) == (True, True)
    assert (found["write_only_lz"], found["write_only"], found["table"]) == (False, False, False)


def test_one_seed_decides_nothing():
    found = accounts.within(runs(pair("shared", n=1)), PRINTED, 0.1)
    assert set(found.values()) == {None}
    assert accounts.compatible(runs(pair("shared", n=2)), PRINTED, MANY, 0.95)["table"] is None
    assert accounts.log_likelihood(runs(pair("shared", n=2)), PRINTED, MANY) is None


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("reading", READINGS)
def test_the_predictive_interval_by_hand(n, reading):
    draws = np.random.default_rng(n)
    values = draws.normal(70, 3, n)
    found = runs(rows_of("dcrw-shared", list(values), [1.0] * n, sd=(2.0, 0.1)))
    variance = values.var(ddof=1) * (1 + 1 / n) + (4.0 if reading == ONE else 0.0)
    reach = stats.t.ppf(1 - 0.05 / 4 / 2, n - 1) * math.sqrt(variance)
    assert accounts.predicted(found["attention_lx"], reading, 0.95) == pytest.approx(
        (values.mean() - reach, values.mean() + reach)
    )


def test_a_reading_widens_what_is_compatible():
    """1% of spread over five seeds: a value 10% off is out of reach, but for one minibatch."""
    narrow = [row | {"lz": row["lz"] / 1.1, "lx": row["lx"] / 1.1} for row in pair("shared")]
    wide = [row | {"lx_sd": 8.0, "lz_sd": 1.5} for row in narrow]
    assert accounts.compatible(runs(narrow), PRINTED, MANY, 0.95)["table"] is False
    found = accounts.compatible(runs(wide), PRINTED, ONE, 0.95)
    assert found["attention"] is True
    assert accounts.compatible(runs(pair("shared")), PRINTED, MANY, 0.95)["table"] is True


def test_cells_may_have_different_numbers_of_seeds():
    rows = [row for row in pair("lineage", n=5) if row["cell"] == "dcrw-lineage"]
    rows += [row for row in pair("lineage", n=3) if row["cell"] != "dcrw-lineage"]
    found = runs(rows, "lineage2016")
    assert (len(found["attention_lx"].means), len(found["write_only_lx"].means)) == (5, 3)
    assert accounts.compatible(found, PRINTED, MANY, 0.95)["table"] is True
    total = 0.0
    for value, n in (("attention_lx", 5), ("attention_lz", 5), ("write_only_lx", 3)):
        means = PRINTED[value] * (np.linspace(-0.01, 0.01, n) + 1)
        total += stats.t.logpdf(
            PRINTED[value], n - 1, means.mean(), means.std(ddof=1) * math.sqrt(1 + 1 / n)
        )
    means = PRINTED["write_only_lz"] * (np.linspace(-0.01, 0.01, 3) + 1)
    total += stats.t.logpdf(
        PRINTED["write_only_lz"], 2, means.mean(), means.std(ddof=1) * math.sqrt(4 / 3)
    )
    assert accounts.log_likelihood(found, PRINTED, MANY) == pytest.approx(total)


def test_an_account_is_sharp_where_every_half_width_is_small():
    found = runs(pair("shared"))
    half = stats.t.ppf(1 - 0.05 / 8, 4) * np.linspace(-0.01, 0.01, 5).std(ddof=1) * math.sqrt(6 / 5)
    assert accounts.sharp(found, PRINTED, MANY, 0.95, half * 1.001) is True
    assert accounts.sharp(found, PRINTED, MANY, 0.95, half * 0.999) is False
    assert accounts.sharp(runs(pair("shared", n=2)), PRINTED, MANY, 0.95, 1.0) is None
    assert accounts.sharp(runs(pair("shared"), measure="test"), PRINTED, ONE, 0.95, 1.0) is None


def test_an_account_is_preferred_by_log_20_under_both_readings():
    limit = RULES["likelihood"]["at_least"]
    assert limit == pytest.approx(math.log(20), abs=1e-4)
    scores = {
        "one": {MANY: 0.0, ONE: 0.0},
        "clear": {MANY: limit, ONE: limit},
        "once": {MANY: 50.0, ONE: 0.0},
        "unknown": {MANY: None, ONE: 90.0},
    }
    assert accounts.preferred(scores, limit) == [("clear", "one")]


def test_a_reading_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="reading = 'three': expected one of many minibatches"):
        accounts.predicted(runs(pair("shared"))["attention_lx"], "three", 0.95)


def test_the_table_of_accounts_says_what_each_rule_says():
    rows = table(
        pair("shared"), pair("fresh", 1.5), pair("tensorflow2016", 0.97, 10, first_seed=10)
    )
    found = accounts.account_table(REGISTERED, rows, PUBLISHED)
    assert len(found) == len(NAMED) * 3
    judged = found[found.measure == JUDGED].set_index("account")
    assert judged.within_table.to_dict() == dict.fromkeys(NAMED) | {
        "shared": True, "fresh": False, "tensorflow2016": True,
        "fresh, mean-dimensions": False, "fresh, mean-steps": False, "fresh, mean": False,
    }  # fmt: skip
    assert judged.contradicted["fresh"] is True and judged.contradicted["shared"] is False
    assert judged.loc["tensorflow2016", "n_attention"] == 10
    assert judged.loc["shared", "attention_lx"] == pytest.approx(70.168)
    few = accounts.account_table(REGISTERED, rows, PUBLISHED, {"tensorflow2016": range(10, 15)})
    chosen = few[(few.account == "tensorflow2016") & (few.measure == JUDGED)].iloc[0]
    assert chosen.n_attention == 5
    scores = accounts.likelihoods(found)
    assert scores["lineage2016"] == {MANY: None, ONE: None}
    expected = accounts.log_likelihood(runs(pair("shared")), PRINTED, ONE)
    assert scores["shared"][ONE] == pytest.approx(expected)
    assert ("shared", "fresh") in accounts.preferred(scores, RULES["likelihood"]["at_least"])


def test_on_the_test_split_there_is_one_reading():
    found = accounts.account_table(REGISTERED, table(pair("shared")), PUBLISHED)
    row = found[(found.account == "shared") & (found.measure == "test")].iloc[0]
    assert row[f"compatible, {MANY}"] is True and row[f"compatible, {ONE}"] is None
    assert row.contradicted is False


def test_losses_are_measured_in_three_ways(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training = {"iterations": 2000, "batch_size": 10}
    model = {"steps": 4, "latent_size": 5, "noise_correlation": 1.0}
    profile = {"seeds": [3], "defaults": {"training": training, "model": model}}
    make_project(tmp_path, "round2", profile | {"runs": {"dcrw-shared": {}}})
    done, _ = gathered(tmp_path, ["round2"])
    rows = accounts.measure_losses(done).set_index("measure")
    assert rows.index.tolist() == list(accounts.MEASURES) and (rows.seed == 3).all()
    tail = np.arange(20, 40)
    assert rows.lx["minibatches_1000"] == pytest.approx((100 - tail).mean())
    assert rows.lx_sd["minibatches_1000"] == pytest.approx(math.sqrt(4 + tail.var()))
    assert (rows.lx["minibatches_50"], rows.lx_sd["minibatches_50"]) == pytest.approx((61, 2))
    assert rows.lz["minibatches_50"] == pytest.approx(13.9)
    assert (rows.lx["test"], rows.lz["test"]) == (90, 20)  # under the noise of training
    assert np.isnan(rows.lx_sd["test"])
    factors = rows.loc["test", list(accounts.REDUCTIONS)]
    assert factors.tolist() == pytest.approx([1 / 5, 1 / 4, 1 / 20])
