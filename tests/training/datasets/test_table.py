"""The table of data sets: every entry has its facts, and the book's table is the same."""

import pytest
import torch
from common import ROOT

from dcrw.training.data import DataError
from dcrw.training.datasets.table import DATASETS, load


def test_unknown_data_sets_are_refused():
    with pytest.raises(DataError, match="dataset = 'cifar': expected one of mnist, fashion-mnist"):
        load("cifar")


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


def test_digits_come_with_the_package():
    found = load("digits", "/nowhere")
    sizes = [len(split.images) for split in found.splits().values()]
    assert sizes == list(DATASETS["digits"].facts.sizes)
    assert found.train.images.shape[1:] == (28, 28) and found.train.images.dtype == torch.uint8
    for split in found.splits().values():
        assert set(split.labels.tolist()) == set(range(10))
        assert split.images.max() == 255 and split.images.min() == 0
    assert torch.equal(load("digits").test.images, found.test.images)
