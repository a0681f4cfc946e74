"""Processes that measure, prepared or not, and the memory that they take."""

from pathlib import Path

import pytest

from benchmarks import (
    contestants,
    workers,
)
from dcrw.training.device import _flushes_denormals


def test_denormals_are_flushed_where_the_process_is_prepared() -> None:
    with workers.started("cpu", 1) as both:
        flushing = {
            prepared: both._call(prepared, _flushes_denormals) for prepared in (True, False)
        }
    assert flushing == {True: True, False: False}


@pytest.mark.parametrize("implementation", ["dcrw", "textbook"])
def test_peak_memory_grows_with_the_batch(implementation: str) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from Linux's /proc")
    entries = [
        entry
        for batch in (10, 400)
        for entry in contestants.contestants({"batch_size": batch})
        if (entry.model, entry.implementation) == ("draw", implementation)
    ]
    (few,), (many,) = workers.memory(entries, 1, "cpu", 1).values()  # MiB
    assert 0 < few + 20 < many
