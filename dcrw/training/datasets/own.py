"""Your own images: an NPZ, an IDX file, or a folder of PNG and JPEG, to grey squares in splits.

- a folder: one subfolder a class, `folder/a/1.png`, or pictures alone, which are one class;
- an NPZ: `images` (n, H, W) or (n, H, W, 3 or 4), `labels` (n,) if there are any, and `classes`
  (K,), their names;
- an IDX file, `train-images-idx3-ubyte`, (n, H, W); its labels are found beside it, in a file that
  is named alike.

Pictures are taken in the order of their names and become squares by `pictures.Rule`. They are
divided by `data.Division`. Nothing is left out in silence.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm.auto import tqdm

from dcrw.training.data import DataError, Dataset, grey_bytes
from dcrw.training.datasets import idx
from dcrw.training.datasets.facts import Entry, Facts, Wanted
from dcrw.training.datasets.pictures import grey_square, read_picture
from dcrw.training.files import MEBIBYTE, RunError, read_arrays

LIMIT = 2048 * MEBIBYTE  # of all images together, as bytes
PICTURES = (".png", ".jpg", ".jpeg")
NO_PICTURES = (
    "thumbs.db",
    "readme",
    "readme.md",
    "readme.txt",
    "license",
    "licence",
    "license.txt",
)
KINDS = "a folder of PNG or JPEG, an .npz, or an IDX file (its name has `idx` in it)"
FACTS = Facts(
    title="your own images (own_images)",
    source="yours",
    licence="yours",
    image_size=None,
    classes=(),
    sizes=None,
)


def read(wanted: Wanted) -> Dataset:
    """The images at a path. Raises `DataError` that names the file, what was expected and found."""
    path = wanted.images
    if path is None:
        raise DataError(f"own_images = '': expected {KINDS}, since dataset = own")
    if path.is_dir():
        images, labels, classes = _folder(path, wanted)
    elif not path.is_file():
        raise DataError(f"{path}: there is no such file or folder; expected own_images = {KINDS}")
    elif path.suffix.lower() == ".npz":
        images, labels, classes = _npz(path, wanted)
    elif "idx" in path.name:
        images, labels, classes = _idx(path, wanted)
    else:
        raise DataError(f"{path}: expected {KINDS}")
    try:
        return Dataset.from_arrays(images, labels, classes, wanted.division)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


Found = tuple[NDArray[np.uint8], NDArray[np.int64] | None, Sequence[str]]


def _folder(folder: Path, wanted: Wanted) -> Found:
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    classes = [path.name for path in visible if path.is_dir()]
    loose = _pictures(folder, [path for path in visible if not path.is_dir()])
    if classes and loose:
        raise DataError(
            f"{loose[0]}: lies beside folders of classes ({classes[0]}); expected pictures in "
            "every subfolder, or no subfolder"
        )
    members: list[tuple[Path, int]] = [(path, 0) for path in loose]
    for label, name in enumerate(classes):
        inside = sorted(path for path in (folder / name).iterdir() if path.name[0] != ".")
        found = _pictures(folder / name, inside)
        if not found:
            raise DataError(f"{folder / name}: has no PNG or JPEG; expected some of every class")
        members += [(path, label) for path in found]
    if not members:
        raise DataError(f"{folder}: has no PNG or JPEG in it")
    _require_bounded(len(members), wanted.image_size, folder)
    images = np.empty((len(members), wanted.image_size, wanted.image_size), np.uint8)
    for i, (path, _) in enumerate(_bar(members, wanted)):
        images[i] = read_picture(path, wanted.image_size, wanted.rule)
    return images, np.array([label for _, label in members]), classes


def _pictures(folder: Path, paths: Sequence[Path]) -> list[Path]:
    """The pictures among what lies in a folder. Raises `DataError` for what is none."""
    found = []
    for path in paths:
        if path.is_dir():
            raise DataError(f"{path}: a folder below {folder}; expected pictures there, no folders")
        if path.suffix.lower() in PICTURES:
            found.append(path)
        elif path.name.lower() not in NO_PICTURES:
            raise DataError(f"{path}: expected PNG or JPEG alone; save it so, or take it away")
    return found


def _npz(path: Path, wanted: Wanted) -> Found:
    try:
        arrays = read_arrays(path, "Write it by numpy.savez_compressed, images as uint8.")
    except RunError as error:
        raise DataError(str(error)) from None
    names = ", ".join(arrays) or "nothing"
    if "images" not in arrays or arrays.keys() - {"images", "labels", "classes"}:
        raise DataError(f"{path}: holds {names}; expected images, and labels and classes if any")
    classes = [str(name) for name in arrays.get("classes", np.array([])).ravel()]
    return _squares(arrays["images"], path, wanted), arrays.get("labels"), classes


def _idx(path: Path, wanted: Wanted) -> Found:
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    images = idx.parsed(idx.read_content(path), path, 3)
    labels = None
    if beside != path and beside.is_file():
        labels = idx.parsed(idx.read_content(beside), beside, 1).astype(np.int64)
    return _squares(images, path, wanted), labels, ()


def _squares(images: NDArray[Any], path: Path, wanted: Wanted) -> NDArray[np.uint8]:
    """Arrays of pictures (n, H, W) or (n, H, W, C) as (n, A, A); those that are so already, as they
    are."""
    grey = images.ndim == 3
    colours = images.ndim == 4 and images.shape[3] in (3, 4)
    if not (grey or colours) or 0 in images.shape:
        raise DataError(
            f"{path}: images of shape {images.shape}; expected (n, H, W), or (n, H, W, 3) or "
            "(n, H, W, 4) for colours"
        )
    size = wanted.image_size
    _require_bounded(len(images), size, path)
    values = grey_bytes(images, f"{path}: images")
    if grey and values.shape[1:] == (size, size) and wanted.rule.grey == "luminance":
        return np.uint8(255) - values if wanted.rule.invert else values
    squares = np.empty((len(values), size, size), np.uint8)
    for i, picture in enumerate(_bar(values, wanted)):
        squares[i] = grey_square(Image.fromarray(picture), size, wanted.rule, f"{path}: image {i}")
    return squares


def _require_bounded(count: int, size: int, path: Path) -> None:
    if count * size * size > LIMIT:
        raise DataError(
            f"{path}: {count:,} images of {size} x {size} pixels; expected at most {LIMIT:,} bytes"
        )


def _bar(things: Any, wanted: Wanted) -> Any:
    """A progress bar for what takes long; None lets tqdm decide by whether there is a terminal."""
    hidden = None if wanted.progress is None else not wanted.progress
    return tqdm(
        things, disable=hidden, unit="image", desc="converting", delay=1, dynamic_ncols=True
    )


ENTRY = Entry(FACTS, read)
