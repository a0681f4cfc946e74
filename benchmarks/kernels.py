"""What an iteration is on a GPU: how many kernels, how long they work, and the gaps between them.

    python -m benchmarks.kernels [--results FOLDER]

Every model alone and with several seeds side by side. Writes kernels.csv and kernels.json below
`<results>/cuda`. It needs a GPU.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity
from torch.profiler import profile as recorded

from benchmarks.contestants import contestants, images_of, training
from dcrw.training.device import describe, prepared, resolve_device
from dcrw.training.files import project_root, write_json, write_table
from dcrw.training.provenance import describe_software, now

COPIES = ("Memcpy", "Memset")  # how the profiler's names of copies begin
WARM_UP = 5  # iterations; the first records the graph
ITERATIONS = 40  # fewer than are between two readings of the losses, which would be gaps


class Work(NamedTuple):
    """What the GPU did in one stretch, in microseconds."""

    name: str
    start: float
    end: float


def summary(work: Sequence[Work], iterations: int) -> dict[str, float]:
    """Per iteration: `kernels`, `copies`; `milliseconds` from the first start to the last end,
    `busy_milliseconds` of these in which anything ran; and over all gaps, between one end and the
    next start, `gap_share` of the time and the median `gap_microseconds`.

    Raises `ValueError` where nothing was recorded.
    """
    if not work:
        raise ValueError("nothing was recorded; expected kernels of a GPU")
    ordered = sorted(work, key=lambda each: each.start)
    ends = np.maximum.accumulate([each.end for each in ordered])
    starts = np.array([each.start for each in ordered])
    gaps = np.maximum(starts[1:] - ends[:-1], 0)
    whole = float(ends[-1] - starts[0])
    copies = sum(each.name.startswith(COPIES) for each in ordered)
    return {
        "kernels": (len(ordered) - copies) / iterations,
        "copies": copies / iterations,
        "milliseconds": whole / 1000 / iterations,
        "busy_milliseconds": (whole - float(gaps.sum())) / 1000 / iterations,
        "gap_share": float(gaps.sum()) / whole if whole else 0.0,
        "gap_microseconds": float(np.median(gaps)) if len(gaps) else 0.0,
    }


def recorded_work(steps: Iterator[Any], iterations: int, warm_up: int) -> list[Work]:
    """What a GPU does in so many iterations, after others that do not count."""
    list(islice(steps, warm_up))
    torch.cuda.synchronize()
    with recorded(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as record:
        list(islice(steps, iterations))
        torch.cuda.synchronize()
    return on_the_gpu(record.events())


def on_the_gpu(events: Sequence[Any]) -> list[Work]:
    """Kernels and copies among a profiler's events; not spans that a program names, such as the
    optimiser's step."""
    return [
        Work(event.name, event.time_range.start, event.time_range.end)
        for event in events
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    ]


def table(device: torch.device) -> pd.DataFrame:
    """`summary` of every model of this project, alone and with several seeds."""
    rows = []
    for entry in contestants({}):
        if entry.implementation != "dcrw":
            continue
        for option in ("default", "seeds"):
            chosen = entry._replace(option=option)
            steps = training(chosen, images_of(entry.config.model.image_size), device)
            found = summary(recorded_work(steps, ITERATIONS, WARM_UP), ITERATIONS)
            rows.append({"model": entry.model, "runs": chosen.runs} | found)
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> None:
    """The command line. Raises `DeviceError` where there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("--results", type=Path, help="default: results/benchmarks")
    chosen = parser.parse_args(arguments)
    device = resolve_device("cuda")
    folder = (chosen.results or project_root() / "results/benchmarks") / device.type
    with prepared(device):
        made = {"device": describe(device), "software": describe_software(), "finished": now()}
        found = table(device)
    write_table(folder / "kernels.csv", found)
    write_json(folder / "kernels.json", made)
    print(found.to_string(index=False))


if __name__ == "__main__":
    main()
