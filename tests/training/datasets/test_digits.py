"""The digits that come with the package."""

import torch

from dcrw.training.datasets.table import DATASETS, load


def test_digits_come_with_the_package():
    found = load("digits", "/nowhere")
    sizes = [len(split.images) for split in found.splits().values()]
    assert sizes == list(DATASETS["digits"].facts.sizes)
    assert found.train.images.shape[1:] == (28, 28) and found.train.images.dtype == torch.uint8
    for split in found.splits().values():
        assert set(split.labels.tolist()) == set(range(10))
        assert split.images.max() == 255 and split.images.min() == 0
    assert torch.equal(load("digits").test.images, found.test.images)
