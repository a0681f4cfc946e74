"""A judge of digits, trained here: a small convolutional classifier, and the same network asked
whether two sets of images can be told apart.

<folder>/
    classifier.safetensors  weights
    classifier.json         settings, accuracy, software, device, time
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from dcrw.model.config import ModelConfig, Section
from dcrw.model.layers import ConvolutionalFeatures, Heads
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.files import (
    PART_LIMIT,
    RunError,
    digest_of,
    layout_of,
    read_checked,
    read_record,
    read_tensors,
    recorded_digest,
    write_tensors,
)
from dcrw.training.measuring import Measuring
from dcrw.training.randomness import BatchOrder

FEATURES = 64  # units of the penultimate layer
HELD_OUT = 5  # one image in so many is held out of a two-sample test's training


TRAIN_IT = "Train the classifier (notebooks/classifier.ipynb)."


class ClassifierSettings(Section):
    """How a classifier is trained: Adam, its rate rising and falling once (one cycle)."""

    seed: int = Field(0, ge=0, lt=2**31, description="seed of weights and data order")
    epochs: int = Field(4, ge=1, le=1000, description="passes over the training images")
    batch_size: int = Field(100, ge=1, le=100_000, description="images per iteration")
    learning_rate: float = Field(2e-3, gt=0, le=10, description="largest step size of the cycle")


class Outputs(NamedTuple):
    """What a classifier makes of n images, on the CPU."""

    features: Tensor  # (n, FEATURES)
    logits: Tensor  # (n, classes)


class Share(NamedTuple):
    """A share of n."""

    value: float
    n: int


class Classifier(nn.Module):
    """Conv 3x3x32, pool, conv 3x3x64, pool, 64 units, classes; ReLU between."""

    def __init__(self, image_size: int, classes: int):
        super().__init__()
        self.image_size, self.classes = image_size, classes
        self.convolutions = ConvolutionalFeatures(1, image_size, ModelConfig(image_size=image_size))
        self.hidden = Heads(self.convolutions.count, {"hidden": FEATURES})
        self.output = Heads(FEATURES, {"classes": classes})

    def features(self, images: Tensor) -> Tensor:
        """The penultimate layer (B, FEATURES) of images (B, A, A) in [0, 1]."""
        return self.hidden(self.convolutions(images.unsqueeze(1)))["hidden"].relu()

    def classify(self, features: Tensor) -> Tensor:
        """Features (B, FEATURES) to logits (B, classes)."""
        return self.output(features)["classes"]

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, A, A) in [0, 1] to logits (B, classes)."""
        return self.classify(self.features(images))


def train(
    dataset: Dataset,
    folder: Path,
    settings: ClassifierSettings,
    device: torch.device,
    threads: int = 0,
) -> Path:
    """Train on the training split and write the files named above; returns their folder.

    Raises `ValueError` where the labels of another split are none of the training split's.
    """
    measuring = Measuring(settings, device, threads)
    classes = int(dataset.train.labels.max()) + 1
    with measuring.ready():
        model = fit(*dataset.train, classes, settings, device)
        accuracies = {
            name: accuracy(model, split)._asdict()
            for name, split in (("validation", dataset.validation), ("test", dataset.test))
        }
    path = folder / "classifier.safetensors"
    write_tensors(path, dict(model.state_dict()))
    content = {
        "image_size": model.image_size,
        "classes": classes,
        "training_images": len(dataset.train.images),
        "accuracy": accuracies,
    }
    measuring.write(folder / "classifier.json", content, [path])
    return folder


def load(folder: Path) -> Classifier:
    """The classifier of a folder, on the CPU. Raises `RunError` where it is missing or damaged."""
    described = provenance(folder)
    model = Classifier(described["image_size"], described["classes"])
    path, layout = folder / "classifier.safetensors", layout_of(model.state_dict())
    tensors, _ = read_tensors(path, layout, TRAIN_IT, described["sha256"])
    model.load_state_dict(tensors)
    return model.eval()


def provenance(folder: Path) -> dict[str, Any]:
    """How a folder's classifier was trained, and the SHA-256 of its weights. Raises `RunError`."""
    path, name = folder / "classifier.json", "classifier.safetensors"
    described = read_record(path, TRAIN_IT)
    for key in ("image_size", "classes"):
        if not isinstance(described.get(key), int):
            raise RunError(f"{path}: has no {key}. {TRAIN_IT}")
    weights = read_checked(folder / name, recorded_digest(described, name), PART_LIMIT, TRAIN_IT)
    return described | {"sha256": digest_of(weights)}


def fit(
    images: Tensor,
    labels: Tensor,
    classes: int,
    settings: ClassifierSettings,
    device: torch.device,
) -> Classifier:
    """Train on images (n, A, A) uint8 and labels (n,) from 0 to `classes` - 1.

    torch's own generator is left as it was. Raises `ValueError`.
    """
    _check(images, labels, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = Classifier(images.shape[1], classes).to(device)
    order = BatchOrder(settings.seed, settings.batch_size, len(images))
    iterations = -(-settings.epochs * len(images) // settings.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=max(iterations, 2)
    )
    images, labels = images.to(device), labels.to(device)
    for iteration in range(iterations):
        batch = torch.as_tensor(order(iteration), device=device)
        loss = F.cross_entropy(model(to_unit(images[batch])), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def outputs(model: Classifier, images: Tensor, batch_size: int = 250) -> Outputs:
    """Features and logits of images (n, A, A) uint8. Raises `ValueError`."""
    _check_images(images, model.image_size)
    device = next(model.parameters()).device
    parts = [model.features(to_unit(part.to(device))).cpu() for part in images.split(batch_size)]
    features = torch.cat(parts)
    return Outputs(features, model.classify(features.to(device)).cpu())


def accuracy(model: Classifier, split: Split) -> Share:
    """Share of a split's images that are given their label. Raises `ValueError`."""
    _check(split.images, split.labels, model.classes)
    found = outputs(model, split.images).logits.argmax(1)
    return Share((found == split.labels).double().mean().item(), len(found))


def two_sample_accuracy(
    first: Tensor, second: Tensor, settings: ClassifierSettings, device: torch.device
) -> Share:
    """How well two sets of images (n, A, A) uint8 are told apart: a classifier's accuracy on the
    last fifth of each, after training on the rest.

    About 0.5 if they have one distribution; `statistics.coin_range` has its range. Raises
    `ValueError` where the sets differ in size.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"second has shape {tuple(second.shape)}; expected {tuple(first.shape)}, as first: "
            "chance is then one half"
        )
    if len(first) < HELD_OUT:
        raise ValueError(f"first has {len(first)} images; expected at least {HELD_OUT}")
    kept = len(first) - len(first) // HELD_OUT
    seen, unseen = _labelled(first[:kept], second[:kept]), _labelled(first[kept:], second[kept:])
    return accuracy(fit(*seen, 2, settings, device), unseen)


def _labelled(first: Tensor, second: Tensor) -> Split:
    labels = torch.cat([torch.zeros(len(first)), torch.ones(len(second))]).long()
    return Split(torch.cat([first, second]), labels)


def _check(images: Tensor, labels: Tensor, classes: int) -> None:
    _check_images(images, images.shape[-1])
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)}; expected ({len(images)},), one per image"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())}; "
            f"expected 0 to {classes - 1}"
        )


def _check_images(images: Tensor, size: int) -> None:
    if images.dtype != torch.uint8:
        raise ValueError(f"images are {images.dtype}; expected torch.uint8, as the data are")
    if images.dim() != 3 or tuple(images.shape[1:]) != (size, size) or not len(images):
        raise ValueError(
            f"images have shape {tuple(images.shape)}; expected (n, {size}, {size}), n > 0"
        )
