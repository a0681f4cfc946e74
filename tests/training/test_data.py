"""Arrays of one's own: what is taken, by which rule, and what is refused by name."""

from pathlib import Path

import numpy as np
import pytest
import tiny_runs
import torch
from hypothesis import given
from hypothesis import strategies as st

from dcrw.training.config import DataConfig
from dcrw.training.data import (
    DataError,
    Dataset,
    Division,
    Split,
    data_root,
    grey_bytes,
    to_unit,
)
from dcrw.training.evaluation import evaluate
from dcrw.training.loop import train
from dcrw.training.run import Run


def pictures(count: int = 30, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


@given(st.integers(3, 200), st.floats(0.01, 0.49), st.floats(0.01, 0.45), st.integers(0, 9))
def test_a_division_keeps_every_image_once(count, validation, test, seed):
    images = np.repeat(np.arange(count, dtype=np.uint8) + 50, 4).reshape(-1, 2, 2)
    division = Division(validation, test, seed)
    sizes = [max(1, round(count * share)) for share in (test, validation)]
    if sum(sizes) >= count:
        return
    found = Dataset.from_arrays(images, np.arange(count), division=division)
    assert [len(found.test.images), len(found.validation.images)] == sizes
    labels = torch.cat([split.labels for split in found.splits().values()])
    assert sorted(labels.tolist()) == list(range(count))
    for split in found.splits().values():
        assert split.images[:, 0, 0].tolist() == [(label + 50) % 256 for label in split.labels]
    again = Dataset.from_arrays(images, np.arange(count), division=division)
    assert again.digest == found.digest


def test_the_digest_tells_images_labels_and_divisions_apart():
    images, labels = pictures(), np.arange(30) % 3
    one_pixel, one_label = images.copy(), labels.copy()
    one_pixel[0, 0, 0] ^= 1
    one_label[0] += 1
    found = [
        Dataset.from_arrays(images, labels),
        Dataset.from_arrays(one_pixel, labels),
        Dataset.from_arrays(images, one_label),
        Dataset.from_arrays(images, labels, division=Division(seed=1)),
        Dataset.from_arrays(images, labels, division=Division(test=0.2)),
    ]
    assert len({one.digest for one in found}) == 5
    assert Dataset.from_arrays(torch.from_numpy(images), labels).digest == found[0].digest


def test_floats_are_grey_values_and_not_divided_again():
    images = pictures()
    assert np.array_equal(grey_bytes(images / 255, "x"), images)
    assert np.array_equal(grey_bytes((images / 255).astype(np.float32), "x"), images)
    assert grey_bytes(images > 9, "x").max() == 255
    floats = Dataset.from_arrays(images / 255)
    assert floats.digest == Dataset.from_arrays(images).digest
    with pytest.raises(DataError, match=r"float32; expected torch\.uint8"):
        to_unit(torch.rand(2, 8, 8))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pictures() / 100, "values from 0.0 to 2.55 .float64.; expected floats from 0 to 1"),
        (np.full((3, 8, 8), np.nan), "values from nan to nan"),
        (np.full((3, 8, 8), -1), "values from -1 to -1 .int64.; expected whole numbers from 0"),
        (np.ones((3, 8, 8), np.uint8), "all but black"),
        (np.zeros((3, 8, 8), complex), "type complex128; expected uint8, float or bool"),
        (np.zeros((3, 8, 9)), r"shape \(3, 8, 9\); expected \(n, A, A\)"),
        (np.zeros((3, 8, 8, 3)), r"shape \(3, 8, 8, 3\)"),
        (np.zeros((0, 8, 8)), "0 images: expected more"),
        (np.zeros((2, 8, 8)), "2 images: expected more"),
    ],
)
def test_other_arrays_are_refused(images, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(images)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (np.arange(29), (), r"shape \(29,\) and type int64; expected \(30,\)"),
        (np.ones(30), (), "type float64"),
        (np.full(30, -1), (), "from -1 to -1"),
        (np.full(30, 2), ("a", "b"), "from 2 to 2; expected 0 to 1"),
    ],
)
def test_other_labels_are_refused(labels, classes, message):
    with pytest.raises(DataError, match=f"labels: .*{message}"):
        Dataset.from_arrays(pictures(), labels, classes)


def test_splits_of_another_form_are_refused():
    good = Split(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
    for images, labels, message in (
        (torch.rand(3, 8, 8), good.labels, "torch.float32; expected"),
        (good.images[:, :, :4], good.labels, "expected one square size"),
        (good.images[:0], good.labels[:0], "at least one image"),
        (good.images, good.labels[:2], r"labels of shape \(2,\)"),
    ):
        with pytest.raises(DataError, match=f"test: .*{message}"):
            Dataset(good, good, Split(images, labels))


def test_a_model_of_ones_own_images_is_not_labelled_mnist(tmp_path):
    mine = Dataset.from_arrays(pictures())
    with pytest.raises(DataError, match="the images are 'own'; expected 'mnist'"):
        train(Run(tmp_path), tiny_runs.tiny(), mine)
    assert not list(tmp_path.iterdir())
    config = tiny_runs.tiny().with_data(mine)
    assert config.data == DataConfig(dataset="own", own_sha256=mine.digest)
    run = train(Run(tmp_path), config, mine)
    recorded = run.provenance["data"]
    assert recorded["name"] == "own" and recorded["sha256"] == mine.digest
    assert recorded["images"] == {"train": 24, "validation": 3, "test": 3}
    other = Dataset.from_arrays(255 - pictures())
    settings = tiny_runs.STATE  # any: the images are looked at first
    with pytest.raises(DataError, match=r"own_sha256 = .*the images have the digest"):
        evaluate(run, other, settings, torch.device("cpu"))
    with pytest.raises(DataError, match="the images have the digest"):
        train(Run(tmp_path / "other"), config, other)


def test_a_named_data_set_of_other_content_is_refused(tmp_path, dataset):
    run = train(Run(tmp_path), tiny_runs.tiny(), dataset)
    run.require_data(dataset)
    fewer = Split(dataset.train.images[:9], dataset.train.labels[:9])
    with pytest.raises(DataError, match="was trained on images with SHA-256"):
        run.require_data(Dataset(fewer, fewer, fewer, name="mnist"))


dataset = tiny_runs.dataset


def test_the_root_is_the_parameter_then_the_variable_then_data(monkeypatch):
    monkeypatch.setenv("DCRW_DATA", "elsewhere")
    project = Path("/project")
    assert data_root("given", project) == project / "given"
    assert data_root("/absolute", project) == Path("/absolute")
    assert data_root("", project) == project / "elsewhere"
    monkeypatch.setenv("HOME", "/someone")
    assert data_root("~/data", project) == Path("/someone/data")
    monkeypatch.setenv("DCRW_DATA", "~/data")
    assert data_root("", project) == Path("/someone/data")
    monkeypatch.delenv("DCRW_DATA")
    assert data_root("", project) == project / "data"
    with pytest.raises(DataError, match="~nobody-at-all"):
        data_root("~nobody-at-all/data", project)
