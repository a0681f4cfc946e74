"""Fig. 2 alive: one step of DCRW with attention, box by box, with the tensors of a trained run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from dcrw.model.encoders import JoinedCNN
from dcrw.model.writer import Writer
from dcrw.training.data import to_unit
from dcrw.training.files import RunError
from dcrw.training.randomness import step_noise
from study import finished
from study.live import Live, film, sheet

CELL, DIGIT = "dcrw-fresh", 1  # of the profile `paper`; a digit among those that it keeps
SEED = 1234  # of the noise
FILES = ("configs/paper.yaml",)


class Box(NamedTuple):
    """One box of the figure: where its equation stands in the paper, and its line of code."""

    name: str
    title: str
    equation: str
    where: str
    source: str  # the file whose line `code` is
    code: str
    columns: int  # of the tensor's tiles
    signed: bool = True  # grey is zero; else black is


BOXES = (
    Box(
        "error", "error image", "x̂ₜ = x − σ(cₜ₋₁)", "Eq. 7", "dcrw/model/operations.py",
        "error = images - canvas.sigmoid()", 1,
    ),
    Box(
        "read", "read", "rₜ = γ [F_Y x F_Xᵀ, F_Y x̂ₜ F_Xᵀ]", "Eq. 8 and 21",
        "dcrw/model/attention.py",
        "glimpses = [filters.down @ source @ filters.across.mT for source in (image, error)]", 2,
    ),
    Box(
        "cnn", "CNN", "features of rₜ, joined by hᵈᵉᶜₜ₋₁", "Eq. 9", "dcrw/model/encoders.py",
        "features = self.features(self.pictures(images, state))", 16, False,
    ),
    Box(
        "posterior", "μₜ, σₜ", "q(zₜ | hᵉⁿᶜₜ) = N(μₜ, σₜ²); above μₜ, below log σₜ", "Eq. 5 and 6",
        "dcrw/model/encoders.py", "return self.posterior(features), None", 10,
    ),
    Box(
        "latent", "zₜ", "zₜ = μₜ + σₜ εₜ", "Eq. 4 and 10", "dcrw/model/writer.py",
        "latent = sample(posterior, noise)", 10,
    ),
    Box(
        "decoder", "decoder LSTM", "hᵈᵉᶜₜ = LSTM(zₜ, hᵈᵉᶜₜ₋₁)", "Eq. 11", "dcrw/model/writer.py",
        "hidden, cell = self.decoder([latent], state.hidden, state.cell)", 32,
    ),
    Box(
        "patch", "write", "wₜ = W(hᵈᵉᶜₜ)", "Eq. 22", "dcrw/model/writer.py",
        "patch, emitted = self._emit(hidden)", 1,
    ),
    Box(
        "canvas", "canvas", "cₜ = cₜ₋₁ + F_Yᵀ wₜ F_X / γ̂; shown is σ(cₜ)", "Eq. 12 and 23",
        "dcrw/model/writer.py",
        "canvas = operations.stroke(state.canvas, patch, write_filters)", 1, False,
    ),
)  # fmt: skip


@torch.no_grad()
def tensors(model: Writer, image: NDArray[np.uint8], seed: int = SEED) -> dict[str, NDArray[Any]]:
    """Every box's tensor at every step, as tiles (T, n, height, width).

    image: (A, A). Raises `RunError` for a model whose encoder does not look at pictures at every
    step.
    """
    encoder, config = model.encoder, model.config
    if not isinstance(encoder, JoinedCNN):
        raise RunError(f"{config.architecture}: expected a CNN on a glimpse at every step")
    images = to_unit(torch.as_tensor(image)[None])
    noise = step_noise(seed, "evaluation", 0, (config.steps, 1, config.latent_size), 0.0)
    seen, state = encoder.look(images), model.initial(1)
    found: dict[str, list[torch.Tensor]] = {box.name: [] for box in BOXES}
    for epsilon in torch.as_tensor(noise):
        before, pictures = state, encoder.pictures(images, state)
        state, done = model.step(seen, state, epsilon)
        row = {
            "error": images - before.canvas.sigmoid(),
            "read": pictures[0],
            "cnn": encoder.features(pictures)[0].reshape(-1, 1, 1),
            "posterior": torch.cat([done.posterior.mean, done.posterior.log_sigma], 1).mT[
                :, :, None
            ],
            "latent": done.latent.mT[:, :, None],
            "decoder": state.hidden.mT[:, :, None],
            "patch": done.strokes.patch,
            "canvas": state.canvas.sigmoid(),
        }
        for name, values in row.items():
            found[name].append(values)
    return {name: torch.stack(values).numpy() for name, values in found.items()}


def grey(values: NDArray[Any], signed: bool) -> NDArray[np.uint8]:
    """Values as grey levels, on one scale for all steps: signed, zero is the middle."""
    largest = max(float(np.abs(values).max()), 1e-12)
    shown = 127.5 + 127.5 * values / largest if signed else 255 * values / largest
    return np.clip(np.round(shown), 0, 255).astype(np.uint8)


def alive(image: NDArray[np.uint8], label: int, found: Mapping[str, NDArray[Any]]) -> Live:
    """The figure; found: of `tensors`."""
    boxes = []
    for box in BOXES:
        values = found[box.name]
        columns = min(box.columns, values.shape[1])
        boxes.append(
            box._asdict()
            | {"film": film(grey(values, box.signed), columns), "columns": columns}
            | {"rows": values.shape[1] // columns, "count": len(values)}
            | {"low": values.min((1, 2, 3)), "high": values.max((1, 2, 3))}
            | {"shape": [size for size in values.shape[1:] if size > 1]}
        )
    return Live("alive", {"boxes": boxes, "digit": sheet(image[None], 1), "label": label})


def figure(project: Path) -> Live:
    """The figure of the committed run, for the page on the architecture. Raises `RunError`."""
    entry = finished.cells(project / "results" / "paper")[CELL][0]
    kept, model = finished.traces(entry), entry.run.model()
    assert isinstance(model, Writer)
    image = kept["images"][DIGIT]
    return alive(image, int(kept["labels"][DIGIT]), tensors(model, image))
