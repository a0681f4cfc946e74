"""What the claims of the paper are measured by: sharpness, locality of updates, novelty, two-sample
tests. Pure functions of tensors and arrays.

Sizes: n images of A x A pixels, T steps. Where a value is not finite, a `ValueError` says so:
nothing is left out of a mean.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from study.statistics import Floats, finite_array, finite_vector


class Novelty(NamedTuple):
    """How many of some distances are smaller than nearly all of a reference's."""

    share: float
    threshold: float  # the reference's percentile


def sharpness(images: Tensor) -> Tensor:
    """Squared differences between neighbours along both axes over squared values, (n,).

    images: (n, A, A) probabilities. 0 for a constant image, a black one included; scaling changes
    nothing, blurring lowers it. Raises `ValueError`.
    """
    values = _square_images(images, "images")
    differences = sum(values.diff(dim=dim).square().flatten(1).sum(1) for dim in (1, 2))
    squares = values.square().flatten(1).sum(1)
    return torch.where(squares > 0, differences / squares, torch.zeros_like(squares))


def effective_area(change: Tensor) -> Tensor:
    """Pixels that an update c_t - c_(t-1) takes in: exp of the entropy of its absolute values,
    normalised over pixels.

    change: (..., A, A) to (...). 1 if one pixel changes, A^2 if all change alike, 0 if none does.
    Raises `ValueError`.
    """
    size = _finite(change, "change").double().abs().flatten(-2)
    total = size.sum(-1, keepdim=True)
    area = torch.special.entr(size / total).sum(-1).exp()
    return torch.where(total.squeeze(-1) > 0, area, torch.zeros_like(area))


def changed_share(change: Tensor, threshold: float = 0.1) -> Tensor:
    """Share of pixels that change by more than `threshold` of the largest change, (..., A, A) to
    (...). Raises `ValueError`."""
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold = {threshold}: expected at least 0 and less than 1")
    size = _finite(change, "change").abs().flatten(-2)
    return (size > threshold * size.amax(-1, keepdim=True)).double().mean(-1)


def window_area(span: Tensor, image_size: int) -> Tensor:
    """Pixels of the image inside the square that a window's outermost filters mark, (...).

    span: (..., 2, 2), positions of the first and the last filter on each axis, counted from 0 at
    the first pixel's middle; so the square's side is (N - 1) strides, and the image reaches from
    -0.5 to A - 0.5. What lies outside the image counts nothing. The filters' own width is left out:
    a wide filter blurs what is written, and the effective area of the update shows it. Raises
    `ValueError` for an image without pixels, and for a span of another shape or with a NaN.
    """
    if image_size < 1:
        raise ValueError(f"image_size = {image_size}: expected at least 1")
    inside = _spans(span).double().clamp(-0.5, image_size - 0.5)
    return inside.diff(dim=-1).squeeze(-1).prod(-1)


def centre_distance(span: Tensor) -> Tensor:
    """Pixels between the middles of successive windows: (T, ..., 2, 2) as in `window_area` to
    (T - 1, ...)."""
    return _spans(span).double().mean(-1).diff(dim=0).norm(dim=-1)


def nearest_distances(queries: Tensor, references: Tensor, chunk: int = 5000) -> Floats:
    """Euclidean distance (n,) from each query to the nearest reference.

    queries: (n, d); references: (m, d), of which `chunk` at a time are compared. A neighbour is
    found by inner products in double precision, its distance taken from the difference itself: 0
    for a copy. Raises `ValueError`.
    """
    _two_samples(queries, references, "queries", "references")
    if chunk < 1:
        raise ValueError(f"chunk = {chunk}: expected at least 1")
    own = queries.double()
    smallest = torch.full((len(own),), torch.inf, dtype=own.dtype, device=own.device)
    nearest = torch.zeros(len(own), dtype=torch.int64, device=own.device)
    for number, block in enumerate(references.split(chunk)):
        other = block.double()
        products = torch.addmm(other.square().sum(1), own, other.t(), alpha=-2)
        found = products.min(dim=1)
        nearest = torch.where(found.values < smallest, found.indices + number * chunk, nearest)
        smallest = torch.minimum(smallest, found.values)
    return (own - references[nearest].double()).norm(dim=1).cpu().numpy()


def share_below(distances: ArrayLike, reference: ArrayLike, percentile: float = 1.0) -> Novelty:
    """Share of distances below a percentile of the reference's distances. Raises `ValueError`."""
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile = {percentile}: expected 0 to 100")
    threshold = float(np.percentile(finite_vector(reference, "reference"), percentile))
    return Novelty(float((finite_vector(distances, "distances") < threshold).mean()), threshold)


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Squared Frechet distance of Gaussians with the means and covariances of two sets of features,
    (n, d) and (m, d). Raises `ValueError`.

    It is biased upward by about 1/n: compare sets of one size.
    """
    moments: list[Floats] = []
    for name, features in (("first", first), ("second", second)):
        values = finite_array(features, name, dimensions=2)
        if len(values) < 2:
            raise ValueError(f"{name} has {len(values)} rows; expected at least 2")
        moments += [values.mean(0), np.atleast_2d(np.cov(values, rowvar=False))]
    return gaussian_frechet_distance(*moments)


def gaussian_frechet_distance(
    mean: ArrayLike, covariance: ArrayLike, other_mean: ArrayLike, other_covariance: ArrayLike
) -> float:
    """``|m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)``, for means (d,) and covariances (d, d).

    Raises `ValueError`.
    """
    means = [finite_array(mean, "mean", 1), finite_array(other_mean, "other_mean", 1)]
    expected = (len(means[0]), len(means[0]))
    spreads = [
        finite_array(covariance, "covariance", 2),
        finite_array(other_covariance, "other_covariance", 2),
    ]
    if any(spread.shape != expected for spread in spreads) or len(means[1]) != expected[0]:
        raise ValueError(
            f"means have shapes {means[0].shape} and {means[1].shape}, covariances "
            f"{spreads[0].shape} and {spreads[1].shape}; expected (d,) and (d, d) with one d"
        )
    values, vectors = np.linalg.eigh(spreads[0])
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ spreads[1] @ root).clip(min=0)).sum()
    apart = np.square(means[0] - means[1]).sum()
    return float(apart + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared)


def _finite(values: Tensor, name: str) -> Tensor:
    if not values.isfinite().all():
        count = int((~values.isfinite()).sum())
        raise ValueError(f"{name} has {count} values that are not finite; expected none")
    return values


def _square_images(images: Tensor, name: str) -> Tensor:
    if images.dim() != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"{name} has shape {tuple(images.shape)}; expected (n, A, A)")
    return _finite(images, name).double()


def _spans(span: Tensor) -> Tensor:
    if span.shape[-2:] != (2, 2):
        raise ValueError(f"span has shape {tuple(span.shape)}; expected (..., 2, 2)")
    if span.isnan().any():
        raise ValueError("span has values that are not a number; expected none")
    return span


def _two_samples(first: Tensor, second: Tensor, *names: str) -> None:
    for values, name in zip((first, second), names, strict=True):
        if values.dim() != 2 or not len(values) or values.shape[1] != first.shape[-1]:
            raise ValueError(
                f"{name} has shape {tuple(values.shape)}; expected (n, {first.shape[-1]}), n > 0"
            )
        _finite(values, name)
