"""How a gallery is made: what the models of finished runs do with test digits, step by step.

Sizes: T steps, n images of A x A pixels, N filters per axis, z latent dimensions per step.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from dcrw.explorer.gallery import COLUMNS, Arrays, ExplorerError, Gallery, Recording
from dcrw.explorer.rebuild import rebuild_canvas
from dcrw.model.config import ModelConfig, Section
from dcrw.model.writer import ConvolutionalVAE, Trace, Writer
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.evaluation import pixel_windows
from dcrw.training.files import project_root
from dcrw.training.profiles import load_profile
from dcrw.training.provenance import describe_software
from dcrw.training.randomness import step_noise
from dcrw.training.run import Run, run_for

PAIRS = ((0, 6), (1, 7), (3, 8), (4, 9))  # the classes between which latents are blended


class Selection(Section):
    """What the explorer's file is made from: parameters of notebooks/explorer_data.ipynb."""

    cells: list[str] = Field(
        min_length=1,
        description="profile/cell, of each its first seed; or folders of complete runs, relative "
        "to the project",
    )
    each: int = Field(4, ge=1, le=100, description="test images of every class, the first")
    seed: int = Field(1234, ge=0, lt=2**31, description="of the noise")
    output: str = Field(description="the file to write, relative to the project")
    data_root: str = Field("", description="folder of MNIST/raw; empty: DCRW_DATA, else data")
    own_images: str = Field(
        "", description="your own images; empty: where they lay when the runs were trained"
    )


class Sampling(NamedTuple):
    """Where the noise comes from."""

    seed: int = 1234
    temperature: float = 1.0  # scales the noise: z_t = mu_t + temperature sigma_t epsilon_t


DEFAULT_SAMPLING = Sampling()


# ---- from runs to a gallery -----------------------------------------------------------------


def find_cells(cells: Iterable[str]) -> dict[str, Run]:
    """The run of each cell's first seed, by the cell's label.

    cells: `<profile>/<label>`, or the folder of a run, relative to the project. Raises
    `ConfigError` for an unknown profile, `ExplorerError` for an unknown label.
    """
    root, found = project_root(), {}
    for cell in cells:
        if (root / cell / "config.yaml").is_file():
            run = Run(root / cell)
            found[run.folder.name] = run
            continue
        profile, _, label = cell.partition("/")
        configs = load_profile(root / "configs" / f"{profile}.yaml").configs()
        named = [config for config in configs if config.name == label]
        if not named:
            known = ", ".join(dict.fromkeys(config.name for config in configs))
            raise ExplorerError(f"{cell}: profile {profile} has no such cell; it has {known}")
        first = min(named, key=lambda config: config.training.seed)
        found[label] = run_for(first, root / "results" / profile)
    return found


def record_gallery(
    cells: Mapping[str, Run], dataset: Dataset, each: int = 4, seed: int = 1234
) -> Gallery:
    """What complete runs do with the first test images of every class, those of `choose_digits`.

    dataset: as the runs take it, binarised where they do. Raises `RunError` where a run is
    incomplete, `DataError` where it was trained on other images, `ExplorerError` where its model
    has no windows.
    """
    for run in cells.values():
        run.require_data(dataset)
    split = dataset.test
    chosen = choose_digits(split, each)
    images, labels = split.images[chosen].numpy(), split.labels[chosen].numpy()
    pairs = _pairs(len(np.unique(labels)), len(chosen))
    recordings = [
        record(name, load_writer(run), images, pairs, Sampling(seed)) for name, run in cells.items()
    ]
    about = {
        "images": chosen.tolist(),
        "seed": seed,
        "data": {"name": dataset.name, "classes": dataset.class_names()},
        "runs": {name: run.folder.name for name, run in cells.items()},
        "software": describe_software(),
    }
    return Gallery(images, labels, pairs, recordings, about)


def choose_digits(split: Split, each: int = 4) -> Tensor:
    """Indices (n x K,) of the first n images of each of the K classes that are there, classes side
    by side.

    n is `each`, or what the smallest class has, if that is less; of one class alone, `each` rows of
    it.
    """
    classes = split.labels.unique()
    wanted = each if len(classes) > 1 else each * COLUMNS
    members = [torch.nonzero(split.labels == label)[:, 0] for label in classes]
    count = min(wanted, *map(len, members))
    first = [places[:count] for places in members]
    return torch.stack(first, dim=1).flatten()


def _pairs(classes: int, images: int) -> NDArray[np.int64]:
    """Images (p, 2) between which latents are blended, of the first row of the sheet: of ten
    classes those of `PAIRS`, of others neighbours."""
    first = min(images, COLUMNS)
    neighbours = [(i, i + 1) for i in range(0, min(first, 2 * len(PAIRS)) - 1, 2)]
    return np.array(PAIRS if classes == COLUMNS else neighbours, dtype=np.int64).reshape(-1, 2)


def rebuilding_errors(gallery: Gallery, cells: Mapping[str, Run]) -> pd.Series:
    """The largest error of sigma(c_t) rebuilt from the gallery, by model, in 1/255."""
    sampling = Sampling(gallery.about["seed"])
    errors = {}
    for recording in gallery.recordings:
        drawn = reconstruct(load_writer(cells[recording.name]), gallery.images, sampling)
        rebuilt = rebuild_canvas(recording, "reconstruct")
        errors[recording.name] = (rebuilt.sigmoid() - drawn.canvas.sigmoid()).abs().max().item()
    return 255 * pd.Series(errors)


# ---- one model ------------------------------------------------------------------------------


def load_writer(run: Run, steps: int | None = None) -> Writer:
    """The model of a complete run, set to draw in `steps` steps (default: its own).

    Raises `RunError` where the folder holds no complete run, `ExplorerError` where the model does
    not draw through windows or cannot take that number of steps.
    """
    run.require_complete()
    config = run.config.model
    if not config.facts.recurrent:
        raise ExplorerError(
            f"{run.folder}: a {config.architecture} draws in one go and has no windows to show"
        )
    if steps is not None and steps != config.steps:
        if not config.facts.any_steps:
            raise ExplorerError(
                f"{run.folder}: has heads for {config.steps} steps; expected steps = {config.steps}"
            )
        config = config.model_copy(update={"steps": steps})
    model = run.model(config)
    assert not isinstance(model, ConvolutionalVAE)
    return model


@torch.no_grad()
def record(
    name: str,
    model: Writer,
    images: NDArray[np.uint8],
    pairs: NDArray[np.int64],
    sampling: Sampling = DEFAULT_SAMPLING,
) -> Recording:
    """Reconstruct the images, generate as many from the prior, and blend the latents of pairs.

    images: (n, A, A); pairs: (p, 2) indices of images. A blend goes from z_1..z_T of one image to
    those of the other in `COLUMNS` equal parts. Raises `ExplorerError` where the images have
    another size than the model's.
    """
    config = model.config
    _check_size(name, config, images)
    shape = (config.steps, len(images), config.latent_size)
    prior = _noise(sampling, 1, shape, config.generation_noise_correlation)
    reconstructed = reconstruct(model, images, sampling)
    traces = {"reconstruct": reconstructed, "generate": model.generate(prior)}
    if len(pairs):
        traces["interpolate"] = model.generate(blend(reconstructed.latent, pairs))
    modes = {mode: tracks_of(trace, config) for mode, trace in traces.items()}
    return Recording(name, config, model.initial(1).canvas[0].detach().numpy(), modes)


def reconstruct(model: Writer, images: NDArray[np.uint8], sampling: Sampling) -> Trace:
    """The model's trace on images (n, A, A)."""
    config = model.config
    shape = (config.steps, len(images), config.latent_size)
    noise = _noise(sampling, 0, shape, config.noise_correlation)
    return model.trace(to_unit(torch.as_tensor(images)), noise)


def blend(latent: Tensor, pairs: NDArray[np.int64]) -> Tensor:
    """Latents (T, n, z) to (T, p COLUMNS, z): for every pair, on a straight line from one to the
    other."""
    ends = latent[:, torch.as_tensor(pairs)]  # (T, p, 2, z)
    weight = torch.linspace(0, 1, COLUMNS)[:, None]
    return torch.lerp(ends[:, :, :1], ends[:, :, 1:], weight).flatten(1, 2)


def tracks_of(trace: Trace, config: ModelConfig) -> Arrays:
    """The arrays of a mode, as `Recording` names them: windows in single precision, patches in
    half, enough for sigma(c_t) to 1/255."""
    assert trace.write_window is not None
    assert trace.patch is not None
    arrays: Arrays = {
        "write_window": pixel_windows(trace.write_window, config.write_size, config),
        "patch": trace.patch.half().numpy(),
    }
    if trace.read_window is not None:
        arrays["read_window"] = pixel_windows(trace.read_window, config.read_size, config)
    if trace.kl is not None:
        arrays["kl"] = trace.kl.numpy()
    return arrays


def _noise(
    sampling: Sampling, counter: int, shape: tuple[int, int, int], correlation: float
) -> Tensor:
    noise = step_noise(sampling.seed, "generation", counter, shape, correlation)
    return sampling.temperature * torch.as_tensor(noise)


def _check_size(name: str, config: ModelConfig, images: NDArray[np.uint8]) -> None:
    size = config.image_size
    if images.ndim != 3 or images.shape[1:] != (size, size):
        raise ExplorerError(
            f"{name}: the model takes images of {size} x {size} pixels; these have shape "
            f"{images.shape[1:]}"
        )
