"""The training loop, long because stopping, saving and going on at any iteration is one thing:
metrics, checkpoints, resume, for one run or several side by side."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from dcrw.model.writer import Model
from dcrw.training import snapshots
from dcrw.training.binarisation import binarised, levels, training_images
from dcrw.training.config import Keeping, RunConfig
from dcrw.training.data import DataError, Dataset, images_digest
from dcrw.training.device import describe, prepared, resolve_device
from dcrw.training.engine import Engine
from dcrw.training.provenance import describe_software, now
from dcrw.training.randomness import BatchOrder, Floats, step_noise
from dcrw.training.run import Checkpoint, Run, shorter_run
from dcrw.training.seeds import SeedsEngine, require_only_seeds_differ

NOTHING_BESIDES = Keeping()


class TrainingError(RuntimeError):
    """Training cannot go on: a loss or a weight is not finite.

    Way out: a lower `learning_rate` or `clip_norm`, under another `name`.
    """


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C or SIGTERM; a checkpoint has been written.

    Way out: the same command goes on.
    """


def train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    device: torch.device | None = None,
    threads: int = 0,
    progress: bool | None = None,
    keeping: Keeping = NOTHING_BESIDES,
    wait: bool = False,
) -> Run:
    """Train a config into a run's folder, from its last checkpoint where there is one.

    A complete run returns at once. device: None for `resolve_device("auto")`. threads: CPU threads,
    0 for torch's default. progress: a bar; None shows it where there is a terminal. keeping: what
    is kept besides, and a shorter run to go on from. wait: until another process has left the
    folder, then take up what it did. Raises `DataError` where the images are others than the
    config's or have another size, `RunError` where the folder is in use, damaged or holds another
    configuration, `TrainingError` at a non-finite loss or weight, `Interrupted` after a signal.
    """
    device = device or resolve_device("auto")
    _require_data(config, dataset)
    if run.complete and run.config == config and not run.begun:
        return run
    with run.locked(wait), _signals() as stopped:
        _begin(run, config, keeping)
        if not run.complete:

            def work() -> None:
                with prepared(device, threads):
                    images = training_images(dataset, config.data.binarisation)
                    engine = Engine(config, images, device)
                    _train([(run, config)], engine, dataset, progress, keeping, stopped)

            _in_a_thread_of_its_own(work)
    return run


def train_seeds(
    runs: Sequence[Run],
    configs: Sequence[RunConfig],
    dataset: Dataset,
    device: torch.device | None = None,
    threads: int = 0,
    progress: bool | None = None,
    keeping: Keeping = NOTHING_BESIDES,
    wait: bool = False,
) -> list[Run]:
    """Train several configs that differ in their seed alone side by side, each into its own run's
    folder; otherwise as `train`.

    Complete runs are left as they are. The others go on from their checkpoints; where these are not
    of one iteration, those that are go side by side, one group after the other. Raises `ValueError`
    where the configs differ in more than the seed. A run that was begun side by side can be
    finished alone and the other way round.
    """
    device = device or resolve_device("auto")
    require_only_seeds_differ(configs)
    for config in configs:
        _require_data(config, dataset)
    if all(run.complete and run.config == config and not run.begun
           for run, config in zip(runs, configs, strict=True)):  # fmt: skip
        return list(runs)
    with ExitStack() as locks:
        for run, config in zip(runs, configs, strict=True):
            locks.enter_context(run.locked(wait))
            _begin(run, config, keeping)
        pairs = zip(runs, configs, strict=True)
        left = [(run, config) for run, config in pairs if not run.complete]
        stopped = locks.enter_context(_signals())

        def work() -> None:
            for group in _of_one_iteration(left):
                with prepared(device, threads):
                    own = [config for _, config in group]
                    images = training_images(dataset, own[0].data.binarisation)
                    engine = SeedsEngine(own, images, device)
                    _train(group, engine, dataset, progress, keeping, stopped)

        _in_a_thread_of_its_own(work)
    return list(runs)


Pairs = Sequence[tuple[Run, RunConfig]]


def _of_one_iteration(pairs: Pairs) -> list[Pairs]:
    """Runs in groups that can be trained side by side: those whose checkpoints are of one
    iteration. A kill between two runs' checkpoints leaves two groups."""
    groups: dict[int, list[tuple[Run, RunConfig]]] = {}
    for run, config in pairs:
        found = run.load_checkpoint()
        groups.setdefault(found.iteration if found else 0, []).append((run, config))
    return list(groups.values())


def _in_a_thread_of_its_own(work: Callable[[], None]) -> None:
    """Do some work in a new thread, whose arithmetic threads are new with it.

    Denormal numbers are flushed by the thread that asks, and by threads born of it later. In a
    process that has used torch before, a notebook's, the arithmetic threads are older than that.
    The process is left as it was; signals still reach the main thread meanwhile.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="training") as executor:
        executor.submit(work).result()


def _begin(run: Run, config: RunConfig, keeping: Keeping) -> None:
    run.begin(config)
    run.tidy()
    if keeping.continues and not run.complete and not run.begun:
        run.go_on_from(shorter_run(run, config, keeping.continues))


def _train(
    pairs: Pairs,
    engine: Engine,
    dataset: Dataset,
    progress: bool | None,
    keeping: Keeping,
    stopped: Sequence[int],
) -> None:
    """stopped: signals received so far, each of which ends the training after its iteration."""
    starts = _resume(pairs, engine)
    parts = [
        _Part(run, config, start, engine, dataset, len(pairs))
        for (run, config), start in zip(pairs, starts, strict=True)
    ]
    settings, first = pairs[0][1].training, starts[0].iteration
    dynamic = pairs[0][1].data.binarisation == "dynamic"
    moments = snapshots.moments(keeping.snapshots, settings.iterations)
    with _bar(settings.iterations, first, progress) as bar:
        for iteration in range(first, settings.iterations):
            indices, noise = zip(*(part.inputs(iteration) for part in parts), strict=True)
            sampled = [part.levels(iteration) for part in parts] if dynamic else []
            losses = engine.iterate_all(indices, noise, sampled)
            done = iteration + 1
            last = done == settings.iterations
            for part, own in zip(parts, losses, strict=True):
                part.note(own)
                if done % settings.metrics_interval == 0 or last:
                    bar.set_postfix_str(part.summarise(done), refresh=False)
            bar.update()
            if done in moments:
                for part, model in zip(parts, engine.models(), strict=True):
                    part.picture(model, done)
            if not last and (stopped or done % settings.checkpoint_interval == 0):
                for part, state in zip(parts, _finite_states(parts, engine, done), strict=True):
                    part.save(state, done)
                if stopped:
                    raise Interrupted(f"stopped after iteration {done}; the same command resumes")
    states = _finite_states(parts, engine, settings.iterations)
    for part, model, state in zip(parts, engine.models(), states, strict=True):
        if keeping.keep_state:
            part.save(state, settings.iterations)
        part.finish(model, keeping.keep_state)


class _Part:
    """What is one run's own in a training loop: its inputs, metrics, checkpoints and files."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        start: Checkpoint,
        engine: Engine,
        dataset: Dataset,
        together: int,
    ):
        """together: how many runs are trained side by side."""
        self._run, self._config, self._settings = run, config, config.training
        self._log = _SegmentLog(start, engine.device, together)
        self._dataset = dataset
        seen = binarised(dataset, config.data.binarisation)
        self._shown = seen.test.images[: snapshots.COUNT]
        count = len(dataset.train.images)
        self._order = BatchOrder(self._settings.seed, self._settings.batch_size, count)
        pending = start.tensors.get("pending", torch.empty(0, 2))
        self._pending = list(pending.to(engine.device))

    def inputs(self, iteration: int) -> tuple[NDArray[np.int64], Floats]:
        """Indices (B,) and noise (T, B, z) of an iteration."""
        seed, model = self._settings.seed, self._config.model
        shape = (model.steps, self._settings.batch_size, model.latent_size)
        noise = step_noise(seed, "noise", iteration, shape, model.noise_correlation)
        return self._order(iteration), noise

    def levels(self, iteration: int) -> Floats:
        """Numbers (B, A, A) that an iteration's images are sampled by."""
        size = self._config.model.image_size
        shape = (self._settings.batch_size, size, size)
        return levels(self._settings.seed, iteration, shape)

    def note(self, losses: Tensor) -> None:
        """Keep an iteration's losses (2,) for the next summary."""
        self._pending.append(losses)

    def summarise(self, done: int) -> str:
        """Write a row of metrics; returns it in words."""
        row = _summary(done, _stack(self._pending), self._left())
        self._run.append_metrics(row)
        self._pending.clear()
        return f"L_x {row['reconstruction']:.1f}, L_z {row['latent']:.1f}"

    def check(self, state: dict[str, Tensor], done: int) -> None:
        """Raises `TrainingError` where something is not finite."""
        _require_finite(_stack(self._pending), done, self._left())
        _require_finite_state(state, done, self._left())

    def _left(self) -> str:
        """What is there to go on from after an error, and the way out."""
        kept = "the last good checkpoint is kept" if self._run.begun else "there is no checkpoint"
        return f"{kept}. Try a lower learning_rate or clip_norm"

    def save(self, state: dict[str, Tensor], done: int) -> None:
        """Write a checkpoint."""
        tensors = state | {"pending": _stack(self._pending)}
        self._run.save_checkpoint(Checkpoint(done, self._log.segments(done), tensors))

    def picture(self, model: Model, done: int) -> None:
        """Keep what the model draws now."""
        snapshots.take(model, self._shown, self._run.folder / "snapshots", done)

    def finish(self, model: Model, keep_checkpoint: bool) -> None:
        """Write weights and provenance."""
        segments = self._log.segments(self._settings.iterations)
        provenance = _provenance(self._config, model, segments, self._dataset)
        self._run.finish(model, provenance, keep_checkpoint)


def _finite_states(parts: Sequence[_Part], engine: Engine, done: int) -> list[dict[str, Tensor]]:
    """The state of every run. Raises `TrainingError` where one is not finite: then none is written,
    and the runs can still go on side by side."""
    states = engine.states()
    for part, state in zip(parts, states, strict=True):
        part.check(state, done)
    return states


class _SegmentLog:
    """What this process and those before it did of a run, for provenance."""

    def __init__(self, start: Checkpoint, device: torch.device, together: int):
        self._start, self._began = start, time.monotonic()
        self._now: dict[str, Any] = {
            "device": describe(device),
            "software": describe_software(),  # now: the sources may change while this runs
        }
        if together > 1:
            self._now["side_by_side"] = together  # runs that shared these seconds

    def segments(self, done: int) -> list[dict[str, Any]]:
        """Iterations, seconds, device and software of each uninterrupted stretch up to `done`."""
        seconds = round(time.monotonic() - self._began, 3)
        present = {"from": self._start.iteration, "to": done, "seconds": seconds}
        return [*self._start.segments, present | self._now]


def _resume(pairs: Pairs, engine: Engine) -> list[Checkpoint]:
    """The runs' last checkpoints, of one iteration, taken up by the engine."""
    found = [run.load_checkpoint() or Checkpoint(0, [], {}) for run, config in pairs]
    states = [
        {name: value for name, value in checkpoint.tensors.items() if name != "pending"}
        for checkpoint in found
    ]
    if states[0]:
        engine.load_states(states)
    for (run, _), checkpoint in zip(pairs, found, strict=True):
        run.keep_metrics_until(checkpoint.iteration, checkpoint.metrics)
    return found


def _require_data(config: RunConfig, dataset: Dataset) -> None:
    config.data.require(dataset)
    found = dataset.train.images.shape[1:]
    if tuple(found) != (config.model.image_size,) * 2:
        raise DataError(
            f"image_size = {config.model.image_size}: expected {found[0]}, the images' size"
        )


def _require_finite_state(state: dict[str, Tensor], iteration: int, left: str) -> None:
    for name, value in state.items():
        if not value.isfinite().all():
            raise TrainingError(f"iteration {iteration}: {name} is not finite; {left}")


def _summary(iteration: int, losses: Tensor, left: str) -> dict[str, float]:
    _require_finite(losses, iteration, left)
    mean, spread = losses.double().mean(0), losses.double().std(0, correction=0)
    return {
        "iteration": iteration,
        "reconstruction": mean[0].item(),
        "latent": mean[1].item(),
        "reconstruction_std": spread[0].item(),
        "latent_std": spread[1].item(),
    }


def _require_finite(losses: Tensor, iteration: int, left: str) -> None:
    bad = (~losses.isfinite().all(dim=1)).nonzero()
    if len(bad):
        first = iteration - len(losses) + int(bad[0]) + 1
        x, z = losses[int(bad[0])].tolist()
        raise TrainingError(
            f"iteration {first}: the loss is not finite (L_x = {x}, L_z = {z}); {left}"
        )


def _stack(pending: list[Tensor]) -> Tensor:
    return torch.stack(pending).cpu() if pending else torch.empty(0, 2)


def _provenance(
    config: RunConfig, model: Model, segments: list[dict[str, Any]], dataset: Dataset
) -> dict[str, Any]:
    seconds = sum(segment["seconds"] for segment in segments)
    return {
        "run": config.folder_name,
        "config_digest": config.digest,
        "seed": config.training.seed,
        "iterations": config.training.iterations,
        "batch_size": config.training.batch_size,
        "training_images": len(dataset.train.images),
        "training_images_sha256": images_digest(dataset.train.images),
        "data": config.data.described(dataset),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": segments[-1]["device"],
        "wall_seconds": round(seconds, 1),
        "iterations_per_second": round(config.training.iterations / seconds, 3),
        "finished": now(),
        "software": segments[-1]["software"],
        "segments": segments,
    }


def _bar(total: int, done: int, progress: bool | None) -> tqdm:
    hidden = not progress if progress is not None else not sys.stderr.isatty()
    return tqdm(
        total=total, initial=done, disable=hidden, unit="it", dynamic_ncols=True, desc="training"
    )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, so that an iteration is never cut in two."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
