"""Grey images made two-valued: by a threshold, sampled once, or sampled at every iteration.

A grey value over 255 is taken as the probability of a white pixel. What is sampled once is the same
for every run, whatever its seed. Where training samples at every iteration, evaluation is on images
sampled once, as is usual.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dcrw.training.data import Dataset, Split
from dcrw.training.randomness import Floats, generator

Binarisation = Literal["none", "threshold", "sampled", "dynamic"]
WORDS: dict[Binarisation, str] = {
    "none": "grey",
    "threshold": "binarised at half",
    "sampled": "binarised by sampling, once",
    "dynamic": "binarised by sampling, at every iteration",
}
ONCE = 0  # the seed of what is sampled once
HALF = 128  # the darkest byte that the threshold makes white
BLOCK = 1000  # images sampled under one counter
COUNTERS = 1_000_000  # blocks of a split, at most


def binarised(dataset: Dataset, how: Binarisation) -> Dataset:
    """The data set as it is evaluated: `none` leaves it grey; `dynamic` is sampled once. Its digest
    stays that of the grey images. Doing it twice changes nothing."""
    if how == "none":
        return dataset
    train, validation, test = (
        Split(_two_valued(split.images, how, number), split.labels)
        for number, split in enumerate(dataset.splits().values())
    )
    return replace(dataset, train=train, validation=validation, test=test, sha256=dataset.digest)


def training_images(dataset: Dataset, how: Binarisation) -> Tensor:
    """What training draws its minibatches from, (n, A, A) uint8: grey where each minibatch is
    sampled anew."""
    return (dataset if how == "dynamic" else binarised(dataset, how)).train.images


def levels(seed: int, iteration: int, shape: tuple[int, int, int]) -> Floats:
    """Uniform numbers (B, A, A) in [0, 1) for one iteration: a pixel of grey value above its number
    becomes white."""
    return generator(seed, "binarisation", iteration).random(shape, dtype=np.float32)


def above(images: Tensor, uniform: Tensor) -> Tensor:
    """Images (B, A, A) in [0, 1] as zeros and ones, white with the probability of their grey value;
    uniform: (B, A, A) of `levels`."""
    return (uniform < images).to(images.dtype)


def _two_valued(images: Tensor, how: Binarisation, number: int) -> Tensor:
    """number: of the split, so that no two share numbers."""
    if how == "threshold":
        return (images >= HALF).to(torch.uint8) * 255
    parts = []
    for block, pixels in enumerate(images.split(BLOCK)):
        rng = generator(ONCE, "binarisation", number * COUNTERS + block)
        below = torch.from_numpy(rng.integers(0, 255, tuple(pixels.shape), dtype=np.uint8))
        parts.append((below < pixels).to(torch.uint8) * 255)
    return torch.cat(parts)
