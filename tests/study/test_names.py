"""A reader sees words, not the names of the code."""

from pathlib import Path

import pandas as pd
import pytest
from common import ROOT

from dcrw.training.profiles import load_profile
from study import names


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("dcrw", "with attention in read"),
        ("dcrw-write-only-shared", "without attention in read, shared noise"),
        ("dcrw - draw", "with attention in read − DRAW"),
        ("dcrw-r90", "with attention in read, ρ = 0.9"),
        ("dcrw-t8-z3-fresh", "with attention in read, T = 8, d<sub>z</sub> = 3, fresh noise"),
        ("conv-vae", "convolutional VAE"),
        ("lineage2016", "settings of 2016"),
        ("training digits", "training digits"),
    ],
)
def test_a_cell_in_words(cell: str, words: str) -> None:
    assert names.cell_in_words(cell) == words


def test_every_cell_of_every_profile_gets_words_of_its_own() -> None:
    cells = {
        config.name
        for path in sorted((ROOT / "configs").glob("*.yaml"))
        for config in load_profile(path).configs()
    }
    words = {names.cell_in_words(cell) for cell in cells}
    assert len(words) == len(cells)
    assert not any("dcrw" in one or "draw" in one for one in words)


@pytest.mark.parametrize(
    "table",
    ["grid/tables/claims", "round2/tables/claims", "round2/tables/tests", "grid/tables/rival"],
)
def test_every_test_of_the_committed_tables_has_words(table: str) -> None:
    tests = pd.read_csv(Path(ROOT, "results", f"{table}.csv")).test
    assert set(tests) <= set(names.TESTS)


def test_a_table_in_words_keeps_its_numbers() -> None:
    table = pd.DataFrame(
        {"test": ["attention_lx"], "noise": ["lineage"], "of": ["dcrw"], "n": [3], "value": [-0.5]}
    )
    shown = names.in_words(table)
    assert shown.columns.tolist() == ["test", "noise", "model", "seeds", "value"]
    assert shown.iloc[0].tolist() == [
        "row 1, L<sub>x</sub>", "settings of 2016", "with attention in read", 3, -0.5,
    ]  # fmt: skip
    assert table.of.tolist() == ["dcrw"]


def test_columns_that_measure_are_named_like_their_test() -> None:
    table = pd.DataFrame({"attention_lx": [1.0], "write_only_lz, %": [2.0], "total, fresh": [3.0]})
    assert names.in_words(table).columns.tolist() == [
        "row 1, L<sub>x</sub>",
        "row 2, L<sub>z</sub>, %",
        "total, fresh",  # no test of that name
    ]


def test_every_account_has_words() -> None:
    accounts = pd.read_csv(Path(ROOT, "results/round2/tables/accounts.csv")).account
    assert set(accounts) <= set(names.ACCOUNTS)


def test_a_shown_table_has_its_caption() -> None:
    html = names.shown(pd.DataFrame({"Lx": [1.0]}), caption="Three seeds").to_html()
    assert ">Three seeds</caption>" in html
    assert "L<sub>x</sub>" in html
