"""Measure `dcrw` against the textbook implementation: `python -m benchmarks.bench [--quick]`.

One run, the contestants interleaved: each round lets every model of every implementation train for
a moment, one at a time, so that what else the machine does falls on all alike. A round gives one
rate per contestant and one ratio per model; medians and quartiles are over rounds. The textbook is
measured both as it comes and with denormal numbers flushed to zero as `dcrw` flushes them. Peak
memory is measured in a process of its own for each contestant. Options of `dcrw` (one thread,
products in bfloat16, several seeds side by side) are measured against its default in the same way;
what derivatives written by hand gain, by `benchmarks.derivatives`.
Writes options.csv, options.json, speed.csv, scaling.csv, ratios.csv, machine.json and on a CPU
precision.csv and profile.csv below `results/benchmarks/<device type>`.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.contestants import AXES, OPTIONS, PLAIN, Contestant, contestants, timed
from benchmarks.flops import iteration_flops
from benchmarks.timing import OtherWork, Rates, rates, spread
from benchmarks.workers import Workers, memory, started
from dcrw.training import provenance
from dcrw.training.device import describe, prepared, resolve_device
from dcrw.training.files import project_root, write_json, write_table
from dcrw.training.provenance import describe_software


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
    option_rounds: int = 9
    precision_iterations: int = 300  # of a training in bfloat16 and of those it is compared with
    profile_batches: tuple[int, ...] = (100, 400)
    profile_iterations: int = 10


QUICK = Settings(
    scaling={"batch_size": (400,)},
    rounds=4,
    scaling_rounds=1,
    warm_up=1,
    seconds=0.1,
    memory_rounds=1,
    option_rounds=2,
    precision_iterations=20,
    profile_batches=(100,),
    profile_iterations=2,
)
ON_A_GPU = Settings(  # where an iteration takes milliseconds, and starting a process seconds
    scaling={"batch_size": (400,), "steps": (64,)},
    scaling_rounds=3,
    seconds=0.2,
    memory_rounds=1,
)
PARTS = ("speed", "options")


def matrix_rates(size: int, repeats: int, device: torch.device) -> list[float]:
    """Floating-point operations per second of a float32 product of square matrices."""
    left, right, out = (torch.rand(size, size, device=device) for _ in range(3))
    products = (torch.mm(left, right, out=out) for _ in itertools.count())
    timed(products, 2, device)
    count = max(1, round(0.2 / timed(products, 1, device)))
    return [2 * size**3 * count / timed(products, count, device) for _ in range(repeats)]


def measure(settings: Settings, device: torch.device, threads: int, folder: Path) -> pd.DataFrame:
    """Run all but the options and write its files into a folder; returns the table of ratios."""
    with prepared(device, threads):
        return _measure(settings, device, threads, folder)


def measure_options(settings: Settings, device: torch.device, threads: int, folder: Path) -> None:
    """Measure this project's options against its default; writes options.csv into a folder, and
    options.json, on what that was."""
    with prepared(device, threads), started(device.type, threads) as workers:
        made = {"device": describe(device), "software": describe_software()}
        options = _measure_options(settings, contestants(settings.base), workers, device)
    write_table(folder / "options.csv", options)
    write_json(folder / "options.json", made | {"finished": provenance.now()})


def _measure(settings: Settings, device: torch.device, threads: int, folder: Path) -> pd.DataFrame:
    machine: dict[str, Any] = {
        "device": describe(device),
        "software": describe_software(),
    }
    began = time.monotonic()
    base = contestants(settings.base)
    _say("memory")
    known = [entry for entry in base if entry.implementation in ("dcrw", "textbook")]
    rounds = settings.memory_rounds
    peaks = memory(known, rounds, device.type, threads) if rounds else {}
    tables = {"memory": _ratio_table("memory", "base", peaks)}
    size = settings.matrix_size or (8192 if device.type == "cuda" else 2048)
    with started(device.type, threads) as workers:
        others = OtherWork(workers)
        products = matrix_rates(size, settings.rounds, device)
        scaling, ratios = _measure_speed(settings, base, workers)
        if device.type == "cpu":
            _say("precision")
            precision = _measure_precision(settings, base, workers)
            write_table(folder / "precision.csv", precision)
            _say("profile")
            write_table(folder / "profile.csv", _profiles(settings, workers))
        products += matrix_rates(size, settings.rounds, device)
        machine["cores_busy_with_other_work"] = others.cores()
    matrix = float(np.median(products))
    scaling["share"] = scaling.gflop_per_second * 1e9 / matrix
    speed = scaling[scaling.axis == "base"].drop(columns="axis")
    speed["memory_mib"] = [np.median(peaks.get(entry, [np.nan])) for entry in base]
    tables |= {"speed": ratios, "share": _shares(scaling, matrix)}
    write_table(folder / "speed.csv", speed)
    write_table(folder / "scaling.csv", scaling)
    write_table(folder / "ratios.csv", pd.concat(tables.values(), ignore_index=True))
    machine |= {
        "matrix_product": {"size": size}
        | dict(zip(("gflop_per_second", "lower", "upper"), spread(products, 1e9), strict=True)),
        "settings": asdict(settings),
        "seconds": round(time.monotonic() - began, 1),
        "finished": provenance.now(),
    }
    write_json(folder / "machine.json", machine)
    return pd.concat(tables.values(), ignore_index=True)


def _measure_speed(
    settings: Settings, base: list[Contestant], workers: Workers
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rates and ratios at the base sizes, then with one size varied at a time."""
    _say("speed")
    measured, turns = _rates(base, settings.rounds, settings, workers)
    tables = [_speed_table("base", measured, turns)]
    ratios = [_ratio_table("speed", "base", measured)]
    for axis, values in settings.scaling.items():
        for value in values:
            _say(f"{axis} = {value}")
            entries = contestants(settings.base, **{axis: value})
            measured, turns = _rates(entries, settings.scaling_rounds, settings, workers)
            tables.append(_speed_table(axis, measured, turns))
            ratios.append(_ratio_table("speed", axis, measured))
    return pd.concat(tables, ignore_index=True), pd.concat(ratios, ignore_index=True)


def _measure_options(
    settings: Settings, base: list[Contestant], workers: Workers, device: torch.device
) -> pd.DataFrame:
    """Rates under each option of this project, and ratios to its default within a round. Threads
    and the precision of a CPU's products say nothing about a GPU."""
    options = [option for option in OPTIONS if option not in PLAIN]
    if device.type != "cpu":
        options = ["default", "seeds"]
    rows = []
    for default in (entry for entry in base if entry.implementation == "dcrw"):
        _say(f"options of {default.model}")
        entries = [default._replace(option=option) for option in options]
        measured, _ = _rates(entries, settings.option_rounds, settings, workers)
        for entry, values in measured.items():
            against = [a / b for a, b in zip(values, measured[default], strict=True)]
            names = ("iterations_per_second", "lower", "upper")
            found = dict(zip(names, spread(values), strict=True))
            names = ("ratio", "ratio_lower", "ratio_upper")
            found |= dict(zip(names, spread(against), strict=True))
            rows.append(
                {"model": entry.model, "option": entry.option, "runs": entry.runs}
                | _sizes(entry)
                | found
                | {"rounds": len(values)}
            )
    return pd.DataFrame(rows)


def _measure_precision(
    settings: Settings, base: list[Contestant], workers: Workers
) -> pd.DataFrame:
    """Losses after a training in float32 and in bfloat16, and in float32 from another seed."""
    rows = []
    for plain in (entry for entry in base if entry.implementation == "dcrw"):
        other = plain.config.with_seed(1)
        for products, entry in (
            ("float32", plain),
            ("bfloat16", plain._replace(option="bfloat16")),
            ("float32", plain._replace(config=other)),
        ):
            x, z = workers.final_losses(entry, settings.precision_iterations)
            rows.append(
                {"model": entry.model, "products": products, "seed": entry.config.training.seed}
                | {"iterations": settings.precision_iterations, "reconstruction": x, "latent": z}
            )
    return pd.DataFrame(rows)


def _profiles(settings: Settings, workers: Workers) -> pd.DataFrame:
    """Where the time of this project's iterations goes, by model and batch."""
    tables = []
    for batch in settings.profile_batches:
        for entry in contestants(settings.base, batch_size=batch):
            if entry.implementation == "dcrw":
                table = workers.profile(entry, settings.profile_iterations)
                table.insert(0, "model", entry.model)
                table.insert(1, "batch_size", batch)
                tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _rates(
    entries: list[Contestant], rounds: int, settings: Settings, workers: Workers
) -> tuple[Rates, dict[Contestant, int]]:
    return rates(entries, rounds, settings.seconds, settings.warm_up, workers)


def _sizes(entry: Contestant) -> dict[str, int]:
    return dict(zip(AXES, entry.sizes, strict=True))


def _speed_table(axis: str, measured: Rates, turns: dict[Contestant, int]) -> pd.DataFrame:
    rows = []
    for entry, values in measured.items():
        median, lower, upper = spread(values)
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
    """Ours and each of the textbook's, of each model."""
    ours = {entry.model: entry for entry in entries if entry.implementation == "dcrw"}
    for entry in entries:
        if entry.implementation != "dcrw":
            yield ours[entry.model], entry


def _ratio_table(quantity: str, axis: str, measured: dict[Contestant, list[float]]) -> pd.DataFrame:
    """Ours over the textbook's, from the pairs of values within each round."""
    rows = []
    for ours, other in _pairs(list(measured)):
        values = [a / b for a, b in zip(measured[ours], measured[other], strict=True)]
        found = dict(zip(("value", "lower", "upper"), spread(values), strict=True))
        rows.append(
            {"quantity": quantity, "axis": axis, "model": ours.model}
            | {"against": other.implementation}
            | _sizes(ours)
            | found
            | {"rounds": len(values)}
        )
    return pd.DataFrame(rows)


def _shares(scaling: pd.DataFrame, matrix: float) -> pd.DataFrame:
    """The share of the device's matrix-product rate that ours reaches, by batch size."""
    batches = scaling[scaling.axis.isin(["base", "batch_size"])]
    ours = batches[batches.implementation == "dcrw"]
    table = ours[["axis", "model", *AXES]].assign(
        quantity="share", against="matrix-product", rounds=ours.rounds
    )
    for name, source in zip(
        ("value", "lower", "upper"), ("iterations_per_second", "lower", "upper"), strict=True
    ):
        table[name] = ours[source] * ours.gflop * 1e9 / matrix
    return table


def report(ratios: pd.DataFrame) -> str:
    """The ratios in lines; last, how many times as fast ours is at the base sizes."""
    words = {
        ("share", "matrix-product"): "of the matrix-product rate",
        ("memory", "textbook"): "times the textbook's peak memory",
        ("speed", "textbook-prepared"): "times as fast as the textbook with denormals flushed",
        ("speed", "textbook"): "times as fast as the textbook",
    }
    base = ratios.axis == "base"
    ordered = [
        table[(table.quantity == quantity) & (table.against == against)]
        for table in (ratios[~base], ratios[base])
        for quantity, against in words
    ]
    lines = []
    for row in pd.concat(ordered).to_dict("records"):
        where = f"batch {row['batch_size']}, T {row['steps']}, side {row['image_size']}"
        found = f"{row['value']:5.2f} ({row['lower']:.2f} to {row['upper']:.2f})"
        kind = words[row["quantity"], row["against"]]
        lines.append(f"{row['model']:16} {where:26} {found} {kind}")
    return "\n".join(lines)


def _say(stage: str) -> None:
    print(f"measuring {stage}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute or two, fewer settings")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all cores")
    parser.add_argument("--part", choices=PARTS, help="speed or options alone (default: both)")
    parser.add_argument(
        "--results",
        type=Path,
        help="folder of results (default: results/benchmarks; quick: results/quick/benchmarks)",
    )
    chosen = parser.parse_args(arguments)
    default = "results/quick/benchmarks" if chosen.quick else "results/benchmarks"
    device = resolve_device(chosen.device)
    folder = (chosen.results or project_root() / default) / device.type
    settings = QUICK if chosen.quick else Settings() if device.type == "cpu" else ON_A_GPU
    print(f"{describe(device)}\nresults in {folder}")
    if chosen.part != "speed":
        measure_options(settings, device, chosen.threads, folder)
    if chosen.part != "options":
        print(report(measure(settings, device, chosen.threads, folder)))


if __name__ == "__main__":
    main()
