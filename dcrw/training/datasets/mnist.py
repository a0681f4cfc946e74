"""MNIST and two data sets in its form, where torchvision keeps them: `<root>/MNIST/raw` and so on.

The four files of MNIST are known by the SHA-256 of what they hold, decompressed or not; of the
others the MD5 of the archives is known, so that the archives are what is read. Nothing is written
but a download that was verified, and nothing is left behind where it fails.
"""

import hashlib
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import filelock
import torch

from dcrw.training.data import DataError, Dataset, Split
from dcrw.training.datasets import idx
from dcrw.training.datasets.facts import Entry, Facts, Sizes, Wanted

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SIZES = Sizes(55_000, 5_000, 10_000)  # the last 5,000 training images are for validation
CONTENT_LIMIT = 16 + 60_000 * 28 * 28


class Source(NamedTuple):
    """One of these data sets."""

    name: str
    folder: str  # below the root, and torchvision's class
    facts: Facts


def _by_name(*digests: str, ending: str = "") -> dict[str, str]:
    return {name + ending: digest for name, digest in zip(NAMES, digests, strict=True)}


MNIST = Source(
    "mnist",
    "MNIST",
    Facts(
        title="handwritten digits",
        source="Y. LeCun, C. Cortes and C. J. C. Burges, http://yann.lecun.com/exdb/mnist",
        licence="CC BY-SA 3.0, as its users state it; its page names none",
        image_size=28,
        classes=tuple("0123456789"),
        sizes=SIZES,
        sha256=_by_name(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
)
FASHION = Source(
    "fashion-mnist",
    "FashionMNIST",
    Facts(
        title="photographs of clothes",
        source="H. Xiao, K. Rasul and R. Vollgraf, Zalando Research, "
        "https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        image_size=28,
        classes=(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ),
        sizes=SIZES,
        md5=_by_name(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
            ending=".gz",
        ),
    ),
)  # fmt: skip
KUZUSHIJI = Source(
    "kmnist",
    "KMNIST",
    Facts(
        title="cursive Japanese characters",
        source="T. Clanuwat and others, Center for Open Data in the Humanities, "
        "https://github.com/rois-codh/kmnist",
        licence="CC BY-SA 4.0",
        image_size=28,
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        sizes=SIZES,
        md5=_by_name(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
            ending=".gz",
        ),
    ),
)


def read(source: Source, wanted: Wanted) -> Dataset:
    """The splits, in the order of the files. Downloads them where none is there. Raises `DataError`
    that names the file, what was expected and found, and the way out."""
    raw = wanted.root / source.folder / "raw"
    if not any(_found(raw, name) for name in NAMES):
        _download(source, wanted.root)
    content = {name: _verified(source, raw, name, _way_out(source, raw)) for name in NAMES}
    splits = []
    for part in ("train", "t10k"):
        images, labels = (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
        pixels = idx.parsed(content[images], raw / images, 3)
        kinds = idx.parsed(content[labels], raw / labels, 1)
        splits.append(Split(torch.from_numpy(pixels), torch.from_numpy(kinds).long()))
    train, test = splits
    assert source.facts.sizes is not None
    cut = source.facts.sizes.train
    first, rest = (Split(*(values[part] for values in train)) for part in _parts(cut))
    return Dataset(first, rest, test, name=source.name, classes=source.facts.classes)


def _parts(cut: int) -> tuple[slice, slice]:
    return slice(None, cut), slice(cut, None)


def _found(raw: Path, name: str) -> Path | None:
    """The file in one of its spellings, the decompressed one first."""
    paths = (raw / spelling for spelling in idx.spellings(name))
    return next((path for path in paths if path.is_file()), None)


def _verified(source: Source, raw: Path, name: str, way_out: str) -> bytes:
    """What one of the four files holds. Raises `DataError`."""
    if source.facts.sha256:
        path = _found(raw, name)
        if path is None:
            raise DataError(
                f"{raw / name}: missing, though other files of {source.name} are there. {way_out}"
            )
        content = idx.read_content(path, CONTENT_LIMIT)
        _compare(path, content, "sha256", source.facts.sha256[name], way_out)
        return content
    archives = [raw / spelling for spelling in idx.spellings(f"{name}.gz")[:2]]
    path = next((path for path in archives if path.is_file()), None)
    if path is None:
        raise DataError(
            f"{archives[0]}: missing; the archive is needed, since what it holds has no checksum "
            f"of its own. {way_out}"
        )
    packed = idx.read_content(path, CONTENT_LIMIT, packed=True)
    _compare(path, packed, "md5", source.facts.md5[f"{name}.gz"], way_out)
    return idx.decompressed(packed, path, CONTENT_LIMIT)


def _compare(path: Path, content: bytes, kind: str, expected: str, way_out: str) -> None:
    found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
    if found != expected:
        label = {"sha256": "SHA-256", "md5": "MD5"}[kind]
        raise DataError(
            f"{path}: {label} is {found} ({len(content)} bytes); expected {expected}. {way_out}"
        )


def _download(source: Source, root: Path) -> None:
    """Download into a scratch folder, verify there, and move all files at once."""
    from torchvision import datasets  # seconds to import, and only this needs it

    raw = root / source.folder / "raw"
    made = [folder for folder in (raw.parent, root, *root.parents) if not folder.exists()]
    lock = root / ".download.lock"  # several runs may start at once
    try:
        root.mkdir(parents=True, exist_ok=True)
        scratch_folder = tempfile.TemporaryDirectory(dir=root, prefix=".download-")
        with filelock.FileLock(lock), scratch_folder as scratch:
            if not any(_found(raw, name) for name in NAMES):
                getattr(datasets, source.folder)(scratch, download=True)
                fetched = Path(scratch) / source.folder / "raw"
                for name in NAMES:
                    _verified(source, fetched, name, "The download was damaged; try again.")
                _keep(fetched, raw, ".gz" if source.facts.md5 else "")
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{raw}: none of {', '.join(NAMES)} is there, and the download failed: {error}. "
            f"{_way_out(source, raw)}"
        ) from error
    finally:
        lock.unlink(missing_ok=True)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _keep(fetched: Path, raw: Path, ending: str) -> None:
    """Move the four files into place: the archives, or what they hold."""
    for path in fetched.iterdir():
        if path.name not in [name + ending for name in NAMES]:
            path.unlink()
    raw.parent.mkdir(parents=True, exist_ok=True)
    if raw.is_dir() and not any(raw.iterdir()):
        raw.rmdir()
    fetched.replace(raw)


def _way_out(source: Source, raw: Path) -> str:
    kind = "archives (.gz)" if source.facts.md5 else "IDX files (as they are, or .gz)"
    return (
        f"Put the four {kind} of {source.name} into {raw}, or name a folder that holds "
        f"{source.folder}/raw in DCRW_DATA or the parameter data_root; to download afresh, remove "
        "that folder."
    )


ENTRIES = {
    source.name: Entry(source.facts, partial(read, source))
    for source in (MNIST, FASHION, KUZUSHIJI)
}
