"""Controls, the rule without a number of iterations, and what was predicted."""

import numpy as np
import pandas as pd
import pytest
from made_up_accounts import PRINTED, PUBLISHED, REGISTERED, pair, rows_of, table

from study.claims import accounts
from study.claims.predictions import (
    at_iteration,
    control_table,
    fresh_control,
    positive_control,
    predictions,
    stop_free_findings,
)
from study.claims.stop_free import trailing_means

RULES = REGISTERED["second_round"]["rules"]
ACCOUNT = accounts.Account("shared", "dcrw-shared", "dcrw-write-only-shared")


def metrics(*levels: tuple[int, float, float]) -> pd.DataFrame:
    """metrics.csv whose losses are level up to each iteration named: (iteration, L_x, L_z)."""
    ends = np.arange(50, levels[-1][0] + 1, 50)
    at = np.searchsorted([level[0] for level in levels], ends)
    columns = {"iteration": ends}
    for place, name in ((1, "reconstruction"), (2, "latent")):
        columns[name] = [levels[index][place] for index in at]
        columns[f"{name}_std"] = np.ones(len(ends))
    return pd.DataFrame(columns)


def control(early: float = 75.6, lx: float = 65.6, lz: float = 1.5, n: int = 3):
    return {
        seed: metrics((5000, early + 0.1 * seed, 1.9), (10_000, lx + 0.1 * seed, lz))
        for seed in range(n)
    }


def holds(findings) -> list[bool | None]:
    return [finding.holds for finding in findings]


def test_means_until_an_iteration_are_those_of_its_thousand():
    path = metrics((4000, 90.0, 2.0), (4500, 80.0, 2.0), (5000, 70.0, 1.0), (10_000, 1.0, 9.0))
    assert at_iteration({0: path}, 5000) == [{"lx": pytest.approx(75), "lz": pytest.approx(1.5)}]
    assert at_iteration({0: path}, 10_050) == []


def test_the_control_is_held_against_the_published_curve():
    rule = RULES["positive_control"]
    assert holds(positive_control(rule, control())) == [True, True, True]
    assert holds(positive_control(rule, control(lx=70.2))) == [False, True, True]
    assert holds(positive_control(rule, control(lz=0.9))) == [True, False, True]
    assert holds(positive_control(rule, control(early=84))) == [True, True, False]  # 83.16 at most
    assert holds(positive_control(rule, control(early=83))) == [True, True, True]
    assert holds(positive_control(rule, control(n=1))) == [None, None, None]
    far = positive_control(rule, control(lx=90.0))[0]
    assert far.contradicted is True and far.value == pytest.approx(90.1)


def test_a_control_that_has_not_got_so_far_is_untestable():
    short = {seed: path[path.iteration <= 9000] for seed, path in control().items()}
    assert holds(positive_control(RULES["positive_control"], short)) == [None, None, True]


@pytest.mark.parametrize(("off", "expected"), [(1.0, False), (1.5, True)])
def test_fresh_noise_must_not_give_the_table(off, expected):
    rows = table(pair("tensorflow2016-fresh", off))
    found = fresh_control(accounts.account_table(REGISTERED, rows, PUBLISHED))
    assert (found.holds, found.contradicted, found.n) == (expected, not expected, 5)


def test_a_control_that_was_not_run_says_nothing():
    found = fresh_control(accounts.account_table(REGISTERED, table(pair("shared")), PUBLISHED))
    assert (found.holds, found.contradicted, found.n) == (None, None, 0)


def attention(lz: float, n: int = 3, until: float = 60.0):
    """L_x falls from 90 to `until`; L_z is level."""
    return {
        seed: trailing_means(metrics((2000, 90.0, 3.0), (4000, until, lz + 0.01 * seed)))
        for seed in range(n)
    }


def write_only(lx: float, n: int = 3, until: float = 33.0):
    return {
        seed: trailing_means(metrics((2000, 200.0, 10.0), (4000, lx + 0.1 * seed, until)))
        for seed in range(n)
    }


def stop_free(one, other):
    return stop_free_findings(RULES["stop_free"], ACCOUNT, one, other, PUBLISHED)


def test_rows_are_given_where_the_other_loss_is_reached():
    found = stop_free(attention(1.2), write_only(140.0))
    # L_x falls by 30 over 1,000 iterations of trailing means, and so does L_z by 1.8
    passed = 14 / 20  # rows until L_x is at most 70.168: 90 - 30 k / 20
    lz = np.mean([3.0 + (1.2 + 0.01 * seed - 3.0) * passed for seed in range(3)])
    assert found[0].value == pytest.approx(lz) and found[0].holds is False
    near = stop_free(attention(1.0), write_only(140.0))
    assert near[0].value == pytest.approx(3.0 + (1.01 - 3.0) * passed)
    assert near[0].holds is True and near[0].n == 3
    reached = 19 / 20  # 10 + 23 k / 20 is at least 31.065 first at k = 19
    lx = np.mean([200.0 + (140 + 0.1 * seed - 200) * reached for seed in range(3)])
    assert near[1].value == pytest.approx(lx) and near[1].holds is True
    assert "147.24" in near[1].rule and "1.5468" in near[0].rule


def test_a_seed_that_never_gets_there_gives_no_row():
    one = attention(1.0) | {2: attention(1.0, until=80.0)[2]}
    found = stop_free(one, write_only(140.0))[0]
    assert (found.holds, found.n, found.contradicted) == (False, 2, False)
    none = stop_free(attention(1.0, until=80.0), write_only(140.0))[0]
    assert (none.holds, none.n, none.contradicted) == (False, 0, True)
    assert stop_free(attention(1.0, n=1), write_only(140.0))[0].holds is None
    assert stop_free({}, {})[0].holds is None


def level(row: str, off: float, seeds=range(3)):
    values = (off * PRINTED[f"{row}_lx"], off * PRINTED[f"{row}_lz"])
    return {seed: trailing_means(metrics((2000, *values))) for seed in seeds}


def test_a_common_iteration_is_counted_over_seeds():
    found = stop_free(level("attention", 1.05), level("write_only", 0.95))[2]
    assert (found.holds, found.value, found.n) == (True, 1.0, 3)
    found = stop_free(level("attention", 1.05), level("write_only", 0.85))[2]
    assert (found.holds, found.contradicted, found.value) == (False, True, 0.0)
    mixed = level("attention", 1.05, [0]) | level("attention", 1.2, [1, 2])
    found = stop_free(mixed, level("write_only", 1.0))[2]
    assert (found.holds, found.contradicted, found.value) == (False, False, pytest.approx(1 / 3))
    assert stop_free(level("attention", 1.0, [0]), level("write_only", 1.0, [7]))[2].holds is None


def came(rows, controlled) -> list[bool | None]:
    found = predictions(REGISTERED, rows, PUBLISHED, positive_control(*controlled))
    phrases = ("Row 1", "Row 2", "positive control", "Fresh noise", "Row 1 lies", "control fails")
    assert all(phrase in text for phrase, text in zip(phrases, found.statement, strict=True))
    assert found.kind.tolist() == ["predicts"] * 4 + ["refuted_by"] * 2
    return [None if pd.isna(answer) else bool(answer) for answer in found.came]


GOOD = (RULES["positive_control"], control())
BAD = (RULES["positive_control"], control(lx=90.0))


def as_predicted() -> list:
    """Row 1 met, row 2's L_x met, its L_z 9% high with little spread; fresh noise far off."""
    rows = [
        row | {"lz": row["lz"] * 1.09, "lz_sd": 0.01}
        if row["cell"] == "dcrw-write-only-tensorflow2016"
        else row
        for row in pair("tensorflow2016", n=10, first_seed=10)
    ]
    return [rows, pair("fresh", 1.5), pair("tensorflow2016-fresh", 1.5)]


def test_everything_can_come_as_predicted():
    assert came(table(*as_predicted()), GOOD) == [True, True, True, True, False, False]


def test_a_control_that_fails_refutes():
    assert came(table(*as_predicted()), BAD) == [True, True, False, True, False, True]


def test_the_refutation_is_stated_on_the_first_five_seeds():
    """Seeds 15 to 19 make up for 10 to 14 in the mean of all, and save nothing."""
    rows = [
        row | {"lx": row["lx"] * (1.15 if row["seed"] < 15 else 0.85)}
        if row["cell"] == "dcrw-tensorflow2016"
        else row
        for row in as_predicted()[0]
    ]
    found = came(table(rows, *as_predicted()[1:]), GOOD)
    assert found[0] is True and found[4] is True


def test_a_row_2_that_is_met_altogether_is_not_what_was_predicted():
    rows = pair("tensorflow2016", n=10, first_seed=10)
    assert came(table(rows, *as_predicted()[1:]), GOOD)[1] is False


def test_fresh_noise_that_gives_a_row_is_not_what_was_predicted():
    fresh = rows_of("dcrw-fresh", [70.0, 70.5], [1.5, 1.6])
    fresh += rows_of("dcrw-write-only-fresh", [170.0, 170.5], [1.5, 1.6])
    rows = table(as_predicted()[0], fresh, pair("tensorflow2016-fresh", 1.5))
    assert came(rows, GOOD)[3] is False


def test_what_was_not_run_is_not_known():
    found = came(table(pair("fresh", 1.5)), (RULES["positive_control"], {}))
    assert found == [None, None, None, None, None, None]


def test_a_refutation_waits_for_all_five_seeds():
    rows = table(*as_predicted())
    four = rows[~((rows.cell == "dcrw-tensorflow2016") & (rows.seed == 14))]
    assert came(rows, GOOD)[4] is False and came(four, GOOD)[4] is None


def test_the_control_stands_beside_the_published_curve():
    rows = control_table(RULES["positive_control"], control()).set_index("iteration")
    assert rows.index.tolist() == [1000, 5000, 9900] and (rows.n == 3).all()
    assert rows.lx.tolist() == pytest.approx([75.7, 75.7, 65.7])
    assert rows.published_lx.tolist() == [147, 75.6, 65.6]
    none = control_table(RULES["positive_control"], {})
    assert (none.n == 0).all() and none.lx.isna().all()
