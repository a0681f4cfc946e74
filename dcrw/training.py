"""The training loop: metrics, checkpoints, resume. It knows nothing of devices."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from dcrw import engine as engines
from dcrw import runs
from dcrw.config import RunConfig
from dcrw.data import DataError, Dataset
from dcrw.engine import Engine
from dcrw.randomness import BatchOrder, step_noise
from dcrw.runs import Checkpoint, Run


class TrainingError(RuntimeError):
    """Training cannot go on."""


class Interrupted(KeyboardInterrupt):
    """Stopped by Ctrl-C or SIGTERM; a checkpoint has been written, the same command resumes."""


def train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    device: torch.device | None = None,
    threads: int = 0,
    progress: bool | None = None,
) -> Run:
    """Train a config into a run's folder, from its last checkpoint where there is one.

    A complete run returns at once. device: None for `resolve_device("auto")`. threads: CPU threads,
    0 for torch's default. progress: a bar; None shows it where there is a terminal. Raises
    `DataError` where the images have another size than the config's, `RunError` where the folder is
    in use, damaged or holds another configuration, `TrainingError` at a non-finite loss or weight,
    `Interrupted` after a signal.
    """
    device = device or engines.resolve_device("auto")
    images = dataset.train.images
    if tuple(images.shape[1:]) != (config.model.image_size,) * 2:
        raise DataError(
            f"image_size = {config.model.image_size}: expected {images.shape[1]}, the images' size"
        )
    with run.locked():
        run.begin(config)
        if not run.complete:
            with engines.prepared(device, threads):
                _train(run, config, Engine(config, images, device), len(images), progress)
    return run


def _train(run: Run, config: RunConfig, engine: Engine, images: int, progress: bool | None) -> None:
    start, settings = _resume(run, engine), config.training
    log = _SegmentLog(start, engine)
    order = BatchOrder(settings.seed, settings.batch_size, images)
    shape = (config.model.steps, settings.batch_size, config.model.latent_size)
    correlation = config.model.noise_correlation
    pending = list(start.tensors.get("pending", torch.empty(0, 2)).to(engine.device))
    with _bar(settings.iterations, start.iteration, progress) as bar, _signals() as stopped:
        for iteration in range(start.iteration, settings.iterations):
            noise = step_noise(settings.seed, "noise", iteration, shape, correlation)
            pending.append(engine.iterate(order(iteration), noise))
            done = iteration + 1
            last = done == settings.iterations
            if done % settings.metrics_interval == 0 or last:
                row = _summary(done, _stack(pending))
                run.append_metrics(row)
                pending.clear()
                text = f"L_x {row['reconstruction']:.1f}, L_z {row['latent']:.1f}"
                bar.set_postfix_str(text, refresh=False)
            bar.update()
            if not last and (stopped or done % settings.checkpoint_interval == 0):
                _require_finite(_stack(pending), done)
                tensors = _finite_state(engine, done) | {"pending": _stack(pending)}
                run.save_checkpoint(Checkpoint(done, log.segments(done), tensors))
                if stopped:
                    raise Interrupted(f"stopped after iteration {done}; the same command resumes")
    _finite_state(engine, settings.iterations)
    run.finish(engine.model, _provenance(config, engine, log.segments(settings.iterations)))


class _SegmentLog:
    """What this process and those before it did of a run, for provenance."""

    def __init__(self, start: Checkpoint, engine: Engine):
        self._start, self._began = start, time.monotonic()
        self._now = {
            "device": engines.describe(engine.device),
            "software": runs.describe_software(),  # now: the sources may change while this runs
        }

    def segments(self, done: int) -> list[dict[str, Any]]:
        """Iterations, seconds, device and software of each uninterrupted stretch up to `done`."""
        seconds = round(time.monotonic() - self._began, 3)
        present = {"from": self._start.iteration, "to": done, "seconds": seconds}
        return [*self._start.segments, present | self._now]


def _resume(run: Run, engine: Engine) -> Checkpoint:
    checkpoint = run.load_checkpoint() or Checkpoint(0, [], {})
    tensors = {name: value for name, value in checkpoint.tensors.items() if name != "pending"}
    try:
        if tensors:
            engine.load_state(tensors)
    except (KeyError, RuntimeError, ValueError) as error:
        raise runs.RunError(
            f"{run.folder}: the checkpoint does not fit this model ({error}); "
            "remove it to start again"
        ) from None
    run.keep_metrics_until(checkpoint.iteration)
    return checkpoint


def _finite_state(engine: Engine, iteration: int) -> dict[str, Tensor]:
    state = engine.state()
    for name, value in state.items():
        if not value.isfinite().all():
            raise TrainingError(
                f"iteration {iteration}: {name} is not finite; the last good checkpoint is kept. "
                "Try a lower learning_rate or clip_norm"
            )
    return state


def _summary(iteration: int, losses: Tensor) -> dict[str, float]:
    _require_finite(losses, iteration)
    mean, spread = losses.double().mean(0), losses.double().std(0, correction=0)
    return {
        "iteration": iteration,
        "reconstruction": mean[0].item(),
        "latent": mean[1].item(),
        "reconstruction_std": spread[0].item(),
        "latent_std": spread[1].item(),
    }


def _require_finite(losses: Tensor, iteration: int) -> None:
    bad = (~losses.isfinite().all(dim=1)).nonzero()
    if len(bad):
        first = iteration - len(losses) + int(bad[0]) + 1
        x, z = losses[int(bad[0])].tolist()
        raise TrainingError(
            f"iteration {first}: the loss is not finite (L_x = {x}, L_z = {z}); the last good "
            f"checkpoint is kept. "
            "Try a lower learning_rate or clip_norm"
        )


def _stack(pending: list[Tensor]) -> Tensor:
    return torch.stack(pending).cpu() if pending else torch.empty(0, 2)


def _provenance(
    config: RunConfig, engine: Engine, segments: list[dict[str, Any]]
) -> dict[str, Any]:
    seconds = sum(segment["seconds"] for segment in segments)
    return {
        "run": config.folder_name,
        "config_digest": config.digest,
        "seed": config.training.seed,
        "iterations": config.training.iterations,
        "batch_size": config.training.batch_size,
        "parameters": sum(parameter.numel() for parameter in engine.model.parameters()),
        "device": segments[-1]["device"],
        "wall_seconds": round(seconds, 1),
        "iterations_per_second": round(config.training.iterations / seconds, 3),
        "finished": runs.now(),
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
