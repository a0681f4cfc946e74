"""Facts of data sets: every entry has them, and the book's table is the same."""

import pytest
from common import ROOT

from dcrw.training.datasets.table import DATASETS


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry_has_its_facts_and_stands_in_the_book(name):
    facts = DATASETS[name].facts
    assert facts.title and facts.source and facts.licence and facts.channels == 1
    rows = (ROOT / "book" / "data.md").read_text(encoding="utf-8").splitlines()
    (row,) = (row for row in rows if row.startswith(f"| `{name}` |"))
    licence = facts.licence.split(",")[0]
    assert licence in row
    if facts.sizes is not None:
        assert f"{sum(facts.sizes):,}" in row and len(facts.classes) == 10
