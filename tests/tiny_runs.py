"""A run that trains in a moment, and images for it."""

import pytest
import torch
from safetensors.torch import load_file

from dcrw.training.config import Keeping, RunConfig, make_config
from dcrw.training.data import Dataset, Split
from dcrw.training.run import Run

TINY = {
    "image_size": 8,
    "steps": 2,
    "latent_size": 2,
    "hidden_size": 5,
    "read_size": 3,
    "write_size": 2,
}


STATE = Keeping(keep_state=True)


def tiny(name: str = "tiny", model: dict | None = None, **more) -> RunConfig:
    settings = {
        "iterations": 12,
        "batch_size": 5,
        "metrics_interval": 4,
        "checkpoint_interval": 3,
    } | more
    return make_config({"name": name, "model": TINY | (model or {}), "training": settings})


@pytest.fixture
def dataset() -> Dataset:
    return images()


def images() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randint(0, 2, (4, 8, 8), generator=generator, dtype=torch.uint8) * 255
    images = kinds[torch.arange(23) % 4]
    split = Split(images, torch.zeros(23, dtype=torch.int64))
    return Dataset(split, split, split, name="mnist")  # as `tiny` says


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "model.safetensors")


def assert_same_weights(first: Run, second: Run) -> None:
    for name, value in weights(first).items():
        assert torch.equal(value, weights(second)[name]), name


def labelled_images() -> Dataset:
    """Random images of four classes, 23 a split."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (69, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.arange(69) % 4
    return Dataset(*(Split(images[part::3], labels[part::3]) for part in range(3)), name="mnist")
