"""Random numbers as functions of a seed and a counter: the same on every device, and a run resumes
anywhere."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Stream = Literal["order", "noise", "evaluation", "generation", "division", "binarisation"]
_STREAMS: dict[Stream, int] = {
    "order": 1,
    "noise": 2,
    "evaluation": 3,
    "generation": 4,
    "division": 5,
    "binarisation": 6,
}

Floats = NDArray[np.float32]


def generator(seed: int, stream: Stream, counter: int) -> np.random.Generator:
    """A fresh generator for (seed, stream, counter); different triples never share numbers."""
    return np.random.Generator(
        np.random.Philox(key=[seed, _STREAMS[stream]], counter=[0, 0, 0, counter])
    )


class BatchOrder:
    """Which images iteration 0, 1, ... trains on: consecutive stretches of reshuffled epochs, none
    dropped."""

    def __init__(self, seed: int, batch_size: int, images: int):
        self.seed, self.batch_size, self.images = seed, batch_size, images
        self._epoch: tuple[int, NDArray[np.int64]] | None = None

    def __call__(self, iteration: int) -> NDArray[np.int64]:
        """Indices (batch_size,) of one iteration's images."""
        start, parts, left = iteration * self.batch_size, [], self.batch_size
        while left:
            epoch, offset = divmod(start, self.images)
            part = self._order(epoch)[offset : offset + left]
            parts.append(part)
            start, left = start + len(part), left - len(part)
        return np.concatenate(parts)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, generator(self.seed, "order", epoch).permutation(self.images))
        return self._epoch[1]


def step_noise(
    seed: int, stream: Stream, counter: int, shape: tuple[int, int, int], correlation: float
) -> Floats:
    """Standard normal noise (T, B, z) whose steps are correlated: sqrt(r) e_0 + sqrt(1 - r) e_t.

    correlation r = 0 draws each step afresh, r = 1 reuses e_0 at every step. The same e_0..e_T are
    drawn for every r, so that runs with one seed are paired.
    """
    steps, batch, latent = shape
    draws = generator(seed, stream, counter).standard_normal(
        (steps + 1, batch, latent), dtype=np.float32
    )
    shared, fresh = draws[:1], draws[1:]
    return np.float32(np.sqrt(correlation)) * shared + np.float32(np.sqrt(1 - correlation)) * fresh
