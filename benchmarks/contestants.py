"""Who competes: every model in this project's implementation and in the textbook's, each in its
own training loop."""

import itertools
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import textbook
from dcrw import data, engine
from dcrw.config import RunConfig, make_config
from dcrw.randomness import BatchOrder, step_noise

IMPLEMENTATIONS = ("dcrw", "textbook")
SIZES = ("image_size", "steps", "latent_size", "hidden_size", "read_size", "write_size")
AXES = ("batch_size", "steps", "image_size")
IMAGES = 10_000
MEMORY_ITERATIONS = 5


class Contestant(NamedTuple):
    """One model in one implementation."""

    model: str
    implementation: str
    sizes: tuple[int, int, int]  # the values of AXES
    config: RunConfig


def contestants(base: Mapping[str, int], **varied: int) -> list[Contestant]:
    """All models in both implementations, at the default sizes or others."""
    sizes = {**base, **varied}
    training = {"batch_size": sizes.pop("batch_size")} if "batch_size" in sizes else {}
    found = []
    for model, implementation in itertools.product(textbook.MODELS, IMPLEMENTATIONS):
        config = make_config(
            {"name": model, "model": {"architecture": model} | sizes, "training": training}
        )
        values = (config.training.batch_size, config.model.steps, config.model.image_size)
        found.append(Contestant(model, implementation, values, config))
    return found


def images_of(size: int) -> Tensor:
    """The embedded digits again and again, (IMAGES, size, size) uint8."""
    images = data.load("digits").train.images
    if size != images.shape[1]:
        floats = images.unsqueeze(1).float()
        floats = F.interpolate(floats, size=(size, size), mode="bilinear", align_corners=False)
        images = floats.squeeze(1).round().to(torch.uint8)
    return images[torch.arange(IMAGES) % len(images)]


def training(contestant: Contestant, images: Tensor, device: torch.device) -> Iterator[Any]:
    """Training for as long as it is iterated, each side in its own loop."""
    config = contestant.config
    if contestant.implementation == "textbook":
        sizes = config.model.model_dump(include=set(SIZES))
        model = textbook.MODELS[contestant.model](**sizes)
        return textbook.train(model, images, config.training.batch_size, device)
    return _dcrw_training(config, images, device)


def _dcrw_training(config: RunConfig, images: Tensor, device: torch.device) -> Iterator[None]:
    """What `dcrw.training` does at an iteration: order, noise, update, and the metrics now and
    then."""
    trainer = engine.Engine(config, images, device)
    settings, pending = config.training, []
    order = BatchOrder(settings.seed, settings.batch_size, len(images))
    shape = (config.model.steps, settings.batch_size, config.model.latent_size)
    for iteration in itertools.count():
        noise = step_noise(settings.seed, "noise", iteration, shape, config.model.noise_correlation)
        pending.append(trainer.iterate(order(iteration), noise))
        if (iteration + 1) % settings.metrics_interval == 0:
            torch.stack(pending).cpu()
            pending.clear()
        yield


def peak_memory(contestant: Contestant, device_type: str, threads: int) -> float:
    """Bytes that training takes at its peak beyond libraries and images; nan where this cannot be
    read.

    To be called in a fresh process. A tiny model goes first, so that code that is loaded on first
    use does not count.
    """
    device = torch.device(device_type)
    engine.prepare(device, threads)
    side = contestant.config.model.image_size
    images = torch.randint(256, (IMAGES, side, side), dtype=torch.uint8)
    small = make_config(
        {
            "name": "small",
            "model": {"architecture": contestant.model, "image_size": side, "steps": 1},
        }
        | {"training": {"batch_size": 2}}
    )
    warm_up = training(contestant._replace(config=small), images[:4], device)
    timed(warm_up, 2, device)
    del warm_up
    before = _memory(device, reset=True)
    timed(training(contestant, images, device), MEMORY_ITERATIONS, device)
    return _memory(device) - before


def _memory(device: torch.device, reset: bool = False) -> float:
    """Bytes held now (and the peak starts anew), or at the peak."""
    if device.type == "cuda":
        if reset:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.max_memory_allocated(device)
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not clear.exists():
        return float("nan")
    if reset:
        clear.write_text("5")  # the peak is the present size again
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return 1024 * int(found[1]) if found else float("nan")


def timed(steps: Iterator[Any], count: int, device: torch.device) -> float:
    """Seconds that `count` iterations take, work on the device included."""
    _synchronise(device)
    start = time.perf_counter()
    for _ in range(count):
        next(steps)
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
