"""What the explorer keeps of drawings: windows and patches, in one small file.

The rest is rebuilt from them: filters, glimpses and canvases, by `widgets/rebuild.js` in the
browser and by `rebuild` in PyTorch.

Sizes: T steps, n images of A x A pixels, N filters per axis.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcrw.model.architectures import FACTS, noise_in_words
from dcrw.model.config import ModelConfig
from dcrw.training.files import RunError, read_sealed_arrays, write_sealed_arrays

COLUMNS = 10  # of the contact sheet: one a class, or one a blend

NAMES = ("images", "labels", "pairs", "described")  # what an explorer's file has at least

Arrays = dict[str, NDArray[Any]]


class ExplorerError(ValueError):
    """Something that the explorer cannot show; the message says what it can.

    Way out: another run, model or setting, or a new file (`notebooks/explorer_data.ipynb`).
    """


def model_title(config: ModelConfig) -> str:
    """A model in words, as the explorer heads it: With attention in read, fresh noise."""
    variant, noise = FACTS[config.architecture].title, noise_in_words(config.noise_correlation)
    return f"{variant[:1].upper()}{variant[1:]}, {noise} noise"


@dataclass(frozen=True)
class Recording:
    """What one model did with the images of a gallery.

    modes: `reconstruct`, `generate`, `interpolate` or `sketch` to arrays. `write_window` (T, n, 5),
    as `evaluation.pixel_windows`, and `patch` (T, n, N, N) are always there, `kl` (T, n) nats where
    images are encoded, `read_window` (T, n, 5) where they are also read through a window.
    """

    name: str
    config: ModelConfig
    initial_canvas: NDArray[np.float32]  # (A, A) logits, c_0
    modes: Mapping[str, Arrays]

    @property
    def title(self) -> str:
        """The model in words."""
        return model_title(self.config)


@dataclass(frozen=True)
class Gallery:
    """Images, and what several models did with them.

    pairs: (p, 2) indices of the images between which latents are blended.
    """

    images: NDArray[np.uint8]  # (n, A, A)
    labels: NDArray[np.int64]  # (n,)
    pairs: NDArray[np.int64]
    recordings: Sequence[Recording]
    about: Mapping[str, Any] = field(default_factory=dict)
    sketch: NDArray[np.uint8] | None = None  # (1, A, A), of the mode `sketch`; never saved

    @property
    def steps(self) -> int:
        """T of the first recording, which all share."""
        return next(iter(self.recordings[0].modes.values()))["write_window"].shape[0]

    def save(self, path: Path) -> None:
        """Write everything but the sketch as one NPZ with its own digest. Raises `RunError`."""
        arrays: Arrays = {"images": self.images, "labels": self.labels, "pairs": self.pairs}
        models = []
        for recording in self.recordings:
            models.append({"name": recording.name, "config": recording.config.model_dump()})
            arrays[f"{recording.name}/initial_canvas"] = recording.initial_canvas
            for mode, tracks in recording.modes.items():
                arrays |= {f"{recording.name}/{mode}/{key}": a for key, a in tracks.items()}
        described = json.dumps({"models": models, "about": dict(self.about)})
        write_sealed_arrays(path, arrays | {"described": np.array(described)})

    @classmethod
    def load(cls, path: Path) -> "Gallery":
        """Read what `save` wrote. Raises `ExplorerError` where the file is missing or damaged."""
        way_out = "Write it again (notebooks/explorer_data.ipynb)."
        try:
            arrays = read_sealed_arrays(path, NAMES, way_out)
        except RunError as error:
            raise ExplorerError(f"not a file of the explorer: {error}") from None
        try:
            described = json.loads(str(arrays.pop("described")))
            recordings = [_load_recording(model, arrays) for model in described["models"]]
            about = dict(described["about"])
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ExplorerError(
                f"{path}: not a file of the explorer: its entry `described` is of another form "
                f"({type(error).__name__}). {way_out}"
            ) from None
        images, labels, pairs = (arrays[key] for key in ("images", "labels", "pairs"))
        return cls(images, labels, pairs, recordings, about)


def _load_recording(model: Mapping[str, Any], arrays: Arrays) -> Recording:
    prefix = model["name"] + "/"
    modes: dict[str, Arrays] = {}
    for key, values in arrays.items():
        mode, _, track = key.removeprefix(prefix).partition("/")
        if key.startswith(prefix) and track:
            modes.setdefault(mode, {})[track] = values
    config = ModelConfig.model_validate(model["config"])
    return Recording(model["name"], config, arrays[prefix + "initial_canvas"], modes)
