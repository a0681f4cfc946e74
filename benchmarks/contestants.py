"""Who competes: every model in this project's implementation and in the textbook's, each in its
own training loop.

The textbook runs twice: as it comes, and in a process that `dcrw.training.device.prepare` has
prepared as for this project (denormals flushed to zero, memory in large pages, no TF32).
"""

import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.backends import mkldnn

from benchmarks import textbook
from dcrw.model.forms import OPERATIONS, plain
from dcrw.training.config import RunConfig, make_config
from dcrw.training.datasets.table import load
from dcrw.training.device import prepare
from dcrw.training.engine import Engine
from dcrw.training.randomness import BatchOrder, step_noise
from dcrw.training.seeds import SeedsEngine

IMPLEMENTATIONS = ("dcrw", "textbook", "textbook-prepared")
PLAIN = {  # options under which operations are computed as written, their derivatives autograd's
    **{f"plain-{name}": (name,) for name in OPERATIONS},
    "plain": OPERATIONS,
}
OPTIONS = ("default", "one-thread", "bfloat16", "seeds", *PLAIN)
SEEDS = 8  # runs side by side under the option "seeds"
SIZES = ("image_size", "steps", "latent_size", "hidden_size", "read_size", "write_size")
AXES = ("batch_size", "steps", "image_size")
IMAGES = 10_000
MEMORY_ITERATIONS = 5
Clock = Callable[[], float]  # of the module `time`


class Contestant(NamedTuple):
    """One model in one implementation."""

    model: str
    implementation: str
    sizes: tuple[int, int, int]  # the values of AXES
    config: RunConfig
    option: str = "default"  # one of OPTIONS; the textbook has no other

    @property
    def prepared(self) -> bool:
        """Whether its process is prepared by `dcrw.training.device.prepare`."""
        return self.implementation != "textbook"

    @property
    def runs(self) -> int:
        """How many runs an iteration advances."""
        return SEEDS if self.option == "seeds" else 1


def contestants(base: Mapping[str, int], **varied: int) -> list[Contestant]:
    """All models in all implementations, at the default sizes or others."""
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


@contextmanager
def under(option: str) -> Iterator[None]:
    """What an option sets in the process, for the body of a `with`."""
    threads = torch.get_num_threads()
    products = [getattr(mkldnn, name) for name in ("matmul", "conv")]
    precisions = [kind.fp32_precision for kind in products]
    if option == "one-thread":
        torch.set_num_threads(1)
    if option == "bfloat16":
        for kind in products:
            kind.fp32_precision = "bf16"
    try:
        with plain(*PLAIN[option]) if option in PLAIN else nullcontext():
            yield
    finally:
        torch.set_num_threads(threads)
        for kind, precision in zip(products, precisions, strict=True):
            kind.fp32_precision = precision


def images_of(size: int) -> Tensor:
    """The embedded digits again and again, (IMAGES, size, size) uint8."""
    images = load("digits").train.images
    if size != images.shape[1]:
        floats = images.unsqueeze(1).float()
        floats = F.interpolate(floats, size=(size, size), mode="bilinear", align_corners=False)
        images = floats.squeeze(1).round().to(torch.uint8)
    return images[torch.arange(IMAGES) % len(images)]


def training(contestant: Contestant, images: Tensor, device: torch.device) -> Iterator[Any]:
    """Training for as long as it is iterated, each side in its own loop."""
    config = contestant.config
    if contestant.implementation != "dcrw":
        sizes = config.model.model_dump(include=set(SIZES))
        model = textbook.MODELS[contestant.model](**sizes)
        return textbook.train(model, images, config.training.batch_size, device)
    return _dcrw_training(contestant, images, device)


def _dcrw_training(
    contestant: Contestant, images: Tensor, device: torch.device
) -> Iterator[Tensor]:
    """What `dcrw.training.loop` does at an iteration: order, noise, update, and the metrics now and
    then; yields losses (runs, 2)."""
    first, settings = contestant.config.training.seed, contestant.config.training
    configs = [contestant.config.with_seed(first + run) for run in range(contestant.runs)]
    if contestant.option == "seeds":
        trainer: Engine = SeedsEngine(configs, images, device)
    else:
        trainer = Engine(configs[0], images, device)
    orders = [
        BatchOrder(config.training.seed, settings.batch_size, len(images)) for config in configs
    ]
    model, pending = contestant.config.model, []
    shape = (model.steps, settings.batch_size, model.latent_size)
    for iteration in itertools.count():
        noise = [
            step_noise(config.training.seed, "noise", iteration, shape, model.noise_correlation)
            for config in configs
        ]
        losses = trainer.iterate_all([order(iteration) for order in orders], noise)
        pending.append(losses)
        if (iteration + 1) % settings.metrics_interval == 0:
            torch.stack(pending).cpu()
            pending.clear()
        yield losses


def peak_memory(contestant: Contestant, device_type: str, threads: int) -> float:
    """Bytes that training takes at its peak beyond libraries and images; nan where this cannot be
    read.

    To be called in a fresh process. A tiny model goes first, so that code that is loaded on first
    use does not count.
    """
    device = start(device_type, threads, contestant.prepared)
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


def start(device_type: str, threads: int, prepared: bool) -> torch.device:
    """Ready this process for contestants, in the manner of this project or as it comes."""
    device = torch.device(device_type)
    if prepared:
        prepare(device, threads)
    elif threads:
        torch.set_num_threads(threads)
    return device


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
        clear.write_text("5", encoding="ascii")  # the peak is the present size again
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
    return 1024 * int(found[1]) if found else float("nan")


def timed(
    steps: Iterator[Any], count: int, device: torch.device, clock: Clock = time.perf_counter
) -> float:
    """Seconds by a clock that `count` iterations take, work on the device included."""
    _synchronise(device)
    start = clock()
    for _ in range(count):
        next(steps)
    _synchronise(device)
    return clock() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
