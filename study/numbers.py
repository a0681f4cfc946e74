"""Measured numbers with where they come from; the book's prose reads them, nobody types them.

Each notebook writes `results/<profile>/numbers/<notebook>.json`; `merge` joins them into
`numbers.json`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dcrw.training.files import RunError, read_json, write_json

AGAIN = "Put it back, or execute its notebook again (make book)."
LARGEST = sys.float_info.max
EVERY_PROFILE = ("data", "table_1")  # notebooks that write numbers of each profile
FIRST_ROUND = ("claims", "noise", "gaze", "standing")  # of the runs of paper and grid together


class Number(NamedTuple):
    """One measured value."""

    value: float
    source: str  # the file that holds it, relative to the project
    n: int | None = None  # how many images, minibatches or seeds it averages
    interval: tuple[float, float] | None = None  # 95%


def write(path: Path, numbers: Mapping[str, Number]) -> None:
    """Write one notebook's numbers."""
    write_json(path, {key: number._asdict() for key, number in sorted(numbers.items())})


def read(path: Path) -> dict[str, Number]:
    """Read a file of numbers. Raises `RunError` where it is missing or malformed."""
    entries = read_json(path, AGAIN)
    for key, entry in entries.items():
        if not _is_entry(entry):
            raise RunError(
                f"{path}: {key[:80]} is no number with a value, a source and perhaps n and an "
                f"interval of two. {AGAIN}"
            )
    return {key: Number(**entry) for key, entry in entries.items()}


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not entry.keys() <= set(Number._fields):
        return False
    n, interval = entry.get("n"), entry.get("interval")
    pair = isinstance(interval, list) and len(interval) == 2 and all(map(_is_finite, interval))
    return (
        (_is_finite(entry.get("value")) or isinstance(entry.get("value"), str))
        and isinstance(entry.get("source"), str)
        and (n is None or type(n) is int)
        and (interval is None or pair)
    )


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST  # type: ignore[operator]


def values(path: Path) -> dict[str, float]:
    """The values alone of a file of numbers. Raises `RunError`."""
    return {key: number.value for key, number in read(path).items()}


def merge(paths: list[Path], target: Path) -> None:
    """Join several files of numbers. Raises `RunError` where two of them define one key."""
    joined: dict[str, Number] = {}
    for path in paths:
        for key, number in read(path).items():
            if key in joined:
                raise RunError(f"{path}: {key} is already defined by {joined[key].source}")
            joined[key] = number
    write(target, joined)


def number_files(results: Path) -> list[Path]:
    """What a profile's numbers are joined from, whether it is there yet or not.

    The book reads those of the profile `paper`, which take in what goes beyond it.
    """
    own = [results / "numbers" / f"{name}.json" for name in EVERY_PROFILE]
    if results.name != "paper":
        return own
    beyond = [results.parent / "grid" / "numbers" / f"{name}.json" for name in FIRST_ROUND]
    second = results.parent / "round2" / "numbers" / "second_round.json"
    measured = results.parent / "benchmarks" / "numbers.json"
    return [*own, results / "numbers" / "fast_start.json", *beyond, second, measured]
