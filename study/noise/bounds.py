"""The importance-weighted bound on -log p(x), under independent noise whatever a model was trained
with.

With k samples of z_1..z_T from the encoder,

    -log p(x) <= E[-log (1/k) sum_i w_i],
    log w = log p(x | z) + sum_t (log N(z_t; 0, 1) - log q(z_t | z_<t, x)).

For k = 1 this is L_x + L_z (Eq. 24 with the exact constant) in expectation; it falls as k grows. On
grey values log p(x | z) is the negative Bernoulli cross-entropy, so the bound is on the same
quantity as L_x + L_z: the mean negative log-likelihood, had every pixel been drawn from its grey
value, is at most this. It is no likelihood of grey images.

The encoder's q(z_t | z_<t, x) is the Gaussian that it emits only if the noise of step t is drawn
afresh. The bound therefore draws independent noise, and holds for the generator that draws z_1..z_T
independently from the prior. Weights that were trained with shared noise get a bound too. It is
honest and may be very loose: it says nothing of the losses that were seen in training.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcrw.model.config import ModelConfig
from dcrw.model.losses import reconstruction_loss
from dcrw.model.state import Posterior
from dcrw.model.writer import Model, Reconstruction, Writer, sample
from dcrw.training.data import to_unit
from dcrw.training.randomness import step_noise

Weights = NDArray[np.float64]  # (n, k) log w of each image and sample

FIRST_COUNTER = 1 << 32  # of the noise, clear of what evaluation draws under the same seed


class Estimate(NamedTuple):
    """The bound of each image from groups of samples, and how many samples carry it."""

    bound: NDArray[np.float64]  # (n,) nats
    effective: NDArray[np.float64]  # (n,) (sum w)^2 / sum w^2, mean over groups; 1 to the size


@torch.no_grad()
def log_weights(model: Model, images: Tensor, samples: int, seed: int, rows: int = 1000) -> Weights:
    """log w of `samples` draws for every image: (n, samples), nats, in double precision.

    images: (n, A, A) uint8. rows: images times samples in one pass, which bounds the memory; the
    noise of an image depends on the seed, its place and `samples` alone. Raises `ValueError` for
    counts below 1.
    """
    for name, count in (("samples", samples), ("rows", rows), ("images", len(images))):
        if count < 1:
            raise ValueError(f"{name} = {count}: expected at least 1")
    config, device = model.config, next(model.parameters()).device
    found = torch.empty(len(images), samples, dtype=torch.float64)
    together, width = max(1, rows // samples), min(samples, rows)
    for first in range(0, len(images), together):
        batch = to_unit(images[first : first + together].to(device))
        noise = _noise(config, range(first, first + len(batch)), samples, seed)
        for start in range(0, samples, width):
            part = noise[:, :, start : start + width]
            found[first : first + len(batch), start : start + width] = _weigh(
                model, batch, part.to(device)
            ).cpu()
    return found.numpy()


def importance_bound(weights: Weights, size: int | None = None) -> Estimate:
    """The bound of each image with `size` samples, by default all k: the mean over the k // size
    groups that log weights (n, k) hold. Raises `ValueError` for a size out of 1 to k."""
    count = weights.shape[1]
    size = count if size is None else size
    if not 1 <= size <= count:
        raise ValueError(f"size = {size}: expected 1 to {count}, the number of samples")
    groups = weights[:, : count - count % size].reshape(len(weights), -1, size)
    peak = groups.max(2, keepdims=True)
    relative = np.exp(groups - peak)
    bound = math.log(size) - peak[..., 0] - np.log(relative.sum(2))
    effective = relative.sum(2) ** 2 / (relative**2).sum(2)
    return Estimate(bound.mean(1), effective.mean(1))


def bounds_table(weights: Weights) -> pd.DataFrame:
    """Means over images for 1, 10, 100, ... samples and for all: columns `images`, `samples`,
    `bound` and `bound_se` (nats; over images), `effective_samples`."""
    count = weights.shape[1]
    sizes = [10**power for power in range(len(str(count)))]
    rows: list[dict[str, Any]] = []
    for size in sorted({*sizes, count}):
        found = importance_bound(weights, size)
        rows.append(
            {
                "images": len(weights),
                "samples": size,
                "bound": found.bound.mean(),
                "bound_se": found.bound.std(ddof=1) / np.sqrt(len(weights)),
                "effective_samples": found.effective.mean(),
            }
        )
    return pd.DataFrame(rows)


def _noise(config: ModelConfig, places: range, samples: int, seed: int) -> Tensor:
    """Independent noise (T, images, samples, z) of the images at these places."""
    shape = (config.steps, samples, config.latent_size)
    draws = [
        step_noise(seed, "evaluation", FIRST_COUNTER + place, shape, correlation=0)
        for place in places
    ]
    return torch.as_tensor(np.stack(draws, axis=1))


def _weigh(model: Model, images: Tensor, noise: Tensor) -> Tensor:
    """log w (n, k) of images (n, A, A) under noise (T, n, k, z)."""
    samples = noise.shape[2]
    noise = noise.flatten(1, 2)
    drawn = _redraw(model, images, noise)
    latent = sample(drawn, noise).double()  # type: ignore[arg-type]
    # log N(z; 0, 1) - log q(z): both have the constant, and (z - mu) / sigma is the noise
    ratio = 0.5 * (noise.double().square() - latent.square()) + drawn.log_sigma.double()
    cost = reconstruction_loss(model.config, drawn.canvas, images.repeat_interleave(samples, 0))
    return (ratio.sum((0, 2)) - cost.double()).unflatten(0, (len(images), samples))


def _redraw(model: Model, images: Tensor, noise: Tensor) -> Reconstruction:
    """`model(images, noise)` with each image repeated to the length of noise (T, n k, z), looked at
    once."""
    samples = noise.shape[1] // len(images)
    if not isinstance(model, Writer):
        return model(images.repeat_interleave(samples, 0), noise)
    seen, state = _repeat(model.encoder.look(images), samples), model.initial(noise.shape[1])
    posteriors = []
    for epsilon in noise:
        state, done = model.step(seen, state, epsilon)
        posteriors.append(done.posterior)
    return Reconstruction(
        state.canvas, *(torch.stack(part) for part in zip(*posteriors, strict=True))
    )


def _repeat(seen: Tensor | Posterior, samples: int) -> Tensor | Posterior:
    """What an encoder saw, with each image's row repeated."""
    if isinstance(seen, Posterior):  # of all steps, (T, n, z)
        return Posterior(*(part.repeat_interleave(samples, 1) for part in seen))
    return seen.repeat_interleave(samples, 0)
