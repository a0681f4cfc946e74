"""Measure `dcrw` against the textbook implementation: `python -m benchmarks.bench [--quick]`.

One process, one run, the contestants interleaved: each round lets every model of both
implementations train for a moment, so that what else the machine does falls on all alike. A round
gives one rate a contestant and one ratio a model; medians and quartiles are over rounds. Both sides
run with denormals flushed to zero and without TF32, as `dcrw.engine.prepare` sets them. Peak memory
is measured in a process of its own for each contestant. Writes speed.csv, scaling.csv, ratios.csv
and machine.json below `results/benchmarks/<device type>`.
"""

import argparse
import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.contestants import (
    AXES,
    Contestant,
    contestants,
    images_of,
    peak_memory,
    timed,
    training,
)
from benchmarks.flops import iteration_flops
from dcrw import engine, evaluation, runs


@dataclass(frozen=True)
class Settings:
    """What is measured, and for how long."""

    base: Mapping[str, int] = field(default_factory=dict)  # sizes, where not the defaults
    scaling: Mapping[str, tuple[int, ...]] = field(  # varied one at a time, besides the base
        default_factory=lambda: {
            "batch_size": (50, 200, 400),
            "steps": (5, 20, 64),
            "image_size": (56,),
        }
    )
    rounds: int = 15
    scaling_rounds: int = 5
    warm_up: int = 3  # iterations before any are timed
    seconds: float = 0.4  # a contestant's turn in a round, at least one iteration
    matrix_size: int = 0  # of the product whose rate is measured; 0: 2048, on a GPU 8192
    memory_rounds: int = 3


QUICK = Settings(
    scaling={"batch_size": (400,)},
    rounds=4,
    scaling_rounds=1,
    warm_up=1,
    seconds=0.1,
    memory_rounds=1,
)

PROC_STAT = Path("/proc/stat")
Rates = dict[Contestant, list[float]]  # iterations a second, one a round


def rates(
    entries: list[Contestant], rounds: int, settings: Settings, device: torch.device
) -> tuple[Rates, dict[Contestant, int]]:
    """Iterations a second by contestant and round, and the iterations of a turn."""
    images = images_of(entries[0].config.model.image_size)
    running = {entry: training(entry, images, device) for entry in entries}
    turns = {}
    for entry, steps in running.items():
        timed(steps, settings.warm_up, device)
        turns[entry] = max(1, round(settings.seconds / timed(steps, 1, device)))
    measured: Rates = {entry: [] for entry in entries}
    for number in range(rounds):
        ordered = list(running.items())
        for entry, steps in ordered if number % 2 == 0 else reversed(ordered):
            measured[entry].append(turns[entry] / timed(steps, turns[entry], device))
    return measured, turns


def matrix_rates(size: int, repeats: int, device: torch.device) -> list[float]:
    """Floating-point operations a second of a float32 product of square matrices."""
    left, right, out = (torch.rand(size, size, device=device) for _ in range(3))
    products = (torch.mm(left, right, out=out) for _ in itertools.count())
    timed(products, 2, device)
    count = max(1, round(0.2 / timed(products, 1, device)))
    return [2 * size**3 * count / timed(products, count, device) for _ in range(repeats)]


def memory(
    entries: list[Contestant], rounds: int, device: torch.device, threads: int
) -> dict[Contestant, list[float]]:
    """Peak memory in MiB by contestant and round, each in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.contestants", "dcrw.evaluation"])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return {
            entry: [
                pool.submit(peak_memory, entry, device.type, threads).result() / 2**20
                for _ in range(rounds)
            ]
            for entry in entries
        }


class OtherWork:
    """How much else the machine did meanwhile: the first thing to look at if rates spread."""

    def __init__(self) -> None:
        self._before = self._seconds()

    def cores(self) -> float | None:
        """Cores that other processes kept busy since the start, on average; None if unknown."""
        if self._before is None or (now := self._seconds()) is None:
            return None
        wall, busy, own = (b - a for a, b in zip(self._before, now, strict=True))
        return round(max(0.0, busy - own) / wall, 2)

    @staticmethod
    def _seconds() -> tuple[float, float, float] | None:
        """Wall clock, what all cores have worked so far, and what this process has."""
        if not PROC_STAT.exists():
            return None
        user, nice, system, _, _, *others = map(int, PROC_STAT.read_text().split()[1:9])
        busy = (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, time.process_time()


def measure(settings: Settings, device: torch.device, threads: int, folder: Path) -> pd.DataFrame:
    """Run the benchmark and write its files into a folder; returns the table of ratios."""
    engine.prepare(device, threads)
    machine: dict[str, Any] = {
        "device": engine.describe(device),
        "software": runs.describe_software(),
    }
    started = time.monotonic()
    base = contestants(settings.base)
    _say("memory")
    peaks = memory(base, settings.memory_rounds, device, threads) if settings.memory_rounds else {}
    all_ratios = [_ratio_table("memory", "base", peaks)]
    others = OtherWork()
    size = settings.matrix_size or (8192 if device.type == "cuda" else 2048)
    products = matrix_rates(size, settings.rounds, device)
    _say("speed")
    measured, turns = rates(base, settings.rounds, settings, device)
    tables = [_speed_table("base", measured, turns)]
    all_ratios.append(_ratio_table("speed", "base", measured))
    for axis, values in settings.scaling.items():
        for value in values:
            _say(f"{axis} = {value}")
            entries = contestants(settings.base, **{axis: value})
            other, turns = rates(entries, settings.scaling_rounds, settings, device)
            tables.append(_speed_table(axis, other, turns))
            all_ratios.append(_ratio_table("speed", axis, other))
    products += matrix_rates(size, settings.rounds, device)
    matrix = float(np.median(products))
    scaling = pd.concat(tables, ignore_index=True)
    scaling["share"] = scaling.gflop_per_second * 1e9 / matrix
    speed = scaling[scaling.axis == "base"].drop(columns="axis")
    speed["memory_mib"] = [np.median(peaks[entry]) if peaks else np.nan for entry in measured]
    all_ratios.append(_shares(scaling, matrix))
    ratios = pd.concat(all_ratios, ignore_index=True)
    evaluation.write_table(folder / "speed.csv", speed)
    evaluation.write_table(folder / "scaling.csv", scaling)
    evaluation.write_table(folder / "ratios.csv", ratios)
    machine |= {
        "matrix_product": {"size": size}
        | dict(zip(("gflop_per_second", "lower", "upper"), _spread(products, 1e9), strict=True)),
        "settings": asdict(settings),
        "cores_busy_with_other_work": others.cores(),
        "seconds": round(time.monotonic() - started, 1),
        "finished": runs.now(),
    }
    runs.write_json(folder / "machine.json", machine)
    return ratios


def _spread(values: list[float], unit: float = 1.0) -> tuple[float, float, float]:
    """Median and quartiles."""
    lower, median, upper = np.quantile(np.asarray(values) / unit, [0.25, 0.5, 0.75])
    return float(median), float(lower), float(upper)


def _sizes(entry: Contestant) -> dict[str, int]:
    return dict(zip(AXES, entry.sizes, strict=True))


def _speed_table(axis: str, measured: Rates, turns: dict[Contestant, int]) -> pd.DataFrame:
    rows = []
    for entry, values in measured.items():
        median, lower, upper = _spread(values)
        gflop = iteration_flops(entry.config.model, entry.config.training.batch_size) / 1e9
        rows.append(
            {"axis": axis, "model": entry.model, "implementation": entry.implementation}
            | _sizes(entry)
            | {"iterations_per_second": median, "lower": lower, "upper": upper}
            | {"rounds": len(values), "iterations": turns[entry], "gflop": gflop}
            | {"gflop_per_second": gflop * median}
        )
    return pd.DataFrame(rows)


def _pairs(entries: list[Contestant]) -> Iterator[tuple[Contestant, Contestant]]:
    """Ours and the textbook's of each model."""
    for ours in entries:
        if ours.implementation == "dcrw":
            (other,) = (
                entry
                for entry in entries
                if entry.implementation == "textbook" and entry.model == ours.model
            )
            yield ours, other


def _ratio_table(quantity: str, axis: str, measured: dict[Contestant, list[float]]) -> pd.DataFrame:
    """Ours over the textbook's, from the pairs of values within each round."""
    rows = []
    for ours, other in _pairs(list(measured)):
        values = [a / b for a, b in zip(measured[ours], measured[other], strict=True)]
        spread = dict(zip(("value", "lower", "upper"), _spread(values), strict=True))
        rows.append(
            {"quantity": quantity, "axis": axis, "model": ours.model}
            | _sizes(ours)
            | spread
            | {"rounds": len(values)}
        )
    return pd.DataFrame(rows)


def _shares(scaling: pd.DataFrame, matrix: float) -> pd.DataFrame:
    """The share of the device's matrix-product rate that ours reaches, by batch size."""
    batches = scaling[scaling.axis.isin(["base", "batch_size"])]
    ours = batches[batches.implementation == "dcrw"]
    table = ours[["axis", "model", *AXES]].assign(quantity="share", rounds=ours.rounds)
    for name, source in zip(
        ("value", "lower", "upper"), ("iterations_per_second", "lower", "upper"), strict=True
    ):
        table[name] = ours[source] * ours.gflop * 1e9 / matrix
    return table


def report(ratios: pd.DataFrame) -> str:
    """The ratios in lines; last, how many times as fast ours is at the base sizes."""
    words = {
        "share": "of the matrix-product rate",
        "memory": "times the textbook's peak memory",
        "speed": "times as fast as the textbook",
    }
    base = ratios.axis == "base"
    ordered = [
        table[table.quantity == name] for table in (ratios[~base], ratios[base]) for name in words
    ]
    lines = []
    for row in pd.concat(ordered).to_dict("records"):
        where = f"batch {row['batch_size']}, T {row['steps']}, side {row['image_size']}"
        spread = f"{row['value']:5.2f} ({row['lower']:.2f} to {row['upper']:.2f})"
        lines.append(f"{row['model']:16} {where:26} {spread} {words[row['quantity']]}")
    return "\n".join(lines)


def _say(stage: str) -> None:
    print(f"measuring {stage}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about 20 s, fewer settings")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all cores")
    parser.add_argument(
        "--results",
        type=Path,
        help="folder of results (default: results/benchmarks; quick: results/quick/benchmarks)",
    )
    chosen = parser.parse_args(arguments)
    default = "results/quick/benchmarks" if chosen.quick else "results/benchmarks"
    device = engine.resolve_device(chosen.device)
    folder = (chosen.results or runs.project_root() / default) / device.type
    settings = QUICK if chosen.quick else Settings()
    ratios = measure(settings, device, chosen.threads, folder)
    print(f"{engine.describe(device)}\nresults in {folder}\n{report(ratios)}")


if __name__ == "__main__":
    main()
