"""Gaussian attention windows: where to read and where to write (Eq. 13-23). Pure functions.

Sizes: B images of A x A pixels, N filters per axis. Axis 0 of a filterbank is X (columns), axis 1
is Y (rows).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from dcrw.model.config import (
    FilterExponent,
    FilterNormaliser,
    Indexing,
    ModelConfig,
    WindowParameters,
)


class Conventions(NamedTuple):
    """How the paper's formulas are read where they leave a choice (decisions 2, 3 and 4)."""

    parameters: WindowParameters = "five"
    indexing: Indexing = "one-based"
    normaliser: FilterNormaliser = "softmax"
    exponent: FilterExponent = "gaussian"

    @property
    def emitted(self) -> tuple[str, ...]:
        """What the decoder emits for a window, in this order (Eq. 15)."""
        variance = ("log_variance",) if self.parameters == "five" else ()
        return ("centre_x", "centre_y", *variance, "log_stride", "log_intensity")

    @property
    def numbers(self) -> int:
        """How many numbers these are."""
        return len(self.emitted)


DEFAULTS = Conventions()


def conventions(config: ModelConfig) -> Conventions:
    """The attention conventions that a config names; decisions 2, 3 and 4."""
    return Conventions(
        config.window_parameters, config.indexing, config.filter_normaliser, config.filter_exponent
    )


class Window(NamedTuple):
    """A square grid of Gaussian filters on the image."""

    centre: Tensor  # (B, 2) g_X, g_Y in pixels, Eq. 16-17
    stride: Tensor  # (B, 1) delta in pixels, Eq. 18
    log_variance: Tensor  # (B, 1) log sigma^2, sigma in pixels
    log_intensity: Tensor  # (B, 1) log gamma


class Filters(NamedTuple):
    """A window's filters and its gain, ready to read or to write with."""

    across: Tensor  # (B, N, A) F_X
    down: Tensor  # (B, N, A) F_Y
    intensity: Tensor  # (B, 1, 1) gamma


class WindowLayout(NamedTuple):
    """Several windows that are decoded from one row of emitted numbers."""

    sizes: tuple[int, ...]  # N of each window
    groups: tuple[int, ...]  # of each, which group of emitted numbers (Eq. 15) is its own
    image_size: int  # A
    conventions: Conventions


def window(
    emitted: Tensor, size: int, image_size: int, conventions: Conventions = DEFAULTS
) -> Window:
    """Decode what the decoder emits into a window (Eq. 15-18).

    emitted: (B, 5) g_X, g_Y, log sigma^2, log delta, log gamma, or (B, 4) without sigma^2; centres
    run from -1 to 1 over the image. size: N >= 2. Raises `ValueError` for another width or size.
    """
    if emitted.shape[-1] != conventions.numbers:
        raise ValueError(
            f"emitted has {emitted.shape[-1]} numbers per window; expected {conventions.numbers}"
        )
    if size < 2:
        raise ValueError(f"size = {size}: expected at least 2, Eq. 18 divides by N - 1")
    widths = [2, 1, 1, 1] if conventions.parameters == "five" else [2, 1, 1]
    centre, *scales = emitted.split(widths, dim=1)
    log_intensity = scales[-1]
    log_variance = scales[0] if conventions.parameters == "five" else log_intensity
    return Window(
        centre=middle(image_size, conventions.indexing) * (centre + 1),
        stride=widest_stride(size, image_size, conventions.indexing) * scales[-2].exp(),
        log_variance=log_variance,
        log_intensity=log_intensity,
    )


def middle(image_size: int, indexing: Indexing = "one-based") -> float:
    """What (A + 1) / 2 of Eq. 16-17 comes to."""
    return _divide(image_size + 1, 2, indexing)


def widest_stride(size: int, image_size: int, indexing: Indexing = "one-based") -> float:
    """What (A - 1) / (N - 1) of Eq. 18 comes to, in pixels."""
    return _divide(image_size - 1, size - 1, indexing)


def grid(size: int, indexing: Indexing = "one-based", like: Tensor | None = None) -> Tensor:
    """Offsets (N,) of the filters from the centre in strides, i - N/2 - 0.5 (Eq. 13-14)."""
    first = 1 if indexing == "one-based" else 0
    return _arange(first, size, like) - _divide(size, 2, indexing) - 0.5


def pixel_positions(
    image_size: int, indexing: Indexing = "one-based", like: Tensor | None = None
) -> Tensor:
    """Coordinates (A,) of the pixels in the frame of Eq. 13-20: from 1, or from 0 under the mixed
    readings."""
    return _arange(1 if indexing == "one-based" else 0, image_size, like)


def filter_means(window: Window, size: int, indexing: Indexing = "one-based") -> Tensor:
    """Centres (B, 2, N) of the filters on both axes (Eq. 13-14)."""
    offsets = grid(size, indexing, like=window.centre)
    return window.centre.unsqueeze(2) + window.stride.unsqueeze(2) * offsets


def distances(
    window: Window, size: int, image_size: int, indexing: Indexing = "one-based"
) -> Tensor:
    """From every filter's centre to every pixel (B, 2, N, A), a - mu of Eq. 19-20."""
    pixels = pixel_positions(image_size, indexing, like=window.centre)
    return pixels - filter_means(window, size, indexing).unsqueeze(3)


def filterbank(
    window: Window, size: int, image_size: int, conventions: Conventions = DEFAULTS
) -> Tensor:
    """Gaussian filters on both axes (Eq. 19-20), (B, 2, N, A), each row normalised over pixels.

    The softmax is the exact Z: a window far outside gives the border pixel full weight, and nothing
    is 0/0. Under `clamped-sum` such a filter vanishes.
    """
    distance = distances(window, size, image_size, conventions.indexing)
    log_variance = window.log_variance[:, :, None, None]
    if conventions.exponent == "gaussian":
        exponent = distance.square() * (-0.5 * (-log_variance).exp())
    else:
        exponent = -(distance * (0.5 * (-log_variance).exp())).square()
    if conventions.normaliser == "softmax":
        return exponent.softmax(dim=3)
    weights = exponent.exp()
    return weights / weights.sum(dim=3, keepdim=True).clamp(min=1e-8)


def filters_of(
    window: Window, size: int, image_size: int, conventions: Conventions = DEFAULTS
) -> Filters:
    """`filterbank` axis by axis, with gamma."""
    across, down = filterbank(window, size, image_size, conventions).unbind(1)
    return Filters(across, down, window.log_intensity.exp().unsqueeze(2))


def read(image: Tensor, error: Tensor, filters: Filters) -> Tensor:
    """The glimpse gamma [F_Y x F_X^T, F_Y x_hat F_X^T] (Eq. 21), (B, 2, N, N): image and error
    image.

    image, error: (B, A, A).
    """
    glimpses = [filters.down @ source @ filters.across.mT for source in (image, error)]
    return filters.intensity.unsqueeze(1) * torch.stack(glimpses, dim=1)


def write(canvas: Tensor, patch: Tensor, filters: Filters) -> Tensor:
    """Add 1/gamma_hat F_Y^T w_t F_X to the canvas (Eq. 12, 23 as in DRAW), (B, A, A).

    canvas: (B, A, A) logits; patch: (B, N, N), w_t of Eq. 22.
    """
    return canvas + filters.down.mT @ (patch / filters.intensity) @ filters.across


def _divide(number: int, by: int, indexing: Indexing) -> float:
    """As the reading divides: Python 2 rounds the quotient of whole numbers down."""
    return number // by if indexing == "mixed-integer" else number / by


def _arange(first: int, count: int, like: Tensor | None) -> Tensor:
    if like is None:
        return torch.arange(first, first + count, dtype=torch.get_default_dtype())
    return torch.arange(first, first + count, dtype=like.dtype, device=like.device)
