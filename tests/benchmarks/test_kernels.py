"""What a GPU was doing, kernel by kernel."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from common import TINY
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import DeviceType

from benchmarks import (
    contestants,
    kernels,
    launches,
)
from dcrw.training.device import DeviceError


def work(*spans: tuple[float, float], name: str = "kernel") -> list[kernels.Work]:
    return [kernels.Work(name, start, end) for start, end in spans]


def test_kernels_and_the_gaps_between_them() -> None:
    """Two iterations of two kernels and a copy, in any order: 100 us, of which 55 are gaps."""
    events = work((0, 10), (60, 80), (25, 30), (90, 100))
    events += work((35, 35), (80, 80), name="Memcpy HtoD (Pinned -> Device)")
    found = kernels.summary(events[::-1], 2)
    assert (found["kernels"], found["copies"]) == (2, 1)
    assert found["milliseconds"] == pytest.approx(0.05)
    assert found["busy_milliseconds"] == pytest.approx(0.0225)
    assert found["gap_share"] == pytest.approx(0.55)
    assert found["gap_microseconds"] == pytest.approx(10)  # of 15, 5, 25, 0 and 10
    with pytest.raises(ValueError, match="nothing was recorded"):
        kernels.summary([], 2)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1))
def test_kernels_that_overlap_are_not_counted_twice(spans: list[tuple[int, int]]) -> None:
    found = kernels.summary(work(*((start, start + length) for start, length in spans)), 1)
    covered = {tick for start, length in spans for tick in range(start, start + length)}
    assert found["busy_milliseconds"] * 1000 == pytest.approx(len(covered))
    assert found["kernels"] == len(spans)
    assert found["busy_milliseconds"] <= found["milliseconds"] + 1e-9


def test_only_what_the_gpu_did_counts() -> None:
    def event(name: str, device: DeviceType, named: bool = False) -> SimpleNamespace:
        span = SimpleNamespace(start=1.0, end=2.0)
        return SimpleNamespace(
            name=name, device_type=device, is_user_annotation=named, time_range=span
        )

    events = [
        event("aten::add", DeviceType.CPU),
        event("add_kernel", DeviceType.CUDA),
        event("Optimizer.step#Adam.step", DeviceType.CUDA, named=True),
    ]
    assert [each.name for each in kernels.on_the_gpu(events)] == ["add_kernel"]


def test_kernels_need_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no CUDA device is available"):
        kernels.main(["--results", str(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.cuda
def test_a_replayed_iteration_is_seen_kernel_by_kernel() -> None:
    """About one for each operation that is launched; libraries split and join some."""
    (entry, *_) = contestants.contestants(TINY | {"batch_size": 4})
    steps = contestants.training(entry, contestants.images_of(12), torch.device("cuda"))
    found = kernels.summary(kernels.recorded_work(steps, 10, 3), 10)
    assert found["kernels"] > 0.5 * launches.launched(entry.config.model).total()
    assert 0 < found["busy_milliseconds"] <= found["milliseconds"]
