"""MNIST and its like: verified, compressed, damaged, out of reach; nothing left behind."""

import gzip
import hashlib
import os
import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from dcrw.training.data import DataError
from dcrw.training.datasets import mnist
from dcrw.training.datasets.facts import Entry, Sizes
from dcrw.training.datasets.table import DATASETS, load
from dcrw.training.evaluation import data_summary


def idx(array: np.ndarray) -> bytes:
    """The IDX format of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def files(monkeypatch) -> dict[str, bytes]:
    """A small data set in MNIST's format, with its own checksums, in the place of all three."""
    rng = np.random.default_rng(0)
    made = {}
    for part, count in (("train", 30), ("t10k", 8)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        made[f"{part}-images-idx3-ubyte"] = idx(images)
        made[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    packed = {f"{name}.gz": pack(content) for name, content in made.items()}
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in packed.items()}
    for source in (mnist.MNIST, mnist.FASHION, mnist.KUZUSHIJI):
        own = {"sha256": sums} if source.facts.sha256 else {"md5": md5}
        facts = source.facts._replace(sizes=Sizes(25, 5, 8), **own)
        entry = Entry(facts, partial(mnist.read, source._replace(facts=facts)))
        monkeypatch.setitem(DATASETS, source.name, entry)
    return made


def pack(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def place(root: Path, files: dict[str, bytes], folder: str = "MNIST") -> Path:
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return raw


SPELLINGS = {
    "as they are": lambda name, content: (name, content),
    "dotted": lambda name, content: (name.replace("-idx", ".idx"), content),
    "compressed": lambda name, content: (f"{name}.gz", pack(content)),
    "both": lambda name, content: (f"{name.replace('-idx', '.idx')}.gz", gzip.compress(content, 1)),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_splits_are_the_files_in_order(tmp_path, files, spelling):
    raw = place(tmp_path, dict(SPELLINGS[spelling](*item) for item in files.items()))
    before = sorted(raw.iterdir())
    found = load("mnist", tmp_path)
    assert [len(split.images) for split in found.splits().values()] == [25, 5, 8]
    pixels = np.frombuffer(files["train-images-idx3-ubyte"][16:], np.uint8).reshape(30, 28, 28)
    joined = torch.cat([found.train.images, found.validation.images])
    np.testing.assert_array_equal(joined, pixels)
    assert found.train.images.dtype == torch.uint8 and found.test.labels.shape == (8,)
    assert (found.name, found.classes) == ("mnist", tuple("0123456789"))
    assert sorted(raw.iterdir()) == before and [*tmp_path.iterdir()] == [tmp_path / "MNIST"]


@pytest.mark.parametrize("damage", ["missing", "truncated", "corrupt"])
@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_named_and_left_alone(tmp_path, files, damage, compressed):
    content = {f"{name}.gz": pack(whole) for name, whole in files.items()} if compressed else files
    raw = place(tmp_path, content)
    name = "t10k-labels-idx1-ubyte" + ".gz" * compressed
    whole = content[name]
    if damage == "missing":
        (raw / name).unlink()
    else:
        damaged = whole[:-3] if damage == "truncated" else whole[:-9] + b"\xff" + whole[-8:]
        (raw / name).write_bytes(damaged)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    with pytest.raises(DataError, match=name.removesuffix(".gz")) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    assert str(raw) in message
    assert compressed or "DCRW_DATA" in message
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "folder"), [("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def test_the_others_are_their_archives(tmp_path, files, name, folder):
    packed = {f"{name}.gz": pack(content) for name, content in files.items()}
    raw = place(tmp_path, packed, folder)
    found = load(name, tmp_path)
    assert found.name == name and len(found.classes) == 10
    assert len(found.train.images) == 25
    broken = "train-labels-idx1-ubyte.gz"
    (raw / broken).write_bytes(gzip.compress(files[broken[:-3]], 1))
    with pytest.raises(DataError, match=rf"{broken}: MD5 is .*; expected"):
        load(name, tmp_path)
    (raw / broken).unlink()
    (raw / broken[:-3]).write_bytes(files[broken[:-3]])
    with pytest.raises(DataError, match="the archive is needed"):
        load(name, tmp_path)


def test_checksums_and_classes_are_torchvisions():
    for source in (mnist.FASHION, mnist.KUZUSHIJI):
        theirs = getattr(torchvision.datasets, source.folder)
        assert dict(theirs.resources) == source.facts.md5
        assert tuple(theirs.classes) == source.facts.classes
    assert set(mnist.MNIST.facts.sha256) == set(mnist.NAMES)
    assert sum(mnist.SIZES) == 70_000


def pretend_download(monkeypatch, deliver):
    class Source:
        def __init__(self, root, download=False, train=True):
            assert download
            deliver(Path(root))

    monkeypatch.setattr(torchvision.datasets, "MNIST", Source)
    monkeypatch.setattr(torchvision.datasets, "KMNIST", Source)


@pytest.mark.parametrize("there", [False, True])
def test_out_of_reach_names_the_files_and_leaves_nothing(tmp_path, files, monkeypatch, there):
    def fail(root):
        place(root, dict(list(files.items())[:2]))
        raise RuntimeError("Error downloading: no route to host")

    pretend_download(monkeypatch, fail)
    root = tmp_path / "one" / "two"
    if there:
        root.mkdir(parents=True)
        (root / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"the download failed: .*no route to host") as caught:
        load("mnist", root)
    assert "train-images-idx3-ubyte" in str(caught.value)
    left = [path for path in tmp_path.rglob("*") if path.is_file() or not any(path.iterdir())]
    assert left == ([root / "mine.txt"] if there else [])


def test_a_corrupt_download_is_not_kept(tmp_path, files, monkeypatch):
    corrupt = files | {"train-labels-idx1-ubyte": b"<html>"}
    pretend_download(monkeypatch, lambda root: place(root, corrupt))
    with pytest.raises(DataError, match="train-labels-idx1-ubyte: SHA-256 is"):
        load("mnist", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_good_download_is_moved_into_place(tmp_path, files, monkeypatch):
    packed = {f"{name}.gz": pack(content) for name, content in files.items()}
    pretend_download(monkeypatch, lambda root: place(root, files | packed))
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)  # empty, as an older version left it
    load("mnist", tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == files
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]
    pretend_download(monkeypatch, lambda root: place(root, files | packed, "KMNIST"))
    load("kmnist", tmp_path)
    raw = tmp_path / "KMNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == packed


@pytest.mark.skipif(
    not os.environ.get("DCRW_DATA"), reason="MNIST's folder is not named in DCRW_DATA"
)
def test_real_mnist_has_its_known_size_and_entropy():
    found = load("mnist", os.environ["DCRW_DATA"])
    assert [len(split.images) for split in found.splits().values()] == [55_000, 5_000, 10_000]
    assert found.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data_summary(found)["test"]["entropy"] == pytest.approx(45.53, abs=0.01)
    assert data_summary(found)["test"]["mean_image"] == pytest.approx(205.80, abs=0.02)
