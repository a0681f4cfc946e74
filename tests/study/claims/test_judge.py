"""The registered claims, judged on made-up runs."""

from pathlib import Path

import pandas as pd
import pytest
from made_up_accounts import first_seed
from made_up_claims import observed

from study.claims import judge, verdicts

PROJECT = Path(__file__).parents[3]


def test_the_registered_claims_are_those_of_the_paper():
    found = judge.registered(PROJECT / "book" / "claims.yaml")
    assert list(found["claims"]) == list("abcdefghi")
    for claim in found["claims"].values():
        assert claim["title"]
        assert claim["section"]
        assert all("measure" in test for test in claim["tests"].values())


def verdicts_of(found: judge.Observed) -> pd.DataFrame:
    rules = judge.registered(PROJECT / "book" / "claims.yaml")
    titles = {claim: entry["title"] for claim, entry in rules["claims"].items()}
    return verdicts.verdict_table(judge.judge(rules, found), titles).set_index("claim")


def test_every_claim_can_be_supported():
    table = verdicts_of(observed())
    assert (table[["fresh", "shared"]] == "supported").all().all()
    assert table.lineage.dropna().to_dict() == {"g": "supported"}


def test_matched_values_of_table_1_are_counted_by_noise():
    rules = judge.registered(PROJECT / "book" / "claims.yaml")
    matched = verdicts.matched(rules, observed())
    assert matched == {"fresh": 4, "shared": 4, "lineage": 4}
    of_variant = verdicts.matched(rules, observed(shift=120.0))  # L_x of the one variant is off
    assert of_variant == {"fresh": 3, "shared": 3, "lineage": 3}
    losses = observed().losses
    alone = judge.losses_alone(losses[losses.cell != "dcrw-fresh"], observed().published)
    assert verdicts.matched(rules, alone) == {"fresh": 2, "shared": 4, "lineage": 4}


def test_a_worse_variant_loses_what_depends_on_its_losses():
    table = verdicts_of(observed(shift=120.0))
    assert table.fresh.to_dict() == {
        "a": "partly",  # still falls, no longer comparable
        "b": "partly",  # the latent loss is still lower
        "c": "supported",
        "d": "supported",
        "e": "supported",
        "f": "supported",
        "g": "partly",
        "h": "not supported",
        "i": "supported",
    }


def test_one_seed_leaves_every_claim_untestable():
    table = verdicts_of(first_seed(observed()))
    assert (table.loc[table.index != "a", ["fresh", "shared"]] == "untestable").all().all()
    assert table.lineage.dropna().to_dict() == {"g": "untestable"}


@pytest.mark.parametrize(
    ("column", "value", "claim"),
    [
        ("novelty.pixels.share", 0.06, "e"),
        ("two_sample.accuracy", 0.53, "f"),
        ("reconstructed.accuracy", 0.94, "i"),
        ("generated.confident", 0.79, "i"),
        ("reconstructed.effective_area_share", 0.3, "d"),
    ],
)
def test_each_measure_decides_its_claim(column, value, claim):
    found = observed()
    spoiled = found.measures.copy()
    spoiled.loc[(spoiled.cell == "dcrw-fresh") & (spoiled.seed == 2), column] = value
    table = verdicts_of(found._replace(measures=spoiled))
    changed = table.fresh != "supported"
    assert list(table.index[changed]) == [claim]
    assert (table.shared == "supported").all()


def nearest(**worse: float) -> pd.DataFrame:
    return pd.DataFrame([{"cell": cell.replace("_", "-"), "worse": w} for cell, w in worse.items()])


def came(found: judge.Observed, table: pd.DataFrame) -> list[bool | None]:
    rules = judge.registered(PROJECT / "book" / "claims.yaml")
    answers = judge.hypothesis(rules, found, table)
    phrases = ("both rows are reproduced", "L_z falls", "lose their L_x", "any seed", "habits")
    assert all(word in text for word, text in zip(phrases, answers.statement, strict=True))
    return [None if answer is None or answer != answer else bool(answer) for answer in answers.came]


def with_noises(found: judge.Observed, fresh: float, lost: dict[str, float]) -> judge.Observed:
    """Fresh noise `fresh` nats off in L_x; what weights trained with shared noise lose under it."""
    losses = found.losses.copy()
    losses.loc[losses.cell.str.endswith("-fresh"), "train_lx"] += fresh
    losses["fresh_lx"] = losses.test_lx + losses.cell.map(lost).fillna(0.0)
    return found._replace(losses=losses)


def test_the_hypothesis_can_be_borne_out_but_for_what_was_not_run():
    found = with_noises(observed(), 60.0, {"dcrw-shared": 100.0})
    assert came(found, nearest(dcrw_fresh=0.5)) == [True, None, True, False, False]


@pytest.mark.parametrize(
    ("fresh", "lost", "near", "expected"),
    [
        (0.0, {"dcrw-shared": 100.0}, 0.5, [False, None, True, False, False]),
        (60.0, {"dcrw-shared": 1.0}, 0.5, [True, None, False, False, False]),
        (
            60.0,
            {"dcrw-shared": 100.0, "dcrw-write-only-shared": 100.0},
            0.5,
            [True, None, False, False, False],
        ),
        (60.0, {"dcrw-shared": 100.0}, 0.1, [True, None, True, True, False]),
    ],
)
def test_the_hypothesis_can_fail_in_each_part(fresh, lost, near, expected):
    found = with_noises(observed(), fresh, lost)
    assert came(found, nearest(dcrw_fresh=near, draw_fresh=0.0)) == expected


def test_one_seed_without_attention_that_loses_is_enough():
    found = with_noises(observed(), 60.0, {"dcrw-shared": 100.0})
    losses = found.losses.copy()
    one = (losses.cell == "dcrw-write-only-shared") & (losses.seed == 1)
    losses.loc[one, "fresh_lx"] += 100.0
    assert came(found._replace(losses=losses), nearest(dcrw_fresh=0.5))[2] is False
    few = losses[(losses.seed == 0) | (losses.cell != "dcrw-shared")]
    assert came(found._replace(losses=few), nearest(dcrw_fresh=0.5))[2] is None


def test_habits_of_2016_that_miss_a_row_refute():
    found = with_noises(observed(), 60.0, {"dcrw-shared": 100.0})
    losses = found.losses.copy()
    losses.loc[losses.cell == "dcrw-lineage", "train_lz"] += 1.0
    answers = came(found._replace(losses=losses), nearest(dcrw_fresh=0.5))
    assert answers == [True, None, True, False, True]


@pytest.mark.parametrize(("at", "expected"), [(0.45, True), (0.55, False)])
def test_the_dose_is_judged_by_its_first_three_quarters(at, expected):
    """at: how far from fresh to shared both losses are at a correlation of 3/4."""
    found = with_noises(observed(), 60.0, {"dcrw-shared": 100.0})
    means = found.losses.groupby("cell")[["train_lx", "train_lz"]].mean()
    ends = means.loc["dcrw-fresh"] + pd.Series({"train_lz": 20.0, "train_lx": 0.0})
    losses = found.losses.copy()
    losses.loc[losses.cell == "dcrw-fresh", "train_lz"] += 20.0
    doses = [
        {"cell": f"dcrw-r{percent}", "seed": 0}
        | (ends + share * (means.loc["dcrw-shared"] - ends)).to_dict()
        for percent, share in ((25, 0.0), (50, 0.1), (75, at))
    ]
    losses = pd.concat([losses, pd.DataFrame(doses)], ignore_index=True)
    assert came(found._replace(losses=losses), nearest(dcrw_fresh=0.5))[1] is expected
    losses.loc[losses.cell == "dcrw-shared", "train_lz"] += 40.0  # rises where it should fall
    assert came(found._replace(losses=losses), nearest(dcrw_fresh=0.5))[1] is False


@pytest.mark.parametrize(
    ("lx", "lz", "expected"),
    [
        (0.0, 20.0, [True, True]),
        (7.1, 20.0, [False, True]),  # 10% of 70.168 is 7.02
        (0.0, 0.0, [True, False]),  # the constant's 20 nats are missing
    ],
)
def test_the_rival_is_held_to_row_1_and_to_what_it_says_is_missing(lx, lz, expected):
    found = observed()
    row = {"cell": "dcrw-z6-fresh", "seed": 0, "train_lx_sd": 1.0, "train_lz_sd": 0.5}
    values = {
        f"train_{loss}": found.published[f"paper.table1.attention.{loss}"] + off
        for loss, off in (("lx", lx), ("lz", lz))
    }
    losses = pd.concat([found.losses, pd.DataFrame([row | values])], ignore_index=True)
    # as far apart as the limit of 10% is what counts
    losses.loc[losses.cell == "dcrw-fresh", ["train_lx", "train_lz"]] += (
        10.0 * losses.seed.to_numpy()[:, None]
    )[losses.cell == "dcrw-fresh"]
    rules = judge.registered(PROJECT / "book" / "claims.yaml")
    outcomes = judge.rival(rules, found._replace(losses=losses))
    assert [outcome.holds for outcome in outcomes] == expected
    assert {outcome.n for outcome in outcomes} == {1}
    assert [outcome.holds for outcome in judge.rival(rules, found)] == [None, None]  # not run


def test_limits_are_those_of_the_file():
    found = judge.limits(judge.registered(PROJECT / "book" / "claims.yaml"))
    assert found["a.comparable"] == 0.05
    assert found["d.local"] == 0.25
    assert found["d.global"] == 0.5
    assert found["g"] == 0.1
    assert found["i.generated"] == 0.8
    assert "b.total" not in found


@pytest.mark.parametrize(("share", "expected"), [(0.85, True), (0.95, False)])
def test_a_loss_falls_with_the_correlation_only_if_it_falls_by_a_tenth(share, expected):
    found = with_noises(observed(), 60.0, {"dcrw-shared": 100.0})
    losses = found.losses[found.losses.seed == 0].copy()
    (fresh,) = losses.loc[losses.cell == "dcrw-fresh", "train_lx"]
    losses.loc[losses.cell == "dcrw-fresh", "train_lz"] = 20.0
    losses.loc[losses.cell == "dcrw-shared", "train_lx"] = share * fresh
    doses = [
        {"cell": f"dcrw-r{percent}", "seed": 0, "train_lx": fresh, "train_lz": 20.0}
        for percent in (25, 50, 75)
    ]
    losses = pd.concat([losses, pd.DataFrame(doses)], ignore_index=True)
    assert came(found._replace(losses=losses), nearest(dcrw_fresh=0.5))[1] is expected


def test_a_seed_is_within_the_limit_only_with_all_four_of_its_values():
    found = observed()
    rules = judge.registered(PROJECT / "book" / "claims.yaml")["claims"]["g"]
    losses = found.losses.copy()
    for test, rule in rules["tests"].items():
        cell = ("dcrw" if test.startswith("attention") else "dcrw-write-only") + "-shared"
        losses.loc[losses.cell == cell, f"train_{test[-2:]}"] = found.published[rule["paper"]]
    seeds = losses[losses.cell == "dcrw-shared"].seed.tolist()
    assert judge.seeds_within("shared", rules, found._replace(losses=losses)) == [True] * len(seeds)
    one = (losses.cell == "dcrw-write-only-shared") & (losses.seed == 1)
    losses.loc[one, "train_lz"] *= 1.11
    expected = [seed != 1 for seed in seeds]
    assert judge.seeds_within("shared", rules, found._replace(losses=losses)) == expected
    without = losses[~one]
    assert (
        len(judge.seeds_within("shared", rules, found._replace(losses=without))) == len(seeds) - 1
    )
