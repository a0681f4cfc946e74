"""The benchmark writes what it says, and leaves the process as it was."""

import itertools
import json
import os
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks import (
    bench,
    contestants,
    textbook,
    timing,
)


def test_benchmark_writes_its_tables(measured: Path) -> None:
    assert {path.name for path in measured.iterdir()} == {
        "speed.csv",
        "scaling.csv",
        "ratios.csv",
        "options.csv",
        "options.json",
        "launches.csv",
        "derivatives.csv",
        "derivatives.json",
        "precision.csv",
        "profile.csv",
        "machine.json",
    }
    speed, scaling, ratios = (
        pd.read_csv(measured / f"{name}.csv") for name in ("speed", "scaling", "ratios")
    )
    assert set(zip(speed.model, speed.implementation, strict=True)) == set(
        itertools.product(textbook.MODELS, contestants.IMPLEMENTATIONS)
    )
    assert len(scaling) == 3 * len(speed)
    for table in (speed, scaling):
        assert (table.lower <= table.iterations_per_second).all()
        assert (table.iterations_per_second <= table.upper).all()
        assert (table.gflop > 0).all() and (table.share > 0).all()
    assert (speed["rounds"] == 3).all() and (speed.batch_size == 4).all()
    assert set(scaling.batch_size) == {4, 6} and set(scaling.steps) == {2, 3}
    assert ratios.groupby(["quantity", "against"]).size().to_dict() == {
        ("speed", "textbook"): 9,
        ("speed", "textbook-prepared"): 9,
        ("share", "matrix-product"): 6,
    }
    assert (ratios.lower <= ratios.value).all() and (ratios.value <= ratios.upper).all()


def test_benchmark_describes_its_machine(measured: Path) -> None:
    machine = json.loads((measured / "machine.json").read_text())
    assert machine["device"].keys() >= {"type", "name", "threads", "cores", "instructions"}
    assert machine["software"].keys() >= {"commit", "torch", "python"}
    assert machine["matrix_product"]["gflop_per_second"] > 0
    assert machine["settings"]["base"]["batch_size"] == 4
    alone = json.loads((measured / "derivatives.json").read_text())
    assert alone["device"] == machine["device"] and alone["software"] == machine["software"]
    assert alone["settings"]["rounds"] == 2 and alone["clock"] == "process_time"
    options = json.loads((measured / "options.json").read_text())
    assert options["device"] == machine["device"] and options["software"] == machine["software"]
    if timing.PROC_STAT.exists():
        for record in (machine, alone):
            assert 0 <= record["cores_busy_with_other_work"] <= os.cpu_count()


def test_benchmark_prints_the_ratios_at_the_base_sizes_last(measured: Path) -> None:
    lines = bench.report(pd.read_csv(measured / "ratios.csv")).splitlines()
    assert len(lines) == 24
    assert ["batch 4, T 3," in line for line in lines] == [False] * 15 + [True] * 9
    assert all(line.endswith("as fast as the textbook") for line in lines[-3:])
    assert all(line.endswith("with denormals flushed") for line in lines[-6:-3])


def test_measuring_leaves_the_process_as_it_was(measured: Path) -> None:
    smallest = torch.tensor(1e-310, dtype=torch.float64)
    assert (smallest * 1).item() > 0


def test_on_a_gpu_only_seeds_are_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads and a CPU's precision would be measured there as if they did something."""
    seen = []

    def rates(entries, *_):
        seen.extend(entry.option for entry in entries)
        return {entry: [1.0] for entry in entries}, {}

    monkeypatch.setattr(bench, "_rates", rates)
    base = contestants.contestants({})
    for device, options in (
        ("cuda", ["default", "seeds"]),
        ("cpu", ["default", "one-thread", "bfloat16", "seeds"]),
    ):
        seen.clear()
        bench._measure_options(bench.ON_A_GPU, base, None, torch.device(device))
        assert seen == options * len(textbook.MODELS)
