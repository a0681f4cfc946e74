"""From weights and data to files that need neither: losses on whole splits, and drawings step by
step.

<run>/evaluation/
    losses.csv     L_x and L_z of each split under fresh and under shared noise
    steps.csv      L_z of each step
    traces.npz     reconstructions of test digits and samples from the prior, with windows
    evaluation.json  settings, software, device, time
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcrw.model import attention
from dcrw.model.attention import conventions
from dcrw.model.config import ModelConfig
from dcrw.model.writer import Model, Trace, loss_terms
from dcrw.training.binarisation import binarised
from dcrw.training.config import EvaluationConfig
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.files import write_arrays, write_table
from dcrw.training.measuring import Measuring, drawing_noise, noise_for
from dcrw.training.run import Run


def evaluate(
    run: Run, dataset: Dataset, settings: EvaluationConfig, device: torch.device, threads: int = 0
) -> Path:
    """Measure a complete run and write the files named above; returns their folder.

    Each split's losses are taken under fresh noise (correlation 0), shared noise (1) and the run's
    own correlation. Raises `RunError` where the run is incomplete or damaged, `DataError` where it
    was trained on other images.
    """
    run.require_data(dataset)
    how = run.config.data
    dataset = binarised(dataset, how.binarisation)
    measuring = Measuring(settings, device, threads)
    model = run.model().to(device)
    correlations = sorted({0.0, 1.0, model.config.noise_correlation})
    with measuring.ready():
        measured = [
            (name, correlation, split_losses(model, split, settings, correlation))
            for name, split in (("validation", dataset.validation), ("test", dataset.test))
            for correlation in correlations
        ]
        drawn = traces(model, dataset.test, settings)
    folder = run.folder / "evaluation"
    write_table(folder / "losses.csv", pd.DataFrame([_losses_row(*entry) for entry in measured]))
    write_table(folder / "steps.csv", pd.concat([_steps_rows(*entry) for entry in measured]))
    write_arrays(folder / "traces.npz", drawn)
    parts = [folder / name for name in ("losses.csv", "steps.csv", "traces.npz")]
    content = {"run": run.provenance["run"], "data": how.described(dataset)}
    measuring.write(folder / "evaluation.json", content, parts)
    return folder


@torch.no_grad()
def split_losses(
    model: Model, split: Split, settings: EvaluationConfig, correlation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """L_x (n,) and L_z by step (n, T) of every image of a split, nats, means over noise draws."""
    device = next(model.parameters()).device
    noise = noise_for(model, "evaluation", correlation, settings.seed)
    reconstruction, latent = [], []
    for number, pixels in enumerate(split.images.split(settings.batch_size)):
        images, first = to_unit(pixels.to(device)), number * settings.noise_draws
        draws = [
            loss_terms(model, images, noise(counter, len(images)))
            for counter in range(first, first + settings.noise_draws)
        ]
        reconstruction.append(
            torch.stack([terms.reconstruction for terms in draws]).double().mean(0).cpu()
        )
        latent.append(torch.stack([terms.latent for terms in draws]).double().mean(0).T.cpu())
    return torch.cat(reconstruction).numpy(), torch.cat(latent).numpy()


def traces(model: Model, split: Split, settings: EvaluationConfig) -> dict[str, NDArray[Any]]:
    """Drawings of the first n digits of a split, and as many samples from the prior, as arrays.

    `images` (n, A, A) uint8, `labels` (n,); then with `reconstructed_` and `generated_` before
    them `canvas` (T, n, A, A), sigma(c_t) as uint8, `write_window` and `read_window` (T, n, 5) as
    `pixel_windows`, `patch` (T, n, N, N), `mean` and `log_sigma` (T, n, z), and `kl` (T, n) in
    nats, as far as the model has them. The noise has the run's own correlations.
    """
    images, labels = split.images[: settings.digits], split.labels[: settings.digits]
    noise, prior = drawing_noise(model, settings.seed, len(images))
    arrays = {"images": images.numpy(), "labels": labels.numpy()}
    redrawn = model.trace(to_unit(images.to(noise.device)), noise)
    arrays |= _arrays("reconstructed", redrawn, model.config)
    return arrays | _arrays("generated", model.generate(prior), model.config)


def pixel_windows(emitted: Tensor, size: int, config: ModelConfig) -> NDArray[np.float32]:
    """Windows (..., 5) as emitted to (..., 5): g_X, g_Y counted from 0 at the first pixel's middle,
    stride, sigma, gamma; lengths in pixels."""
    convention = conventions(config)
    window = attention.window(emitted.flatten(0, -2), size, config.image_size, convention)
    centre = window.centre - attention.pixel_positions(config.image_size, convention.indexing)[0]
    columns = [centre, window.stride, (0.5 * window.log_variance).exp(), window.log_intensity.exp()]
    return torch.cat(columns, dim=1).unflatten(0, emitted.shape[:-1]).float().cpu().numpy()


def data_summary(dataset: Dataset) -> dict[str, dict[str, float]]:
    """What Bernoulli losses on grey values must be read against, nats per image, for each split.

    `entropy`: the cost of a perfect reconstruction; `mean_image`: that of the training images'
    mean, kept 1e-6 from 0 and 1 since other splits have ink where the training images have none.
    """
    mean = to_unit(dataset.train.images).mean(0).double().clamp(1e-6, 1 - 1e-6)
    summary = {}
    for name, split in dataset.splits().items():
        pixels = to_unit(split.images).double()
        summary[name] = {
            "images": len(pixels),
            "entropy": _cross_entropy(pixels, pixels),
            "mean_image": _cross_entropy(pixels, mean.expand_as(pixels)),
        }
    return summary


def _cross_entropy(pixels: Tensor, probability: Tensor) -> float:
    cost = -torch.xlogy(pixels, probability) - torch.xlogy(1 - pixels, 1 - probability)
    return cost.flatten(1).sum(1).mean().item()


def _losses_row(
    split: str, correlation: float, measured: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> dict[str, Any]:
    reconstruction, latent = measured[0], measured[1].sum(1)
    row: dict[str, Any] = {"split": split, "noise_correlation": correlation, "images": len(latent)}
    for name, values in (
        ("reconstruction", reconstruction),
        ("latent", latent),
        ("total", reconstruction + latent),
    ):
        row[name] = values.mean()
        row[f"{name}_se"] = values.std(ddof=1) / np.sqrt(len(values))
    return row


def _steps_rows(
    split: str, correlation: float, measured: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> pd.DataFrame:
    latent = measured[1].mean(0)
    steps = range(1, len(latent) + 1)
    return pd.DataFrame(
        {"split": split, "noise_correlation": correlation, "step": steps, "latent": latent}
    )


def _arrays(mode: str, trace: Trace, config: ModelConfig) -> dict[str, NDArray[Any]]:
    arrays = {"canvas": (trace.canvas.sigmoid() * 255).round().to(torch.uint8).cpu().numpy()}
    for name, size in (("write", config.write_size), ("read", config.read_size)):
        emitted = getattr(trace, f"{name}_window")
        if emitted is not None:
            arrays[f"{name}_window"] = pixel_windows(emitted.cpu(), size, config)
    for name in ("patch", "mean", "log_sigma", "kl"):
        values = getattr(trace, name)
        if values is not None:
            arrays[name] = values.float().cpu().numpy()
    return {f"{mode}_{name}": values for name, values in arrays.items()}
