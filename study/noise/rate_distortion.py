"""An upper estimate of a data set's rate-distortion curve, for the Bernoulli loss on grey values.

D(R) is the least mean L_x (Eq. 25) that any model can reach whose latents carry R nats per image. A
soft codebook is such a model: K images of probabilities y_k with weights pi_k, and an assignment
q(k | x) of images to words. Whatever the codebook, its rate and distortion are a point on or above
the curve. The estimate therefore lies on or above the truth, never below: the true curve is at or
under it. It is loose where the rate nears log K, since a finite codebook has no more to give; read
it where R is well below log K.

Sizes: n images of P pixels, K words.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator
from torch import Tensor

from dcrw.model.config import Section
from dcrw.training.data import Dataset, to_unit
from dcrw.training.files import write_table
from dcrw.training.measuring import Measuring
from dcrw.training.randomness import generator

CHUNK = 4000  # images whose assignments are held at once
FLOOR = 1e-6  # probabilities stay this far from 0 and 1, as in evaluation.data_summary


class CodebookSettings(Section):
    """How codebooks are fitted."""

    slopes: list[float] = Field(
        [0.2, 0.14, 0.11, 0.09, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03],
        min_length=1,
        description="s = -dR/dD, nats of rate a nat of distortion",
    )
    sweeps: int = Field(4, ge=1, le=1000, description="passes over the images at each slope")
    codebook_seed: int = Field(
        0, ge=0, lt=2**31, description="seed of the images that the codebooks start from"
    )

    @field_validator("slopes")
    @classmethod
    def _positive(cls, slopes: list[float]) -> list[float]:
        if min(slopes) <= 0:
            raise ValueError(f"slopes = {slopes}: expected each above 0")
        return slopes


class RateDistortionSettings(CodebookSettings):
    """Which codebooks are fitted for the upper estimate."""

    sizes: list[int] = Field([16, 64, 256, 1024], min_length=1, description="K, words a codebook")

    @field_validator("sizes")
    @classmethod
    def _words(cls, sizes: list[int]) -> list[int]:
        if min(sizes) < 1:
            raise ValueError(f"sizes = {sizes}: expected each at least 1")
        return sizes


class Codebook(NamedTuple):
    """A reproduction alphabet and how often each word is used."""

    words: Tensor  # (K, P) probabilities
    weights: Tensor  # (K,) positive, sum 1


class Point(NamedTuple):
    """Means over images, nats per image."""

    rate: float  # KL of q(k | x) from the weights: at least the mutual information
    distortion: float  # L_x


class Sums(NamedTuple):
    """What the best codebook for given assignments q(k | x) follows from."""

    images: Tensor  # (K, P) sum of q(k | x) x
    counts: Tensor  # (K,) sum of q(k | x)


def distortions(pixels: Tensor, words: Tensor) -> Tensor:
    """d(x, y_k), the Bernoulli loss of every image under every word: (n, P), (K, P) to (n, K)
    nats."""
    logits = words.clamp(FLOOR, 1 - FLOOR).logit()
    return torch.addmm(F.softplus(logits).sum(1), pixels, logits.t(), alpha=-1)


def assign(pixels: Tensor, codebook: Codebook, slope: float) -> tuple[Tensor, Tensor]:
    """The best assignments at a slope, q(k | x) proportional to pi_k exp(-s d(x, y_k)), and d; each
    (n, K)."""
    cost = distortions(pixels, codebook.words)
    return (codebook.weights.log() - slope * cost).softmax(1), cost


def measure(pixels: Tensor, codebook: Codebook, slope: float) -> Point:
    """Rate and distortion of a codebook on images (n, P), which need not be those it was fitted to.

    Each is a code of its own: a point on or above the rate-distortion curve of these images.
    """
    rate = distortion = 0.0
    for chunk in pixels.split(CHUNK):
        shares, cost = assign(chunk, codebook, slope)
        relative = torch.xlogy(shares, shares) - torch.xlogy(shares, codebook.weights)
        rate += relative.sum(1).double().sum().item()
        distortion += (shares * cost).sum(1).double().sum().item()
    return Point(rate / len(pixels), distortion / len(pixels))


class Fit:
    """Blahut-Arimoto with a free codebook, chunk by chunk.

    Each chunk's assignments and the whole codebook are renewed in turn, the sums of the other
    chunks being kept. No such step raises R + s D, as with whole sweeps, and far fewer sweeps are
    needed.
    """

    def __init__(self, pixels: Tensor, start: Codebook):
        """pixels: (n, P) in [0, 1]."""
        self.codebook = start
        self._chunks = pixels.split(CHUNK)
        nothing = Sums(torch.zeros_like(start.words), torch.zeros_like(start.weights))
        self._sums = [nothing] * len(self._chunks)
        self._total = Sums(*(part.double() for part in nothing))

    def sweep(self, slope: float) -> None:
        """Renew every chunk's assignments once, and the codebook after each."""
        for number, chunk in enumerate(self._chunks):
            shares, _ = assign(chunk, self.codebook, slope)
            renewed = Sums(shares.t() @ chunk, shares.sum(0))
            for total, new, old in zip(self._total, renewed, self._sums[number], strict=True):
                total += new - old
            self._sums[number] = renewed
            self.codebook = self._best()

    def _best(self) -> Codebook:
        """Words are the weighted means of their images. A word without images stays as it was."""
        counts = self._total.counts.clamp(min=1e-12)
        means = (self._total.images / counts.unsqueeze(1)).to(self.codebook.words.dtype)
        words = torch.where((counts > 1e-6).unsqueeze(1), means, self.codebook.words)
        return Codebook(words, (counts / counts.sum()).to(words.dtype))


def first_codebook(pixels: Tensor, size: int, seed: int) -> Codebook:
    """K = `size` of the images (n, pixels), drawn without repetition, each half blended with the
    mean image.

    Raises `ValueError` where there are fewer images than words.
    """
    if not 1 <= size <= len(pixels):
        raise ValueError(f"size = {size}: expected 1 to {len(pixels)}, the number of images")
    chosen = generator(seed, "evaluation", size).choice(len(pixels), size, replace=False)
    words = 0.5 * pixels[torch.as_tensor(chosen, device=pixels.device)] + 0.5 * pixels.mean(0)
    return Codebook(words, pixels.new_full((size,), 1 / size))


def fit(pixels: Tensor, size: int, settings: CodebookSettings) -> list[tuple[float, Codebook]]:
    """Codebooks of K words for images (n, P), one per slope, each started from that of the slope
    above it: words merge as the slope falls."""
    fitted, found = Fit(pixels, first_codebook(pixels, size, settings.codebook_seed)), []
    for slope in sorted(settings.slopes, reverse=True):
        for _ in range(settings.sweeps):
            fitted.sweep(slope)
        found.append((slope, fitted.codebook))
    return found


def estimate(
    pixels: Tensor, settings: RateDistortionSettings, held_out: Tensor | None = None
) -> pd.DataFrame:
    """The upper estimate: rate and distortion of every codebook on the images it was fitted to.

    pixels, held_out: (n, P) in [0, 1]. Columns `size`, `slope`, `rate`, `distortion` (nats an
    image), `hull` (whether the point lies on the lower convex hull of all, which is the estimate;
    codes can be mixed in any proportion, so all of the hull is achievable), and where images are
    held out, `held_out_rate`, `held_out_distortion` and `held_out_hull` of the same codebooks on
    those: no codebook is fitted to them, so their hull is the safer estimate for new images. The
    first row is the mean image at rate 0. Raises `ValueError` for too many words, no images or
    pixels outside [0, 1].
    """
    check_pixels(pixels)
    mean = Codebook(pixels.mean(0, keepdim=True), pixels.new_ones(1))
    codebooks = [(1, 0.0, mean)] + [
        (size, slope, codebook)
        for size in settings.sizes
        for slope, codebook in fit(pixels, size, settings)
    ]
    rows: list[dict[str, Any]] = []
    for size, slope, codebook in codebooks:
        rows.append({"size": size, "slope": slope} | measure(pixels, codebook, slope)._asdict())
        if held_out is not None:
            unseen = measure(held_out, codebook, slope)._asdict()
            rows[-1] |= {f"held_out_{name}": value for name, value in unseen.items()}
    table = pd.DataFrame(rows)
    table.insert(4, "hull", lower_hull(table.rate, table.distortion))
    if held_out is not None:
        table["held_out_hull"] = lower_hull(table.held_out_rate, table.held_out_distortion)
    return table


def write_estimate(
    folder: Path,
    dataset: Dataset,
    settings: RateDistortionSettings,
    device: torch.device,
    threads: int = 0,
) -> pd.DataFrame:
    """Estimate the curve of all training images, validation split included, with the test images
    held out, and write `rate_distortion.csv` and `rate_distortion.json` (settings, software,
    device, time) into a folder. Returns the table."""
    measuring = Measuring(settings, device, threads)
    train = torch.cat([dataset.train.images, dataset.validation.images])
    pixels, held_out = (
        to_unit(images.flatten(1).to(device)) for images in (train, dataset.test.images)
    )
    with measuring.ready():
        table = estimate(pixels, settings, held_out)
    path = folder / "rate_distortion.csv"
    write_table(path, table)
    content = {
        "side": "on or above the true curve",
        "images": len(pixels),
        "held_out_images": len(held_out),
    }
    measuring.write(path.with_suffix(".json"), content, [path])
    return table


def lower_hull(rate: ArrayLike, distortion: ArrayLike) -> NDArray[np.bool_]:
    """Which points lie on the falling part of the lower convex hull, (n,).

    Of equal points the first counts. Raises `ValueError` where values are missing.
    """
    points = np.column_stack([rate, distortion]).astype(float)
    if not len(points) or not np.isfinite(points).all():
        raise ValueError("expected at least one point, all finite")
    corners: list[int] = []
    for index in np.lexsort(points.T[::-1]):
        if corners and points[index, 1] >= points[corners[-1], 1]:
            continue
        while len(corners) > 1 and _above(*points[[*corners[-2:], index]]):
            corners.pop()
        corners.append(int(index))
    return np.isin(np.arange(len(points)), corners)


def distortion_at(table: pd.DataFrame, rate: ArrayLike) -> NDArray[np.float64]:
    """The estimate of D at rates in nats, along the hull of a table of `estimate`: an upper bound.

    NaN beyond its ends.
    """
    corners = table[table.hull].sort_values("rate")
    rate_axis, distortion_axis = corners.rate.to_numpy(), corners.distortion.to_numpy()
    return np.interp(np.asarray(rate), rate_axis, distortion_axis, left=np.nan, right=np.nan)


def _above(first: NDArray[Any], middle: NDArray[Any], last: NDArray[Any]) -> bool:
    """Whether the middle point lies on or above the line between its neighbours."""
    (run, fall), (far, deep) = middle - first, last - first
    return bool(run * deep <= far * fall)


def check_pixels(pixels: Tensor) -> None:
    """Raises `ValueError` for images that are not (n, P) in [0, 1]."""
    if pixels.dim() != 2 or not len(pixels):
        raise ValueError(f"pixels have shape {tuple(pixels.shape)}; expected (n, P), n at least 1")
    if not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError("pixels: expected values in [0, 1]")
