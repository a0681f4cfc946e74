"""A lower bound on a data set's rate-distortion curve, the other side of `rate_distortion`.

For a slope s > 0 and positive weights lambda(x) of the images let

    c(y) = E[lambda(x) exp(-s d(x, y))]

with the mean over images and d the Bernoulli loss of image x under the word y. Where no word of
[0, 1]^P has c(y) above 1, R(D) >= E[log lambda(x)] - s D for every D: this is the dual of the
problem that codebooks solve from above. Weights of any scale may be divided by the largest c, so

    D(R) >= (E[log lambda(x)] - log max_y c(y) - R) / s    for every R.

A fitted codebook gives the weights, lambda(x) = 1 / sum_k pi_k exp(-s d(x, y_k)), and those of the
best codebook have max_y c(y) = 1. An image that a codebook of few words codes badly has so large a
weight that c exceeds 1 at the image itself; such weights are cut (`cut_weights`). The maximum is
searched from many starts, since c has many peaks. So the bound is not certified: a word that the
search missed could lower it.

Sizes: n images of P pixels, K words, M starts.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor

from dcrw.training.data import Dataset, to_unit
from dcrw.training.files import write_table
from dcrw.training.measuring import Measuring
from dcrw.training.randomness import generator
from study.noise.rate_distortion import (
    CHUNK,
    FLOOR,
    Codebook,
    CodebookSettings,
    check_pixels,
    distortions,
    fit,
    measure,
)

MIXED = 5  # images in a random mixture
COUNTER = 1 << 34  # of the random starts, clear of what draws the first codebooks


class LowerBoundSettings(CodebookSettings):
    """Which codebooks give the weights of the images, and how the largest c is searched."""

    size: int = Field(256, ge=1, description="K, words of the codebook that gives the weights")
    own_share: float = Field(
        0.75, gt=0, le=1, description="the most that an image adds by itself to c at the image"
    )
    random_starts: int = Field(
        48, ge=1, description="starts of each kind: images, mixtures, badly coded images"
    )
    steps: int = Field(20, ge=0, le=10_000, description="steps of all starts")
    finalists: int = Field(16, ge=1, description="words that go on")
    last_steps: int = Field(100, ge=0, le=10_000, description="steps of the finalists")
    search_seed: int = Field(0, ge=0, lt=2**31, description="seed of the random starts")


class Ascent(NamedTuple):
    """Words, and where one step takes them."""

    log_c: Tensor  # (K,) log c(y) of the words, double precision
    words: Tensor  # (K, P) the next words, whose c is not lower


def image_weights(costs: Tensor, shares: Tensor, slope: float) -> Tensor:
    """log lambda(x) (n,) from d(x, y_k) (n, K) and the words' weights pi_k (K,)."""
    return -(shares.log() - slope * costs).logsumexp(1)


def cut_weights(log_lambda: Tensor, least: Tensor, slope: float, share: float) -> Tensor:
    """log lambda (n,), cut so that no image adds more than `share` to c at any word.

    least: (n,) the least loss d(x, x) of each image.
    """
    return torch.minimum(log_lambda, math.log(share * len(least)) + slope * least)


def constraint(log_lambda: Tensor, costs: Tensor, slope: float) -> Tensor:
    """log c(y) (K,) from log lambda (n,) and d(x, y) (n, K)."""
    return (log_lambda[:, None] - slope * costs).logsumexp(0) - math.log(len(costs))


def least_distortion(log_lambda: Tensor, largest: float, slope: float, rate: float) -> float:
    """The bound on D(R) at one rate, from log lambda (n,) and the largest log c; all in nats."""
    return (log_lambda.double().mean().item() - largest - rate) / slope


def ascend(pixels: Tensor, log_lambda: Tensor, words: Tensor, slope: float) -> Ascent:
    """log c of words (K, P) on images (n, P), and one step up: to the mean of the images weighted
    by lambda(x) exp(-s d(x, y)).

    The mean is the word with the least weighted loss, and log c rises by at least s times what that
    loss falls by (Jensen's inequality). A word stays only where the gradient by its logits is zero.
    """
    sums, parts = torch.zeros_like(words), []
    for chunk, weights in zip(pixels.split(CHUNK), log_lambda.split(CHUNK), strict=True):
        exponents = weights[:, None] - slope * distortions(chunk, words)
        sums += exponents.exp().t() @ chunk
        parts.append(exponents.double().logsumexp(0))
    total = torch.stack(parts).logsumexp(0)
    means = (sums / total.exp().to(sums.dtype)[:, None]).clamp(0, 1)
    return Ascent(total - math.log(len(pixels)), means)


def least_losses(pixels: Tensor) -> Tensor:
    """d(x, x), the least loss of images (n, P) under any word: their entropy, (n,) nats."""
    entropy = torch.xlogy(pixels, pixels) + torch.xlogy(1 - pixels, 1 - pixels)
    return -entropy.sum(1)


def starting_words(
    pixels: Tensor, labels: Tensor, codebook: Codebook, excess: Tensor, settings: LowerBoundSettings
) -> Tensor:
    """Where the search begins, (M, P).

    The codebook's words; the mean image and the mean of each class; random images, each half
    blended with the mean image; random mixtures of five; and the images that the codebook codes
    worst, half of them the very worst and half drawn from the worst tenth.

    pixels: (n, P); labels, excess: (n,), the larger the worse an image is coded.
    """
    random = generator(settings.search_seed, "evaluation", COUNTER)
    count = min(settings.random_starts, len(pixels))
    tenth = excess.topk(max(count, len(pixels) // 10)).indices
    among = torch.as_tensor(random.choice(len(tenth), count - count // 2, replace=False))
    worst = torch.cat([tenth[: count // 2], tenth[among]])
    images = torch.as_tensor(random.choice(len(pixels), count, replace=False))
    mixed = torch.as_tensor(random.integers(len(pixels), size=(count, MIXED)))
    shares = torch.as_tensor(random.dirichlet(np.ones(MIXED), count), dtype=pixels.dtype)
    mean = pixels.mean(0, keepdim=True)
    return torch.cat(
        [
            codebook.words,
            mean,
            *(pixels[labels == label].mean(0, keepdim=True) for label in labels.unique()),
            0.5 * pixels[images] + 0.5 * mean,
            torch.einsum("km,kmp->kp", shares.to(pixels.device), pixels[mixed]),
            pixels[worst],
        ]
    )


def largest_constraint(
    pixels: Tensor, log_lambda: Tensor, starts: Tensor, slope: float, settings: LowerBoundSettings
) -> float:
    """The largest log c that the search finds on images (n, P): all starts (M, P) go up, and the
    best of them further."""
    words = starts
    for _ in range(settings.steps):
        words = ascend(pixels, log_lambda, words, slope).words
    best = ascend(pixels, log_lambda, words, slope).log_c.topk(min(settings.finalists, len(words)))
    words = words[best.indices]
    for _ in range(settings.last_steps):
        words = ascend(pixels, log_lambda, words, slope).words
    return ascend(pixels, log_lambda, words, slope).log_c.max().item()


def lower_bound(pixels: Tensor, labels: Tensor, settings: LowerBoundSettings) -> pd.DataFrame:
    """One line below the curve for each slope.

    pixels: (n, P) in [0, 1]; labels: (n,). Columns `slope`; `rate`, of the codebook, and
    `distortion`, the bound on D there (nats per image; the line falls by 1 / slope for each nat of
    rate); `largest_c`, the largest c that was found; `starts` of the search. Words of the search
    stay `FLOOR` away from 0 and 1. Others have losses lower by at most -P log(1 - FLOOR), which is
    taken off the bound. Raises `ValueError` for too many words, no images or pixels outside [0, 1].
    """
    check_pixels(pixels)
    least, beyond = least_losses(pixels), -pixels.shape[1] * math.log1p(-FLOOR)
    rows = []
    for slope, codebook in fit(pixels, settings.size, settings):
        parts = [
            image_weights(distortions(chunk, codebook.words), codebook.weights, slope)
            for chunk in pixels.split(CHUNK)
        ]
        uncut = torch.cat(parts)
        log_lambda = cut_weights(uncut, least, slope, settings.own_share)
        starts = starting_words(pixels, labels, codebook, uncut - slope * least, settings)
        largest = largest_constraint(pixels, log_lambda, starts, slope, settings)
        rate = measure(pixels, codebook, slope).rate
        rows.append(
            {
                "slope": slope,
                "rate": rate,
                "distortion": least_distortion(log_lambda, largest, slope, rate) - beyond,
                "largest_c": math.exp(largest),
                "starts": len(starts),
            }
        )
    return pd.DataFrame(rows)


def distortion_at_least(table: pd.DataFrame, rate: ArrayLike) -> NDArray[np.float64]:
    """The bound on D at rates in nats (any shape): the highest of the lines of `lower_bound`."""
    rates = np.asarray(rate, dtype=float)[..., None]
    lines = table.distortion.to_numpy() + (table.rate.to_numpy() - rates) / table.slope.to_numpy()
    return lines.max(-1)


def write_lower_bound(
    folder: Path,
    dataset: Dataset,
    settings: LowerBoundSettings,
    device: torch.device,
    threads: int = 0,
) -> pd.DataFrame:
    """Bound the curve of all training images, validation split included, and write
    `rate_distortion_lower.csv` and `rate_distortion_lower.json` (settings, software, device, time)
    into a folder. Returns the table."""
    measuring = Measuring(settings, device, threads)
    splits = (dataset.train, dataset.validation)
    pixels = to_unit(torch.cat([split.images for split in splits]).flatten(1).to(device))
    labels = torch.cat([split.labels for split in splits]).to(device)
    with measuring.ready():
        table = lower_bound(pixels, labels, settings)
    path = folder / "rate_distortion_lower.csv"
    write_table(path, table)
    side = "on or below the true curve; not certified: a multi-start search"
    content = {"side": side, "images": len(pixels)}
    measuring.write(path.with_suffix(".json"), content, [path])
    return table
