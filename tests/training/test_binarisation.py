"""Two-valued images: each way to them recomputed; grey training unchanged."""

import numpy as np
import pytest
import tiny_runs
import torch
from tiny_runs import assert_same_weights, dataset, tiny

from dcrw.training.binarisation import above, binarised, levels, training_images
from dcrw.training.config import RunConfig, make_config
from dcrw.training.data import Dataset
from dcrw.training.engine import Engine
from dcrw.training.loop import train, train_seeds
from dcrw.training.run import Run

__all__ = ["dataset"]  # a fixture
GREY = np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), (4000, 1, 1))


@pytest.fixture(scope="module")
def grey() -> Dataset:
    return Dataset.from_arrays(GREY)


def with_binarisation(how: str, **more) -> RunConfig:
    settings = tiny(**more).model_dump()
    settings["data"]["binarisation"] = how
    return make_config(settings)


def test_none_is_the_default_and_changes_nothing(grey):
    assert binarised(grey, "none") is grey
    assert RunConfig().data.binarisation == "none"
    assert RunConfig().digest == "44136fa3"  # of the committed runs


def test_the_threshold_is_at_half(grey):
    found = binarised(grey, "threshold").test.images.numpy()
    assert np.array_equal(found, np.where(GREY[:400] >= 128, 255, 0))


@pytest.mark.parametrize("how", ["sampled", "dynamic"])
def test_sampling_is_fair_repeatable_and_done_once(grey, how):
    found = binarised(grey, how)
    for split in found.splits().values():
        assert set(split.images.unique().tolist()) == {0, 255}
    share = (found.train.images == 255).double().mean(0).flatten().numpy()
    expected = np.arange(256) / 255
    assert np.abs(share - expected).max() < 5 * 0.5 / np.sqrt(3200)
    assert share[0] == 0 and share[255] == 1
    assert torch.equal(found.train.images, binarised(grey, how).train.images)
    assert torch.equal(found.train.images, binarised(found, how).train.images)
    assert found.digest == grey.digest
    assert not torch.equal(found.train.images[:400], found.test.images)


def test_each_image_is_sampled_by_itself(grey):
    images = binarised(grey, "sampled").train.images
    assert len(images[:2000].unique(dim=0)) == 2000


def test_training_sees_grey_only_where_it_samples_anew(grey):
    assert training_images(grey, "none") is grey.train.images
    assert training_images(grey, "dynamic") is grey.train.images
    assert set(training_images(grey, "sampled").unique().tolist()) == {0, 255}


def test_levels_are_of_the_seed_and_the_iteration():
    shape = (3, 8, 8)
    assert np.array_equal(levels(1, 2, shape), levels(1, 2, shape))
    assert not np.array_equal(levels(1, 2, shape), levels(1, 3, shape))
    assert not np.array_equal(levels(1, 2, shape), levels(2, 2, shape))
    images = torch.tensor([0.0, 0.5, 1.0])
    assert above(images, torch.tensor([0.0, 0.4, 0.999])).tolist() == [0, 1, 1]
    assert above(images, torch.tensor([0.0, 0.5, 0.999])).tolist() == [0, 0, 1]


def test_a_dynamic_iteration_is_one_on_the_images_so_sampled():
    """The engine's own loss, against that of an engine whose images were sampled beforehand."""
    images = torch.randint(0, 256, (5, 8, 8), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    indices = np.arange(5)
    noise = np.random.default_rng(0).standard_normal((2, 5, 2)).astype(np.float32)
    uniform = levels(0, 7, (5, 8, 8))
    sampled = torch.from_numpy((uniform < images.numpy() / np.float32(255)) * np.uint8(255))
    device = torch.device("cpu")
    dynamic = Engine(with_binarisation("dynamic"), images, device)
    plain = Engine(tiny(), sampled, device)
    assert torch.equal(dynamic.iterate(indices, noise, uniform), plain.iterate(indices, noise))


@pytest.mark.parametrize("how", ["threshold", "sampled", "dynamic"])
def test_training_resumes_and_goes_side_by_side(tmp_path, dataset, how, monkeypatch):
    from common import Killed, kill_at

    grey = Dataset.from_arrays(dataset.train.images // 2 + 40)
    config = with_binarisation(how).with_data(grey)
    whole = train(Run(tmp_path / "whole"), config, grey)
    with monkeypatch.context() as patch:
        kill_at(patch, 7)
        with pytest.raises(Killed):
            train(Run(tmp_path / "cut"), config, grey)
    cut = train(Run(tmp_path / "cut"), config, grey)
    assert_same_weights(whole, cut)
    both = train_seeds(
        [Run(tmp_path / "a"), Run(tmp_path / "b")], [config, config.with_seed(1)], grey
    )
    first, alone = (tiny_runs.weights(run) for run in (both[0], whole))
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, atol=1e-4, rtol=1e-3)
    assert whole.provenance["data"]["binarisation"] == how
    assert config.data.in_words.startswith("own, binarised")
