"""The second round's rules and words on made-up tables whose answers are known."""

import math

import numpy as np
import pandas as pd
import pytest
from made_up_accounts import REGISTERED, first_seed
from scipy import stats

from study.claims import second_round
from study.claims.judge import MODELS, NOISES
from study.claims.second_round import (
    Finding,
    Seen,
    at_least,
    at_most,
    between,
    counted,
    difference,
    direction,
    judge,
    locality,
    locality_differs,
    reference,
    verdict,
    verdict_table,
)

RULES = REGISTERED["second_round"]["rules"]
T3 = 4.302652729911275  # Student's t, 97.5%, two degrees of freedom, from tables


def finding(holds, contradicted=False, test="t", claim="b", subject="dcrw", noise="fresh"):
    return Finding(claim, test, noise, subject, holds, contradicted, 0.0, 0.0, 0.0, 5, "rule")


# Words


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([(True, False), (True, False)], "supported"),
        ([(True, False), (False, False)], "partly"),
        ([(True, False), (False, True)], "partly"),
        ([(False, False), (False, False)], "not shown"),
        ([(False, False), (False, True)], "contradicted"),
        ([(True, False), (None, None)], "untestable"),
        ([], "untestable"),
    ],
)
def test_a_verdict_is_a_registered_word(tests, expected):
    findings = [finding(*each, test=str(number)) for number, each in enumerate(tests)]
    assert verdict(findings) == expected
    assert expected in REGISTERED["second_round"]["verdict_words"]


def test_a_test_holds_only_for_all_of_its_subjects():
    both = [finding(True), finding(False, subject="draw")]
    assert verdict(both) == "not shown"
    assert verdict([*both, finding(True, test="u")]) == "partly"


def test_each_variant_has_a_verdict_of_its_own_where_the_claim_names_both():
    findings = [
        finding(True, claim="e", subject="dcrw"),
        finding(False, True, claim="e", subject="dcrw-write-only"),
        finding(None, None, claim="e", subject="dcrw", noise="shared"),
        finding(True, claim="d", test="local", subject="dcrw"),
        finding(False, claim="d", test="global", subject="dcrw-write-only"),
    ]
    table = verdict_table(findings).set_index(["claim", "subject"])
    assert table.fresh["e", "dcrw"] == "supported"
    assert table.fresh["e", "dcrw-write-only"] == "contradicted"
    assert table.shared["e", "dcrw"] == "untestable"
    assert table.fresh["d", ""] == "partly"


# Rules


def test_a_difference_is_welchs_and_not_paired():
    ours, theirs = [1.0, 2.0, 3.0], [4.0, 6.0]
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    judged = difference(ours, theirs)
    assert (judged.low, judged.high) == pytest.approx(tuple(expected))
    assert (judged.value, judged.n) == (-3.0, 2)
    # shifted by the same seed, so that pairs differ by exactly 1; Welch sees a wide spread
    seeds = np.array([0.0, 10.0, 20.0])
    assert difference(seeds, seeds + 1).holds is False
    assert difference([0.0, 0.1, 0.2], [5.0, 5.1, 5.2]).holds is True
    assert difference([5.0, 5.1, 5.2], [0.0, 0.1, 0.2]).contradicted is True
    above_zero = difference([1.0, 1.1, 1.2], [0.0, 0.1, 0.2], limit=3.0)
    assert above_zero.low > 0 and above_zero[:2] == (True, False)
    across = difference([1.0, 1.1, 1.2], [0.0, 0.1, 0.2], limit=1.0)
    assert across.low > 0 and across[:2] == (False, False)


@pytest.mark.parametrize("rule", [at_most, at_least])
@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_seeds_decide_nothing(rule, values):
    assert (rule(values, 0.5).holds, rule(values, 0.5).contradicted) == (None, None)
    assert difference(values, [1.0, 2.0]).holds is None
    assert between(values, 0, 1).holds is None
    assert counted([True] * len(values), values).holds is None


def test_intervals_at_their_limits():
    values = [1.0, 2.0, 3.0]
    reach = T3 / math.sqrt(3)
    for limit, expected in (
        (2 + reach + 1e-9, (True, False)),
        (2 + reach - 1e-6, (False, False)),
        (2 - reach - 1e-6, (False, True)),
    ):
        judged = at_most(values, limit)
        assert (judged.holds, judged.contradicted) == expected
        mirrored = at_least([-value for value in values], -limit)
        assert (mirrored.holds, mirrored.contradicted) == expected
    assert (at_most(values, 0).low, at_most(values, 0).high) == pytest.approx(
        (2 - reach, 2 + reach)
    )


def test_a_mean_between_limits():
    values, reach = [1.0, 2.0, 3.0], T3 / math.sqrt(3)
    assert between(values, 1.9, 2.1)[:2] == (True, False)
    assert between(values, 2.1, 3.0)[:2] == (False, False)
    assert between(values, 2 + reach + 0.01, 9.0)[:2] == (False, True)
    assert between(values, -9.0, 2 - reach - 0.01)[:2] == (False, True)


@pytest.mark.parametrize(
    ("n", "failures", "holds"),
    [(2, 0, True), (2, 1, True), (3, 1, True), (3, 2, False), (10, 2, True), (10, 3, False)],
)
def test_as_many_seeds_may_fail_as_chance_explains(n, failures, holds):
    passed = [False] * failures + [True] * (n - failures)
    judged = counted(passed, np.arange(n))
    assert judged.holds is holds
    assert judged.contradicted is False
    chance = sum(math.comb(n, k) * 0.05**k * 0.95 ** (n - k) for k in range(failures))
    assert (chance < 0.95) is holds  # fewer failures do not yet reach the upper 95% point
    assert counted([False] * n, np.arange(n)).contradicted is True


def blocks(trend: float) -> np.ndarray:
    return trend * np.arange(10.0)


def test_directions_by_every_seed_and_by_count():
    falling, rising = blocks(-1), blocks(1)
    bumpy = np.array([0.0, 5, 1, 4, 2, 3, 9, 0, 2, 1])
    assert direction([falling] * 3, 0.9) == "falls"
    assert direction([falling] * 9 + [bumpy], 0.9) == "falls"
    assert direction([falling] * 3 + [bumpy] * 3, 0.9) == "neither"
    assert direction([rising] * 3, 0.9) == "rises"
    assert direction([rising, falling], 0.9) in ("falls", "rises", "neither")
    assert direction([falling], 0.9) is None


@pytest.mark.parametrize(("apart", "expected"), [(2, "falls"), (3, "neither")])
def test_a_direction_needs_a_correlation_of_nine_tenths(apart, expected):
    """Two pairs of means exchanged that are `apart`; Spearman's correlation in closed form."""
    path = blocks(-1).copy()
    for first in (0, 5):
        path[[first, first + apart]] = path[[first + apart, first]]
    correlation = 1 - 6 * 2 * 2 * apart**2 / 990
    assert (correlation >= 0.9) == (expected == "falls")
    assert direction([path] * 3, 0.9) == expected


def seen(shift: float = 0.0, n: int = 10) -> Seen:
    """Runs of which every claim holds; `shift` nats spoil dcrw's losses."""
    losses, measures, sharpness, paths = [], [], [], {}
    draws = np.random.default_rng(0)
    for noise in NOISES:
        for model in (*MODELS, "draw"):
            cell = f"{model}-{noise}"
            for seed in range(n):
                lx = {"dcrw": 70.0, "dcrw-write-only": 147.0, "draw": 72.0}[model]
                lx, lz = draws.normal((lx + shift * (model == "dcrw"), 1.5), 0.1)
                lz += 30.0 * (model == "dcrw-write-only") + 0.5 * (model == "draw")
                losses.append({"cell": cell, "seed": seed, "test_lx": lx, "test_lz": lz})
                losses[-1]["test_total"] = lx + lz
                share = 0.2 if model == "dcrw" else 0.6
                measures.append(
                    {"cell": cell, "seed": seed}
                    | {"reconstructed.picture_area_share": share + 0.001 * seed}
                    | {"reconstructed.effective_area_share": share + 0.001 * seed}
                    | {"novelty.pixels.share": 0.01, "novelty.features.share": 0.02}
                    | {"two_sample.accuracy": 0.53 + 0.001 * seed}
                    | {"reconstructed.accuracy": 0.97, "generated.confident": 0.9}
                )
                paths[cell, seed] = pd.DataFrame({"lx": blocks(-1), "lz": blocks(-0.1)})
        for mode in ("reconstructed", "generated"):
            sharpness += [
                {"noise": noise, "seed": seed, "mode": mode, "difference": 0.1, "p": 0.001}
                for seed in range(n)
            ]
    return Seen(
        pd.DataFrame(losses), paths, pd.DataFrame(measures), pd.DataFrame(sharpness), digits=0.5325
    )


def words(found: Seen) -> dict[tuple[str, str], str]:
    table = verdict_table(judge(REGISTERED, found)).set_index(["claim", "subject"])
    assert (table.fresh == table.shared).all()
    return table.fresh.to_dict()


CLAIMS = {
    *(("a", model) for model in MODELS), ("b", ""), ("c", ""), ("d", ""),
    *((claim, model) for claim in "efi" for model in MODELS), ("h", ""),
}  # fmt: skip


def test_every_claim_can_be_supported():
    assert words(seen()) == dict.fromkeys(CLAIMS, "supported")


def test_a_worse_variant_contradicts_what_depends_on_its_losses():
    found = words(seen(shift=120.0))
    assert found["h", ""] == "contradicted"  # every interval lies above
    assert found["b", ""] == "partly"  # its latent loss is still lower
    assert found["a", "dcrw"] == "partly"  # still falls, no longer comparable
    assert found["a", "dcrw-write-only"] == "supported"


def test_one_seed_leaves_every_claim_untestable():
    assert words(first_seed(seen())) == dict.fromkeys(CLAIMS, "untestable")


def spoiled(column: str, value: float, seeds: int) -> Seen:
    """What some seeds of dcrw measure otherwise, under both noises."""
    found = seen()
    measures = found.measures.copy()
    chosen = measures.cell.isin([f"dcrw-{noise}" for noise in NOISES]) & (measures.seed < seeds)
    measures.loc[chosen, column] = value
    return found._replace(measures=measures)


@pytest.mark.parametrize(
    ("column", "value", "claim"),
    [
        ("novelty.pixels.share", 0.06, "e"),
        ("novelty.features.share", 0.06, "e"),
        ("reconstructed.accuracy", 0.94, "i"),
        ("generated.confident", 0.79, "i"),
    ],
)
def test_two_seeds_of_ten_may_miss_a_share_and_three_may_not(column, value, claim):
    assert words(spoiled(column, value, 2)) == dict.fromkeys(CLAIMS, "supported")
    three = words(spoiled(column, value, 3))
    assert {key for key, word in three.items() if word != "supported"} == {(claim, "dcrw")}
    assert three[claim, "dcrw"] == "partly"


def test_a_share_that_every_seed_misses_is_contradicted():
    found = spoiled("novelty.pixels.share", 0.06, 10)
    pixels = [o for o in judge(REGISTERED, found) if (o.claim, o.test) == ("e", "pixels")]
    assert [finding.contradicted for finding in pixels if finding.subject == "dcrw"] == [True, True]


def test_losses_that_rise_contradict_that_they_fall():
    found = seen()
    rising = {
        key: path.assign(lz=blocks(1)) if key[0].startswith("dcrw-write-only") else path
        for key, path in found.blocks.items()
    }
    table = words(found._replace(blocks=rising))
    assert table["a", "dcrw"] == "supported" and table["a", "dcrw-write-only"] == "partly"
    up = {key: path.assign(lx=blocks(1), lz=blocks(1)) for key, path in found.blocks.items()}
    assert words(found._replace(blocks=up))["a", "dcrw-write-only"] == "contradicted"


def test_sharpness_is_counted_over_seeds():
    found = seen()
    for few, expected in ((2, "supported"), (3, "partly")):
        sharpness = found.sharpness.copy()
        chosen = (sharpness.seed < few) & (sharpness["mode"] == "generated")
        sharpness.loc[chosen, "p"] = 0.011
        assert words(found._replace(sharpness=sharpness))["c", ""] == expected


def test_comparable_is_relative_to_draws_mean():
    table = seen().losses
    rows = table[table.cell.isin(["dcrw-fresh", "draw-fresh"])]
    ours, theirs = (
        rows[rows.cell == cell].test_total.to_numpy() for cell in ("dcrw-fresh", "draw-fresh")
    )
    found = second_round.comparable("fresh", RULES["comparable"], rows)
    assert found.value == pytest.approx(ours.mean() / theirs.mean() - 1)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(np.divide(interval, theirs.mean())))
    assert found.holds is True
    dearer = rows.assign(test_total=rows.test_total * np.where(rows.cell == "dcrw-fresh", 1.2, 1))
    worse = second_round.comparable("fresh", RULES["comparable"], dearer)
    assert (worse.holds, worse.contradicted) == (False, True)
    alone = second_round.comparable("fresh", RULES["comparable"], rows[rows.cell == "dcrw-fresh"])
    assert alone.holds is None


def test_locality_is_judged_in_grey_values_and_shown_in_logits():
    measures = seen().measures
    area = "reconstructed.effective_area_share"
    logits = measures.assign(**{area: measures[area].where(measures.cell != "dcrw-fresh", 0.9)})
    grey = locality("fresh", RULES["locality"], logits)
    assert verdict(grey) == "supported"
    shown = locality("fresh", RULES["locality"], logits, "logits")
    assert [finding.holds for finding in shown] == [False, False, True]
    assert locality_differs("fresh", RULES["locality"], logits) is True
    assert locality_differs("shared", RULES["locality"], logits) is False
    older = measures.drop(columns="reconstructed.picture_area_share")  # not measured again yet
    assert verdict(locality("fresh", RULES["locality"], older)) == "untestable"
    assert locality_differs("fresh", RULES["locality"], older) is None


def test_claim_f_is_held_against_training_digits():
    measures = seen().measures
    values = measures[measures.cell == "dcrw-fresh"]["two_sample.accuracy"] - 0.5325
    reach = stats.t.ppf(0.975, 9) * values.std() / math.sqrt(10)
    (found, _) = reference("fresh", RULES["reference"], measures, 0.5325)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach))
    assert found.holds is True and RULES["reference"]["at_most"] == 0.02
    (far, _) = reference("fresh", RULES["reference"], measures, 0.5)
    assert (far.holds, far.contradicted) == (False, True)


def test_a_table_of_findings_has_a_row_a_test():
    found = judge(REGISTERED, seen())
    table = second_round.finding_table(found)
    assert len(table) == len(found) and set(table.claim) == set("abcdefhi")
    assert not table.duplicated(["claim", "test", "noise", "subject"]).any()
