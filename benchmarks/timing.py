"""Rates of contestants that take turns, and what else the machine did meanwhile."""

import os
import time
from pathlib import Path

import numpy as np

from benchmarks.contestants import Clock, Contestant
from benchmarks.workers import Workers

PROC_STAT = Path("/proc/stat")
Rates = dict[Contestant, list[float]]  # iterations per second, one per round


def rates(
    entries: list[Contestant],
    rounds: int,
    seconds: float,
    warm_up: int,
    workers: Workers,
    clock: Clock = time.perf_counter,
) -> tuple[Rates, dict[Contestant, int]]:
    """Iterations per second by contestant and round, those of all its runs together; and the
    iterations of a turn.

    seconds: a contestant's turn in a round, at least one iteration; warm_up: iterations before any
    are timed.
    """
    turns = {}
    for entry in entries:
        workers.turn(entry, warm_up)
        turns[entry] = max(1, round(seconds / workers.turn(entry, 1)))
    measured: Rates = {entry: [] for entry in entries}
    for number in range(rounds):
        for entry in entries if number % 2 == 0 else reversed(entries):
            taken = workers.turn(entry, turns[entry], clock)
            measured[entry].append(entry.runs * turns[entry] / taken)
    workers.forget()
    return measured, turns


def spread(values: list[float], unit: float = 1.0) -> tuple[float, float, float]:
    """Median and quartiles, in `unit`s."""
    lower, median, upper = np.quantile(np.asarray(values) / unit, [0.25, 0.5, 0.75])
    return float(median), float(lower), float(upper)


class OtherWork:
    """How much else the machine did meanwhile: the first thing to look at if rates spread."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._before = self._seconds()

    def cores(self) -> float | None:
        """Cores that other processes kept busy since the start, on average; None if unknown."""
        if self._before is None or (now := self._seconds()) is None:
            return None
        wall, busy, own = (b - a for a, b in zip(self._before, now, strict=True))
        return round(max(0.0, busy - own) / wall, 2)

    def _seconds(self) -> tuple[float, float, float] | None:
        """Wall clock, what all cores have worked so far, and what this benchmark has."""
        if not PROC_STAT.exists():
            return None
        user, nice, system, _, _, *others = map(
            int, PROC_STAT.read_text(encoding="ascii").split()[1:9]
        )
        busy = (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, time.process_time() + self._workers.seconds()
