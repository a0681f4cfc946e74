"""What a model draws while it is trained: the same digits and samples at some iterations.

<run>/snapshots/<iteration>.npz holds `images`, `reconstructed`, `generated`: (16, A, A) uint8,
and a digest of them.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcrw.model.writer import Model
from dcrw.training.data import to_unit
from dcrw.training.files import write_sealed_arrays
from dcrw.training.measuring import drawing_noise

COUNT = 16  # digits, and samples
FIRST = 100  # iterations before the first snapshot, where there are more than that
SEED = 1234  # of the noise


def moments(count: int, iterations: int) -> list[int]:
    """At most `count` iterations, evenly spaced in their logarithm, the last one among them."""
    if count < 2:
        return [iterations] * count
    first = min(FIRST, iterations)
    return sorted({round(value) for value in np.geomspace(first, iterations, count)})


@torch.no_grad()
def take(model: Model, images: Tensor, folder: Path, iteration: int) -> None:
    """Write what a model draws of images (16, A, A) uint8, and from the prior, after an iteration.

    The noise is the same each time, correlated as in the run.
    """
    noise, prior = drawing_noise(model, SEED, len(images))
    drawn = model(to_unit(images.to(noise.device)), noise).canvas
    pictures = {"reconstructed": drawn, "generated": model.generate(prior).canvas[-1]}
    arrays = {name: _grey(canvas) for name, canvas in pictures.items()}
    write_sealed_arrays(folder / f"{iteration:06d}.npz", {"images": images.cpu().numpy()} | arrays)


def _grey(canvas: Tensor) -> np.ndarray:
    return (canvas.sigmoid() * 255).round().to(torch.uint8).cpu().numpy()
