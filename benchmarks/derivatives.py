"""What each derivative written by hand gains: `python -m benchmarks.derivatives`.

Every model trains as it does by default, and with one operation, or all, computed as written and
differentiated by autograd. These contestants take turns of a moment each, and a round gives one
ratio for each. On a CPU they run on one thread and are timed by the processor time of their
process, so that waiting for other work on the machine does not count. Beside it stand the
operations that an iteration launches, which are the same on every machine.
Writes launches.csv, derivatives.csv and derivatives.json below `results/benchmarks/<device type>`.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks import launches
from benchmarks.contestants import AXES, Clock, contestants
from benchmarks.timing import OtherWork, rates, spread
from benchmarks.workers import Workers, started
from dcrw.training import provenance
from dcrw.training.device import describe, prepared, resolve_device
from dcrw.training.files import project_root, write_json, write_table


@dataclass(frozen=True)
class Settings:
    """What is measured, and for how long."""

    base: Mapping[str, int] = field(default_factory=dict)  # sizes, where not the defaults
    rounds: int = 100
    warm_up: int = 3  # iterations before any are timed
    seconds: float = 0.2  # a turn in a round, at least one iteration


def measure(settings: Settings, device: torch.device, folder: Path) -> pd.DataFrame:
    """Count and time, and write the three files into a folder; returns the table of times.

    Raises `RunError` where a file cannot be written.
    """
    threads = 1 if device.type == "cpu" else 0
    began, software = time.monotonic(), provenance.describe_software()
    models = [entry for entry in contestants(settings.base) if entry.implementation == "dcrw"]
    counted = launches.table(models)
    with prepared(device, threads), started(device.type, threads) as workers:
        described, others = describe(device), OtherWork(workers)
        clock = time.process_time if device.type == "cpu" else time.perf_counter
        times = pd.DataFrame(_times(settings, counted, workers, clock))
        busy = others.cores()
    write_table(folder / "launches.csv", counted)
    write_table(folder / "derivatives.csv", times)
    record = {
        "device": described,
        "software": software,
        "cores_busy_with_other_work": busy,
        "clock": clock.__name__,
        "settings": asdict(settings),
        "seconds": round(time.monotonic() - began, 1),
        "finished": provenance.now(),
    }
    write_json(folder / "derivatives.json", record)
    return times


def _times(
    settings: Settings, counted: pd.DataFrame, workers: Workers, clock: Clock
) -> list[dict[str, Any]]:
    """One row per model and option: the median over rounds, with quartiles, of the time of an
    iteration over that by default within the round."""
    rows = []
    for default in contestants(settings.base):
        if default.implementation != "dcrw":
            continue
        print(f"measuring derivatives of {default.model}", flush=True)
        own = counted[counted.model == default.model].option
        entries = [default._replace(option=option) for option in own]
        measured, _ = rates(
            entries, settings.rounds, settings.seconds, settings.warm_up, workers, clock
        )
        for entry in entries[1:]:
            slower = [a / b for a, b in zip(measured[default], measured[entry], strict=True)]
            rows.append(
                {"model": entry.model, "option": entry.option}
                | dict(zip(AXES, entry.sizes, strict=True))
                | dict(zip(("time_ratio", "lower", "upper"), spread(slower), strict=True))
                | {"rounds": len(slower)}
            )
    return rows


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.derivatives", description=__doc__)
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help="turns of each")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--results", type=Path, help="folder (default: results/benchmarks)")
    chosen = parser.parse_args(arguments)
    device = resolve_device(chosen.device)
    folder = (chosen.results or project_root() / "results/benchmarks") / device.type
    table = measure(Settings(rounds=chosen.rounds), device, folder)
    print(f"results in {folder}\n{table.to_string(index=False)}")


if __name__ == "__main__":
    main()
