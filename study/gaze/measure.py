"""Where a trained model looks: its read and write windows on every image of a split, step by step.

<run>/evaluation/
    gaze.csv   mean and standard deviation over images of each quantity, by class and step
    gaze.npz   heat maps of attention, and the mean image of each class
    gaze.json  settings, software, device, time; written last

Sizes: B images of A x A pixels in K classes, T steps, N filters per axis.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from dcrw.model import attention
from dcrw.model.attention import conventions
from dcrw.model.config import ModelConfig, Section
from dcrw.model.writer import Model, Trace
from dcrw.training.binarisation import binarised
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.files import RunError, write_arrays, write_table
from dcrw.training.measuring import Measuring, noise_for
from dcrw.training.run import Run

ALL = "all"  # every class, or the mean over an image's steps
COLUMNS = {
    "class": str,
    "step": str,
    "part": str,
    "quantity": str,
    "images": int,
    "mean": float,
    "sd": float,
}
NOTHING = 1e-30  # sums below it count as zero: no filter touches the image, or it has no ink

Values = dict[tuple[str, str], NDArray[np.float64]]  # (part, quantity) to (n, T)


class GazeSettings(Section):
    """How windows are measured. The noise depends on both numbers."""

    batch_size: int = Field(500, ge=1, le=100_000, description="images per forward pass")
    seed: int = Field(1234, ge=0, lt=2**31, description="seed of the evaluation noise")


class Gaze(NamedTuple):
    """What is measured on a split."""

    values: Values  # of each image at each step, not a number where a step has none
    maps: dict[str, NDArray[np.float64]]  # part to (K, T, A, A): summed attention by class


class Watched(NamedTuple):
    """One batch as the model draws it."""

    values: dict[tuple[str, str], Tensor]  # (part, quantity) to (T, B)
    profiles: dict[str, Tensor]  # part to (T, B, 2, A)


def record(
    run: Run, dataset: Dataset, settings: GazeSettings, device: torch.device, threads: int = 0
) -> Path:
    """Measure a complete run on the test split and write the files named above; returns their
    folder.

    Raises `RunError` where the run is incomplete or damaged, or its model has no windows,
    `DataError` where it was trained on other images.
    """
    run.require_data(dataset)
    split = binarised(dataset, run.config.data.binarisation).test
    measuring = Measuring(settings, device, threads)
    model = run.model().to(device)
    with measuring.ready():
        measured = measure(model, split, settings)
    folder = run.folder / "evaluation"
    write_table(folder / "gaze.csv", table(measured.values, split.labels.numpy()))
    write_arrays(folder / "gaze.npz", arrays(measured, split))
    content = {
        "run": run.provenance["run"],
        "images": len(split.images),
        "noise_correlation": model.config.noise_correlation,
    }
    parts = [folder / f"gaze.{kind}" for kind in ("csv", "npz")]
    measuring.write(folder / "gaze.json", content, parts)
    return folder


@torch.no_grad()
def measure(model: Model, split: Split, settings: GazeSettings) -> Gaze:
    """Windows, attention and KL while every image of a split is redrawn, under the noise that the
    run was trained with.

    The noise is that of `evaluation.split_losses` with one draw. Raises `RunError` where the model
    has no windows.
    """
    config, device = model.config, next(model.parameters()).device
    if not config.facts.recurrent:
        raise RunError(f"architecture = {config.architecture!r}: it has no windows to measure")
    classes = torch.as_tensor(np.unique(split.labels))
    values: dict[tuple[str, str], list[Tensor]] = {}
    maps: dict[str, Tensor] = {}
    noise = noise_for(model, "evaluation", config.noise_correlation, settings.seed)
    batches = zip(
        split.images.split(settings.batch_size),
        split.labels.split(settings.batch_size),
        strict=True,
    )
    for number, (pixels, labels) in enumerate(batches):
        images = to_unit(pixels.to(device))
        trace = model.trace(images, noise(number, len(images)))
        watched = watch(trace, images, config)
        member = (labels[:, None] == classes).to(images)
        for key, of_images in watched.values.items():
            values.setdefault(key, []).append(of_images.T.double().cpu())
        for part, profile in watched.profiles.items():
            summed = heat(profile, member).double().cpu()
            maps[part] = maps[part] + summed if part in maps else summed
    joined = {key: torch.cat(parts).numpy() for key, parts in values.items()}
    return Gaze(joined, {part: summed.numpy() for part, summed in maps.items()})


def watch(trace: Trace, images: Tensor, config: ModelConfig) -> Watched:
    """Every quantity of a batch (B, A, A): those of `of_windows` for each kind of window, and the
    divergence of each step, nats."""
    values: dict[tuple[str, str], Tensor] = {}
    profiles: dict[str, Tensor] = {}
    for part, emitted, size in _windows(trace, config):
        measured, profile = of_windows(emitted, size, images, config)
        values |= {(part, quantity): of_images for quantity, of_images in measured.items()}
        profiles[part] = profile
    assert trace.kl is not None
    return Watched(values | {("latent", "kl"): trace.kl}, profiles)


def of_windows(
    emitted: Tensor, size: int, images: Tensor, config: ModelConfig
) -> tuple[dict[str, Tensor], Tensor]:
    """Quantities (T, B) of windows (T, B, 5) as emitted on images (B, A, A), and their profiles.

    `x`, `y`: the middle of the filters' centres, 0 at the middle of the first pixel; `move`: its
    distance from that of the step before; `extent`: the side of the square between the outermost
    centres, stride (N - 1); `sigma`; all in pixels. `intensity`: gamma. `outside`: the share of the
    N x N centres that lie off the image. `area`: pixels that the attention spreads over, exp of its
    entropy. `ink`: the share of the image's ink within the square. `focus`: mean ink under the
    attention over mean ink of the image, 1 for even attention.
    """
    convention, steps = conventions(config), emitted.shape[:2]
    window = attention.window(emitted.flatten(0, 1), size, config.image_size, convention)
    first = attention.pixel_positions(config.image_size, convention.indexing, like=images)[0]
    means = attention.filter_means(window, size, convention.indexing) - first  # (T B, 2, N)
    means = means.unflatten(0, steps)
    centre, extent = means.mean(dim=-1), means[..., 0, -1] - means[..., 0, 0]
    inside = ((means >= -0.5) & (means <= config.image_size - 0.5)).to(images).mean(dim=-1)
    moved = torch.full_like(extent, torch.nan)
    moved[1:] = centre.diff(dim=0).norm(dim=-1)
    profile = profiles(window, size, config).unflatten(0, steps)
    even = images.mean(dim=(1, 2)).clamp(min=NOTHING)
    ink = images.sum(dim=(1, 2)).clamp(min=NOTHING)
    values = {
        "x": centre[..., 0],
        "y": centre[..., 1],
        "move": moved,
        "extent": extent,
        "sigma": (0.5 * window.log_variance[:, 0]).exp().unflatten(0, steps),
        "intensity": window.log_intensity[:, 0].exp().unflatten(0, steps),
        "outside": 1 - inside.prod(dim=-1),
        "area": (-torch.xlogy(profile, profile).sum(dim=(-2, -1))).exp(),
        "ink": _ink(overlap(centre, extent, config.image_size), images) / ink,
        "focus": _ink(profile, images) / even,
    }
    return values, profile


def profiles(window: attention.Window, size: int, config: ModelConfig) -> Tensor:
    """Attention of windows along X and Y, (B, 2, A), each summing to 1.

    The attention of a pixel is the summed weight of all N x N filters on it. That is the outer
    product of the column sums of F_Y and F_X (Eq. 19-20), normalised over the image. Zeros where no
    filter touches the image, which only `clamped-sum` allows.
    """
    filters = attention.filterbank(window, size, config.image_size, conventions(config))
    summed = filters.sum(dim=2)
    return summed / summed.sum(dim=2, keepdim=True).clamp(min=NOTHING)


def heat(profile: Tensor, member: Tensor) -> Tensor:
    """Attention summed over the images of each class: profiles (T, B, 2, A) and membership (B, K),
    0 or 1, to (K, T, A, A), rows before columns."""
    across, down = profile.unbind(2)
    return torch.einsum("bk,tbi,tbj->ktij", member, down, across)


def overlap(centre: Tensor, extent: Tensor, image_size: int) -> Tensor:
    """Share of each pixel's width that lies in a square, along both axes: (..., 2, A).

    centre: (..., 2); extent: (...) the square's side; pixels.
    """
    pixels = torch.arange(image_size).to(centre)
    middle, half = centre.unsqueeze(-1), extent[..., None, None] / 2
    first = torch.maximum(middle - half, pixels - 0.5)
    last = torch.minimum(middle + half, pixels + 0.5)
    return (last - first).clamp(min=0)


def table(values: Values, labels: NDArray[Any]) -> pd.DataFrame:
    """The columns named above: class `all` and each class, step `all` and 1..T.

    Step `all` is about the mean over the steps of each image. Standard deviations divide by the
    number of images.
    """
    members = {ALL: np.full(len(labels), True)}
    members |= {str(label): labels == label for label in np.unique(labels)}
    rows = [
        (name, step, part, quantity, int(chosen.sum()), of_images.mean(), of_images.std())
        for name, chosen in members.items()
        for (part, quantity), of_steps in values.items()
        for step, of_images in _by_step(of_steps[chosen])
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def arrays(measured: Gaze, split: Split) -> dict[str, NDArray[Any]]:
    """Heat maps as the mean attention of a pixel over that of even attention, 1 / A^2.

    `<part>`: (T, A, A) over all images; `<part>_by_class`: (K, A, A), the mean over steps;
    `classes`: (K,); `mean_images`: (K, A, A) uint8.
    """
    labels = split.labels.numpy()
    classes, counts = np.unique(labels, return_counts=True)
    pixels = split.images.numpy()
    found: dict[str, NDArray[Any]] = {"classes": classes}
    found["mean_images"] = np.stack(
        [pixels[labels == label].mean(0).round().astype(np.uint8) for label in classes]
    )
    for part, summed in measured.maps.items():
        density = summed * np.prod(summed.shape[-2:])
        found[part] = (density.sum(0) / counts.sum()).astype(np.float16)
        by_class = density.mean(1) / counts[:, None, None]
        found[f"{part}_by_class"] = by_class.astype(np.float16)
    return found


def _windows(trace: Trace, config: ModelConfig) -> Iterator[tuple[str, Tensor, int]]:
    if trace.read_window is not None:
        yield "read", trace.read_window, config.read_size
    if trace.write_window is not None:
        yield "write", trace.write_window, config.write_size


def _ink(weights: Tensor, images: Tensor) -> Tensor:
    """Ink of images (B, A, A) under weights that are a product along X and Y, (T, B, 2, A):
    (T, B)."""
    across, down = weights.unbind(2)
    rows = down.transpose(0, 1) @ images  # (B, T, A)
    return (rows * across.transpose(0, 1)).sum(2).T


def _by_step(of_steps: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Values (n, T): their mean over the steps that have one, then each of these steps."""
    numbered = np.flatnonzero(~np.isnan(of_steps).all(axis=0))
    if len(numbered):
        yield ALL, of_steps[:, numbered].mean(axis=1)
    for step in numbered:
        yield str(step + 1), of_steps[:, step]
