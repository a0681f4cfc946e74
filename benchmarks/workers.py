"""Processes in which contestants train by turns.

Whether denormal numbers are flushed belongs to a process and its threads for good, so that
contestants which are prepared and those which are not live in processes of their own. Only one of
them works at a time.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks import profiling
from benchmarks.contestants import (
    Clock,
    Contestant,
    images_of,
    peak_memory,
    start,
    timed,
    training,
    under,
)


class Workers:
    """Both processes."""

    def __init__(self, pools: dict[bool, ProcessPoolExecutor]):
        """pools: one process each, by whether it is prepared."""
        self._pools = pools

    def turn(self, entry: Contestant, count: int, clock: Clock = time.perf_counter) -> float:
        """Seconds by a clock that `count` further iterations of a contestant take."""
        return self._call(entry.prepared, _turn, entry, count, clock)

    def forget(self) -> None:
        """Drop all trainings that have begun."""
        for prepared in self._pools:
            self._call(prepared, _forget)

    def final_losses(self, entry: Contestant, iterations: int) -> tuple[float, float]:
        """L_x and L_z after a training from the start, means over its last tenth."""
        return self._call(entry.prepared, _final_losses, entry, iterations)

    def profile(self, entry: Contestant, iterations: int) -> pd.DataFrame:
        """`profiling.profile` of a contestant's iterations."""
        return self._call(entry.prepared, _profile, entry, iterations)

    def seconds(self) -> float:
        """Processor time that both have taken so far."""
        return sum(self._call(prepared, time.process_time) for prepared in self._pools)

    def _call(self, prepared: bool, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._pools[prepared].submit(function, *arguments).result()


@contextmanager
def started(device_type: str, threads: int) -> Iterator[Workers]:
    """Workers for the body of a `with`; threads: CPU threads, 0 for torch's default."""
    with ExitStack() as stack:
        yield Workers(
            {
                prepared: stack.enter_context(
                    ProcessPoolExecutor(
                        1,
                        mp_context=_context(),
                        initializer=_begin,
                        initargs=(device_type, threads, prepared),
                    )
                )
                for prepared in (True, False)
            }
        )


def memory(
    entries: list[Contestant], rounds: int, device_type: str, threads: int
) -> dict[Contestant, list[float]]:
    """Peak memory in MiB by contestant and round, each in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=_context(), max_tasks_per_child=1) as pool:
        return {
            entry: [
                pool.submit(peak_memory, entry, device_type, threads).result() / 2**20
                for _ in range(rounds)
            ]
            for entry in entries
        }


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.workers", "dcrw.training.evaluation"])
    return context


_device = torch.device("cpu")
_running: dict[Contestant, Iterator[Any]] = {}


def _begin(device_type: str, threads: int, prepared: bool) -> None:
    global _device
    _device = start(device_type, threads, prepared)


def _turn(entry: Contestant, count: int, clock: Clock) -> float:
    with under(entry.option):
        if entry not in _running:
            _running[entry] = _training(entry)
        return timed(_running[entry], count, _device, clock)


def _forget() -> None:
    _running.clear()


def _final_losses(entry: Contestant, iterations: int) -> tuple[float, float]:
    with under(entry.option):
        steps = _training(entry)
        losses = torch.stack([next(steps)[0] for _ in range(iterations)])
    reconstruction, latent = losses[-max(1, iterations // 10) :].double().mean(0).tolist()
    return reconstruction, latent


def _profile(entry: Contestant, iterations: int) -> pd.DataFrame:
    with under(entry.option):
        return profiling.profile(_training(entry), iterations)


def _training(entry: Contestant) -> Iterator[Any]:
    return training(entry, _images(entry.config.model.image_size), _device)


@lru_cache
def _images(side: int) -> Tensor:
    return images_of(side)
