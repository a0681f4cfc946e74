"""What the page on the claims shows, and the numbers that it leaves."""

import json

import numpy as np
import pandas as pd
import pytest

from dcrw.training.config import make_config
from dcrw.training.files import project_root
from study import numbers
from study.claims import page
from study.claims.judge import Outcome, outcome_table, registered

PROJECT = project_root()
NAN = float("nan")
OUTCOMES = [
    Outcome("a", "comparable", "fresh", "dcrw - draw", True, 0.012, 0.001, 0.023, 3, "up to 0.05"),
    Outcome("a", "falls", "fresh", "dcrw", False, -0.8, NAN, NAN, 3, "every seed"),
    Outcome("a", "falls", "shared", "dcrw", None, NAN, NAN, NAN, 0, "every seed"),
    Outcome("b", "total", "fresh", "dcrw - draw", True, -1.0, -2.0, -0.5, 3, "below 0"),
]


def test_a_claims_rules_are_listed_once():
    assert page.claim_rules(outcome_table(OUTCOMES), "a") == (
        "- *total close to DRAW's*: up to 0.05\n- *the total falls*: every seed"
    )


def test_outcomes_are_words_and_intervals():
    shown = page.claim_outcomes(outcome_table(OUTCOMES), "a", precision=3)
    assert shown.holds.tolist() == ["yes", "no", "untestable"]
    assert shown.interval.tolist() == ["0.001 to 0.023", "", ""]
    assert shown.columns.tolist() == ["noise", "test", "subject", "value", "interval", "n", "holds"]


def test_numbers_are_named_after_their_test():
    rules = registered(PROJECT / "book" / "claims.yaml")
    measures = pd.DataFrame({"original.sharpness": [0.7, 0.7]})
    found = page.claim_numbers(OUTCOMES, rules, measures, "results/grid/tables")
    number = found["claims.a.fresh.comparable.dcrw-draw"]
    assert (number.value, number.n, number.interval) == (0.012, 3, (0.001, 0.023))
    assert number.source == "results/grid/tables/claims.csv"
    assert found["claims.a.fresh.falls.dcrw"].interval is None
    assert "claims.a.shared.falls.dcrw" not in found  # no value
    assert found["claims.iterations"].value == 10_000 and found["claims.pixels"].value == 784
    assert found["claims.sharpness.digits"].value == 0.7
    assert found["claims.rule.d.local"].value == 0.25


def test_beside_a_claim_stand_means_and_training_digits():
    measures = pd.DataFrame(
        {
            "cell": ["one", "one", "other"],
            "two_sample.accuracy": [0.9, 1.0, 0.8],
            "two_sample.binary_accuracy": [0.5, 0.6, 0.7],
            "frechet.generated": [1.0, 2.0, 3.0],
            "generated.entropy": [0.1, 0.2, 0.3],
        }
    )
    table = page.beside_claim(measures, "f", {"two_sample.accuracy": {"value": 0.53}})
    assert table.accuracy.tolist() == pytest.approx([0.95, 0.8, 0.53])
    assert table.cell.tolist() == ["one", "other", "training digits"]
    assert table.seeds.tolist() == ["2", "1", ""]
    assert np.isnan(table["Fréchet distance"].iloc[-1])
    none = page.beside_claim(measures, "f", {})
    assert none.cell.tolist() == ["one", "other"]


def test_what_stands_beside_a_claim_was_measured():
    measured = set(pd.read_csv(PROJECT / "results" / "grid" / "tables" / "measures.csv").columns)
    for names in page.BESIDE.values():
        assert set(names) <= measured


def test_costs_stand_beside_each_other():
    losses = pd.DataFrame(
        {"cell": ["a", "a", "b", "c"], "seed": [0, 1, 0, 0], "parameters": [1234, 1234, 99, 1]}
        | {"minutes": [10.0, 20.0, 5.0, 1.0]}
    )
    table = page.cost_table(losses, {"a": 2e9, "b": 5e8})
    assert table.cell.tolist() == ["a", "b"] and table.seeds.tolist() == [2, 1]
    assert table.parameters.tolist() == ["1,234", "99"]
    assert table.minutes.tolist() == [15.0, 5.0]
    assert table["GFLOP per iteration"].tolist() == [2.0, 0.5]


def test_missing_runs_are_counted_by_cell():
    missing = [
        make_config({"name": name, "training": {"seed": seed}})
        for name, seed in (("dcrw", 1), ("draw", 0), ("dcrw", 2))
    ]
    assert page.in_words(missing) == "with attention in read (2), DRAW (1)"
    assert page.in_words([]) == "Nothing."


def test_the_page_leaves_what_is_committed(tmp_path):
    """Tables, verdicts, figure and numbers again, byte for byte."""
    page.write(page.judged(PROJECT), tmp_path / "grid")
    made = [path for path in sorted((tmp_path / "grid").rglob("*")) if path.is_file()]
    assert len(made) == 6 + 4 + 1  # tables, the forms of a figure, numbers
    for path in made:
        committed = PROJECT / "results" / path.relative_to(tmp_path)
        if path.suffix not in (".png", ".svg"):  # whose bytes depend on the fonts
            assert path.read_bytes() == committed.read_bytes(), f"{committed}: run claims.ipynb"
    shown = page.shown_cells(pd.read_csv(PROJECT / "results" / "grid" / "tables" / "runs.csv"))
    assert shown.columns.tolist() == list(page.SHOWN.values())
    digits = json.loads((PROJECT / "results/grid/classifier/reference.json").read_text())
    assert page.reference(PROJECT / "results" / "grid") == digits["measures"]
    assert numbers.read(tmp_path / "grid" / "numbers" / "claims.json")
