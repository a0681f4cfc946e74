"""The images: MNIST in torchvision's layout, checked by SHA-256, and scikit-learn's digits, which
need no network."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import filelock
import torch
import torch.nn.functional as F
from torch import Tensor

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


DatasetName = Literal["mnist", "digits"]


class Sizes(NamedTuple):
    """Images of each split."""

    train: int
    validation: int  # what follows the training images in their file
    test: int


SIZES: dict[DatasetName, Sizes] = {
    "mnist": Sizes(55_000, 5_000, 10_000),
    "digits": Sizes(1_400, 100, 297),
}


class DataError(RuntimeError):
    """Data that is missing, damaged or out of reach.

    Way out: put the files where the message says, or name their folder in `DCRW_DATA`.
    """


class Split(NamedTuple):
    """Images and their classes."""

    images: Tensor  # (n, 28, 28) uint8
    labels: Tensor  # (n,) int64


class Dataset(NamedTuple):
    """Train, validation and test; the test split is for reported numbers alone."""

    train: Split
    validation: Split
    test: Split


def load(name: str, root: str | Path = "data") -> Dataset:
    """The data set that a config names, "mnist" or "digits".

    root: the folder of `MNIST/raw`, where MNIST lies or goes. Raises `DataError` that names the
    file, what was expected and found, and the way out.
    """
    if name not in READERS:
        raise DataError(f"dataset = {name!r}: expected {' or '.join(READERS)}")
    return READERS[name](Path(root))


def data_root(parameter: str, project: Path) -> Path:
    """Where MNIST lies: a notebook's parameter, else the variable DCRW_DATA, else `data` in the
    project."""
    return project / (parameter or os.environ.get("DCRW_DATA") or "data")


def fetch_mnist(root: Path) -> None:
    """Make sure that the four verified IDX files are under `root`.

    They are downloaded only where none of them is there.
    """
    raw = root / "MNIST" / "raw"
    if not _any_present(raw):
        _download(root)
    for name in MNIST_SHA256:
        _verify(raw / name, _way_out(raw))


def _any_present(raw: Path) -> bool:
    return any((raw / name).exists() for name in MNIST_SHA256)


def _mnist(root: Path) -> Dataset:
    # seconds to import, and only MNIST needs it
    from torchvision.datasets.mnist import read_image_file, read_label_file

    fetch_mnist(root)
    train, test = (
        Split(
            read_image_file(str(root / "MNIST" / "raw" / f"{part}-images-idx3-ubyte")),
            read_label_file(str(root / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte")),
        )
        for part in ("train", "t10k")
    )
    cut = SIZES["mnist"].train
    return Dataset(
        Split(train.images[:cut], train.labels[:cut]),
        Split(train.images[cut:], train.labels[cut:]),
        test,
    )


def _digits(root: Path) -> Dataset:
    """root: not looked at, the images come with scikit-learn."""
    from sklearn.datasets import load_digits

    small = load_digits()
    images = torch.as_tensor(small.images, dtype=torch.float32).unsqueeze(1) / 16
    images = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False).squeeze(1)
    images = (images * 255).round().to(torch.uint8)
    labels = torch.as_tensor(small.target, dtype=torch.int64)
    sizes = list(SIZES["digits"])
    parts = zip(images.split(sizes), labels.split(sizes), strict=True)
    return Dataset(*(Split(*pair) for pair in parts))


def _verify(path: Path, way_out: str) -> None:
    expected = MNIST_SHA256[path.name]
    if not path.exists():
        raise DataError(f"{path}: missing, though other files of MNIST are there. {way_out}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        size = path.stat().st_size
        raise DataError(
            f"{path}: SHA-256 is {found} ({size} bytes); expected {expected}. {way_out}"
        )


def _download(root: Path) -> None:
    """Download into a scratch folder, verify there, and move all files at once."""
    from torchvision.datasets import MNIST

    raw = root / "MNIST" / "raw"
    try:
        raw.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(root / ".download.lock")  # several runs may start at once
        with lock, tempfile.TemporaryDirectory(dir=root, prefix=".download-") as scratch:
            if _any_present(raw):
                return
            MNIST(scratch, download=True)
            fetched = Path(scratch) / "MNIST" / "raw"
            for name in MNIST_SHA256:
                _verify(fetched / name, "The download was damaged; try again.")
            for path in fetched.iterdir():
                if path.name not in MNIST_SHA256:
                    path.unlink()
            fetched.replace(raw)
    except (OSError, RuntimeError) as error:
        names = ", ".join(MNIST_SHA256)
        raise DataError(
            f"{raw}: none of {names} is there, and the download failed: {error}. {_way_out(raw)}"
        ) from error


def _way_out(raw: Path) -> str:
    return (
        f"Put the four decompressed IDX files of MNIST into {raw}, or name a folder that holds "
        f"MNIST/raw in DCRW_DATA "
        "or the parameter data_root; to download afresh, remove that folder."
    )


def to_unit(images: Tensor) -> Tensor:
    """uint8 pixels to floats in [0, 1]."""
    return images.to(torch.get_default_dtype()) / 255


READERS: dict[str, Callable[[Path], Dataset]] = {
    "mnist": _mnist,
    "digits": _digits,
}
