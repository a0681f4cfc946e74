"""Data: verified, missing, truncated, corrupt, out of reach; nothing half-written."""

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from dcrw.training import data as data_module
from dcrw.training.data import DataError, data_root, fetch_mnist, load
from dcrw.training.evaluation import data_summary


def idx(array: np.ndarray) -> bytes:
    """The IDX format of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def files(monkeypatch) -> dict[str, bytes]:
    """A small data set in MNIST's format, with its own checksums."""
    rng = np.random.default_rng(0)
    made = {}
    for part, count in (("train", 30), ("t10k", 8)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        made[f"{part}-images-idx3-ubyte"] = idx(images)
        made[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    monkeypatch.setattr("dcrw.training.data.MNIST_SHA256", sums)
    monkeypatch.setitem(data_module.SIZES, "mnist", data_module.Sizes(25, 5, 8))
    return made


def place(root: Path, files: dict[str, bytes]) -> Path:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return raw


def test_splits_are_the_files_in_order(tmp_path, files):
    place(tmp_path, files)
    found = load("mnist", tmp_path)
    assert [len(split.images) for split in found] == [25, 5, 8]
    raw = np.frombuffer(files["train-images-idx3-ubyte"][16:], np.uint8).reshape(30, 28, 28)
    np.testing.assert_array_equal(torch.cat([found.train.images, found.validation.images]), raw)
    assert found.train.images.dtype == torch.uint8 and found.test.labels.shape == (8,)


@pytest.mark.parametrize("damage", ["missing", "truncated", "corrupt"])
def test_damaged_files_are_named_and_left_alone(tmp_path, files, damage):
    raw = place(tmp_path, files)
    name = "t10k-labels-idx1-ubyte"
    if damage == "missing":
        (raw / name).unlink()
    else:
        whole = files[name]
        (raw / name).write_bytes(whole[:-3] if damage == "truncated" else whole[:-1] + b"\xff")
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    with pytest.raises(DataError, match=name) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    assert str(raw) in message and "DCRW_DATA" in message
    if damage != "missing":
        assert data_module.MNIST_SHA256[name] in message
        assert hashlib.sha256(before[name]).hexdigest() in message
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


def test_what_torchvision_cached_is_not_taken_for_the_verified_files(tmp_path, files):
    place(tmp_path, files)
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.ones(2, 28, 28), torch.ones(2)), processed / name)
    assert len(load("mnist", tmp_path).train.images) == 25


def pretend_download(monkeypatch, deliver):
    class Source:
        def __init__(self, root, download=False, train=True):
            assert download
            deliver(Path(root))

    monkeypatch.setattr(torchvision.datasets, "MNIST", Source)


def test_out_of_reach_names_the_files_and_leaves_nothing(tmp_path, files, monkeypatch):
    def fail(root):
        place(root, dict(list(files.items())[:2]))
        raise RuntimeError("Error downloading: no route to host")

    pretend_download(monkeypatch, fail)
    with pytest.raises(DataError, match=r"the download failed: .*no route to host") as caught:
        fetch_mnist(tmp_path / "new")
    assert "train-images-idx3-ubyte" in str(caught.value)
    assert not [
        path
        for path in (tmp_path / "new").rglob("*")
        if path.is_file() and path.name != ".download.lock"
    ]


def test_a_corrupt_download_is_not_kept(tmp_path, files, monkeypatch):
    corrupt = files | {"train-labels-idx1-ubyte": b"<html>"}
    pretend_download(monkeypatch, lambda root: place(root, corrupt))
    with pytest.raises(DataError, match="train-labels-idx1-ubyte: SHA-256 is"):
        fetch_mnist(tmp_path)
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".download.lock"
    ]


def test_a_good_download_is_moved_into_place(tmp_path, files, monkeypatch):
    pretend_download(monkeypatch, lambda root: place(root, files))
    fetch_mnist(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == files
    assert {path.name for path in tmp_path.iterdir()} <= {"MNIST", ".download.lock"}


def test_the_root_is_the_parameter_then_the_variable_then_data(monkeypatch):
    monkeypatch.setenv("DCRW_DATA", "elsewhere")
    project = Path("/project")
    assert data_root("given", project) == project / "given"
    assert data_root("/absolute", project) == Path("/absolute")
    assert data_root("", project) == project / "elsewhere"
    monkeypatch.delenv("DCRW_DATA")
    assert data_root("", project) == project / "data"


def test_unknown_data_sets_are_refused():
    with pytest.raises(DataError, match="dataset = 'cifar': expected mnist or digits"):
        load("cifar")


def test_digits_come_with_the_package():
    found = load("digits", "/nowhere")
    assert [len(split.images) for split in found] == [1400, 100, 297]
    assert found.train.images.shape[1:] == (28, 28) and found.train.images.dtype == torch.uint8
    for split in found:
        assert set(split.labels.tolist()) == set(range(10))
        assert split.images.max() == 255 and split.images.min() == 0
    again = load("digits")
    assert torch.equal(again.test.images, found.test.images)


@pytest.mark.skipif(
    not os.environ.get("DCRW_DATA"), reason="MNIST's folder is not named in DCRW_DATA"
)
def test_real_mnist_has_its_known_size_and_entropy():
    found = load("mnist", os.environ["DCRW_DATA"])
    assert [len(split.images) for split in found] == [55_000, 5_000, 10_000]
    assert found.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data_summary(found)["test"]["entropy"] == pytest.approx(45.53, abs=0.01)
    assert data_summary(found)["test"]["mean_image"] == pytest.approx(205.80, abs=0.02)


def test_sizes_are_those_of_the_data_sets():
    found = load("digits")
    assert tuple(len(split.images) for split in found) == data_module.SIZES["digits"]
    assert sum(data_module.SIZES["mnist"]) == 70_000
