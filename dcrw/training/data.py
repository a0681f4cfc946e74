"""Images as training takes them: grey bytes in three splits, with a name and a digest.

`Dataset.from_arrays` makes a data set of one's own arrays; `dcrw.training.datasets` reads those
that have a name.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcrw.model.config import Printable
from dcrw.training.randomness import generator

OWN = "own"  # the name of data that no table knows


class DataError(Printable, RuntimeError):
    """Data that is missing, damaged, out of reach, of another form, or not that of a run.

    Way out: put the files where the message says, or name their folder in `DCRW_DATA`; give a run
    the data that it was trained on.
    """


class Split(NamedTuple):
    """Images and their classes."""

    images: Tensor  # (n, A, A) uint8
    labels: Tensor  # (n,) int64


class Division(NamedTuple):
    """How images are divided: shuffled by a seed; then the first are for testing, the next for
    validation, the rest for training."""

    validation: float = 0.1  # share of all images, rounded, at least one image
    test: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Dataset:
    """Train, validation and test; the test split is for reported numbers alone.

    name: an entry of `datasets.table.DATASETS`, which a run's `dataset` must be too. classes: names
    by label; empty where classes are known by number alone. source: where the images lay, if that
    is one's own choice. sha256: the digest of what these images were made from, empty where they
    are as they were read. Raises `DataError` where a split has another shape or type.
    """

    train: Split
    validation: Split
    test: Split
    name: str = OWN
    classes: tuple[str, ...] = ()
    source: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        """Check the splits."""
        size = tuple(self.train.images.shape[1:])
        for name, split in self.splits().items():
            _check(name, split, size)

    @classmethod
    def from_arrays(
        cls,
        images: NDArray[Any] | Tensor,
        labels: NDArray[Any] | Tensor | None = None,
        classes: Sequence[str] = (),
        division: Division = Division(),  # noqa: B008 (a constant)
    ) -> "Dataset":
        """A data set of one's own images (n, A, A) and labels (n,), under the name `own`.

        Grey values are bytes from 0 to 255, floats from 0 to 1, which are multiplied by 255 and
        rounded, or booleans. labels: whole numbers from 0; None puts all images into one class.
        Raises `DataError` for any other shape, type or range.
        """
        grey = grey_bytes(np.asarray(images), "images")
        if grey.ndim != 3 or grey.shape[1] != grey.shape[2]:
            raise DataError(
                f"images: shape {grey.shape}; expected (n, A, A), square grey images. "
                "A folder or an NPZ of other images is converted: dataset = own, own_images"
            )
        kinds = np.zeros(len(grey), np.int64) if labels is None else np.asarray(labels)
        if kinds.shape != grey.shape[:1] or kinds.dtype.kind not in "iu":
            raise DataError(
                f"labels: shape {kinds.shape} and type {kinds.dtype}; expected ({len(grey)},) "
                "whole numbers, one an image"
            )
        highest = len(classes) - 1 if classes else np.iinfo(np.int64).max
        if len(kinds) and (kinds.min() < 0 or kinds.max() > highest):
            raise DataError(
                f"labels: from {kinds.min()} to {kinds.max()}; expected 0 to "
                f"{highest if classes else '...'}"
            )
        parts = [
            Split(torch.from_numpy(grey[part]), torch.from_numpy(kinds[part].astype(np.int64)))
            for part in _divided(len(grey), division)
        ]
        train, validation, test = parts
        return cls(train, validation, test, classes=tuple(classes))

    def splits(self) -> dict[str, Split]:
        """The three by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shapes, images and labels of the splits, as they were read."""
        if self.sha256:
            return self.sha256
        digest = hashlib.sha256()
        for name, (images, labels) in self.splits().items():
            digest.update(f"{name} {tuple(images.shape)}".encode())
            digest.update(images.contiguous().numpy().tobytes())
            digest.update(labels.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def class_names(self) -> list[str]:
        """Every class in words, by label."""
        if self.classes:
            return list(self.classes)
        last = max(int(split.labels.max()) for split in self.splits().values())
        return [str(label) for label in range(last + 1)]


def images_digest(images: Tensor) -> str:
    """SHA-256 of images (n, A, A) as bytes, one after another."""
    return hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest()


def grey_bytes(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Grey values as bytes: bytes as they are, floats in [0, 1] times 255, rounded, booleans as 0
    and 255. Raises `DataError` for other types and ranges, and for bytes that are no more than
    1."""
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "fiu":
        raise DataError(f"{name}: type {values.dtype}; expected uint8, float or bool")
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    whole = values.dtype.kind in "iu"
    if not (low >= 0 and high <= (255 if whole else 1)):  # also where one is not a number
        expected = "whole numbers from 0 to 255" if whole else "floats from 0 to 1"
        raise DataError(
            f"{name}: values from {low} to {high} ({values.dtype}); expected {expected}"
        )
    if whole and 0 < high <= 1:
        raise DataError(
            f"{name}: values from {low} to {high} ({values.dtype}), which would be all but black; "
            "expected 0 to 255. Give two-valued images as bool, or as 0 and 255"
        )
    return values.astype(np.uint8) if whole else np.rint(values * 255).astype(np.uint8)


def to_unit(images: Tensor) -> Tensor:
    """uint8 pixels (...) to floats (...) in [0, 1]. Raises `DataError` for another type."""
    if images.dtype != torch.uint8:
        raise DataError(f"images: type {images.dtype}; expected torch.uint8, 0 to 255")
    return images.to(torch.get_default_dtype()) / 255


def data_root(parameter: str, project: Path) -> Path:
    """Where downloaded data lies: a notebook's parameter, else the variable DCRW_DATA, else `data`
    in the project. `~` is the home folder. Raises `DataError` where there is none."""
    return in_project(parameter or os.environ.get("DCRW_DATA") or "data", project)


def in_project(path: str, project: Path) -> Path:
    """A path that counts from the project, or from `~`. Raises `DataError` where there is no home
    folder."""
    try:
        return project / Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(f"{path}: {error}; write the folder out") from None


def _divided(count: int, division: Division) -> tuple[NDArray[np.int64], ...]:
    """Indices of the three splits, in the order train, validation, test."""
    test, validation = (
        max(1, round(count * part)) for part in (division.test, division.validation)
    )
    if count - test - validation < 1:
        raise DataError(
            f"{count} images: expected more, {test} are for testing and {validation} for validation"
        )
    order = generator(division.seed, "division", 0).permutation(count)
    return order[test + validation :], order[test : test + validation], order[:test]


def _check(name: str, split: Split, size: tuple[int, ...]) -> None:
    images, labels = split
    if images.dtype != torch.uint8 or images.dim() != 3 or len(images) == 0:
        raise DataError(
            f"{name}: images of shape {tuple(images.shape)} and type {images.dtype}; expected "
            "(n, A, A) and torch.uint8, at least one image. Dataset.from_arrays converts floats"
        )
    if tuple(images.shape[1:]) != size or size[0] != size[1]:
        raise DataError(
            f"{name}: images of {tuple(images.shape[1:])} pixels, and {size} in training; expected "
            "one square size"
        )
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{name}: labels of shape {tuple(labels.shape)} and type {labels.dtype}; expected "
            f"({len(images)},) and torch.int64"
        )
