"""What every measurement of a run has in common: a device made ready for it, noise on that device,
and a record of what was measured with what."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from dcrw.model.writer import Model
from dcrw.training.device import describe, prepared
from dcrw.training.files import write_record
from dcrw.training.provenance import describe_software, now
from dcrw.training.randomness import Stream, step_noise


class Measuring:
    """Begun before the work, since sources may change meanwhile; `ready` around it; `write` after.

    settings: what the record says that was asked for; threads: CPU threads, 0 for torch's default.
    """

    def __init__(self, settings: BaseModel, device: torch.device, threads: int = 0):
        self._settings, self._device, self._threads = settings, device, threads
        self._software, self._started = describe_software(), time.monotonic()
        self._described: dict[str, Any] = {}

    @contextmanager
    def ready(self) -> Iterator[None]:
        """The device prepared for the body of a `with`, and described for the record."""
        with prepared(self._device, self._threads):
            self._described = describe(self._device)
            yield

    def write(
        self, path: Path, content: Mapping[str, Any], parts: Sequence[Path] = ()
    ) -> dict[str, Any]:
        """Write a record: `content`, settings, device, time and software, and digests of files that
        were written with it. Returns what was written. Raises `RunError`."""
        whole = {
            **content,
            "settings": self._settings.model_dump(),
            "device": self._described,
            "wall_seconds": round(time.monotonic() - self._started, 1),
            "finished": now(),
            "software": self._software,
        }
        write_record(path, whole, parts)
        return whole


def noise_for(
    model: Model, stream: Stream, correlation: float, seed: int
) -> Callable[[int, int], Tensor]:
    """Noise (T, B, z) for a model, on its device, by the counter and the size B of a batch."""
    config, device = model.config, next(model.parameters()).device

    def draw(counter: int, batch: int) -> Tensor:
        shape = (config.steps, batch, config.latent_size)
        return torch.as_tensor(step_noise(seed, stream, counter, shape, correlation), device=device)

    return draw


def drawing_noise(model: Model, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """What pages of drawings are made of, both with the model's own correlations: noise (T, B, z)
    to redraw B = `count` images under, and z_1..z_T (T, B, z) of as many samples from the prior."""
    config = model.config
    noise = noise_for(model, "generation", config.noise_correlation, seed)
    prior = noise_for(model, "generation", config.generation_noise_correlation, seed)
    return noise(0, count), prior(1, count)
