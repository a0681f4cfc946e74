"""Each derivative written by hand is measured against autograd's."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import contestants

OWN = {  # the operations with derivatives written by hand that a model has
    "draw": {"windows", "glimpse", "stroke", "lstm_step"},
    "dcrw": {"windows", "glimpse", "stroke", "convolve_and_pool", "lstm_step"},
    "dcrw-write-only": {"windows", "convolve_and_pool", "lstm"},
}


@pytest.mark.parametrize("table", ["launches", "derivatives"])
def test_each_operation_of_a_model_is_measured_as_it_is_written(measured: Path, table: str) -> None:
    found = pd.read_csv(measured / f"{table}.csv")
    rows = found[found.option.isin(list(contestants.PLAIN))]
    assert set(zip(rows.model, rows.option, strict=True)) == {
        (model, option)
        for model, names in OWN.items()
        for option in ("plain", *(f"plain-{name}" for name in names))
    }


def test_a_ratio_lies_between_its_quartiles(measured: Path) -> None:
    times = pd.read_csv(measured / "derivatives.csv")
    assert (times.lower <= times.time_ratio).all() and (times.time_ratio <= times.upper).all()
