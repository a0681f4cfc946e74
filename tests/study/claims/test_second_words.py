"""The second round's tables as a reader sees them."""

import pandas as pd

from dcrw.training.files import project_root
from study.claims import second_words as words
from study.claims.attribution import Effect
from study.claims.second_round import Finding

PROJECT = project_root()
NAN = float("nan")


def finding(holds: bool | None, low: float = 1.0, claim: str = "a", n: int = 3) -> Finding:
    return Finding(claim, "lx falls", "fresh", "dcrw", holds, False, 1.5, low, 2.0, n, "rule")


def test_answers_depend_on_what_was_asked():
    table = pd.DataFrame(
        {"kind": ["predicts", "predicts", "refuted_by", "refuted_by"]}
        | {"statement": list("abcd"), "came": [True, None, True, False]}
    )
    shown = words.shown_predictions(table)
    assert shown.answer.tolist() == ["held", "not known yet", "happened", "did not happen"]
    assert shown.kind.tolist() == ["prediction"] * 2 + ["would refute it"] * 2


def test_tests_that_cannot_be_judged_say_so():
    shown = words.shown_tests([finding(True), finding(None, low=NAN, n=0), finding(False)])
    assert shown.holds.tolist() == ["yes", "not known yet", "no"]
    assert shown.interval.tolist() == ["1.00 to 2.00", "", "1.00 to 2.00"]


def test_effects_that_cannot_be_had_say_so():
    assert words.shown_effects([]).effect.tolist() == ["not known yet: a combination lacks a seed"]
    effects = [Effect("weights", "lx", -8.0, -9.0, -7.0, 0.01, True)]
    assert words.shown_effects(effects).matters.tolist() == ["yes"]


def test_a_verdict_stands_on_its_fewest_seeds():
    shown = words.shown_verdicts([finding(True, n=9), finding(True, n=4)], {"a": "Losses fall"})
    assert shown["fresh: seeds"].tolist() == [4]
    assert shown.claim.tolist() == ["a. Losses fall"]


def test_the_simulation_has_every_rule_that_is_shown():
    shown = words.characteristics(PROJECT)
    assert shown.rule.tolist() == list(words.SHOWN_RULES.values())
    assert shown.columns.tolist() == ["rule", "3 seeds", "5 seeds", "10 seeds"]


def test_a_true_account_is_rejected_as_often_as_not_accepted():
    shown = words.characteristics(PROJECT).iloc[0]["3 seeds"]
    assert round(100 * (1 - words.rejected_by_g(PROJECT))) == int(shown.rstrip("%"))
