"""The table of data sets: what is not in it is refused."""

import pytest

from dcrw.training.data import DataError
from dcrw.training.datasets.table import load


def test_unknown_data_sets_are_refused():
    with pytest.raises(DataError, match="dataset = 'cifar': expected one of mnist, fashion-mnist"):
        load("cifar")
