"""A small measurement, which the tests of the benchmark share."""

import os
from pathlib import Path

import pytest
import torch
from common import TINY
from filelock import FileLock

from benchmarks import bench, derivatives


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of one benchmark, made once for all workers of pytest-xdist."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "results" / "cpu"
    with FileLock(shared / "results.lock"):
        if not folder.exists():
            measure(shared / "begun")
            folder.parent.mkdir()
            (shared / "begun").rename(folder)
    return folder


def measure(folder: Path) -> None:
    settings = bench.Settings(
        base=TINY | {"batch_size": 4},
        scaling={"batch_size": (6,), "steps": (2,)},
        rounds=3,
        scaling_rounds=2,
        warm_up=1,
        seconds=0.001,
        matrix_size=64,
        memory_rounds=0,
        option_rounds=2,
        precision_iterations=10,
        profile_batches=(4,),
        profile_iterations=1,
    )
    bench.measure_options(settings, torch.device("cpu"), 1, folder)
    bench.measure(settings, torch.device("cpu"), 1, folder)
    each = derivatives.Settings(base=settings.base, rounds=2, warm_up=1, seconds=0.001)
    derivatives.measure(each, torch.device("cpu"), folder)
