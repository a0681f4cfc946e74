"""What models do with test digits: what is kept of it, and what is rebuilt from that."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_galleries import (
    PAIRS,
    SIZE,
    digits,
    save_run,
    small_writer,
)

from dcrw.explorer.gallery import ExplorerError
from dcrw.explorer.recording import (
    Sampling,
    choose_digits,
    find_cells,
    load_writer,
    reconstruct,
    record,
)
from dcrw.model.config import ModelConfig
from dcrw.training.data import Split
from dcrw.training.files import RunError
from dcrw.training.run import Run


def test_temperature_scales_the_noise() -> None:
    model = small_writer()
    cold, warm = (reconstruct(model, digits(), Sampling(0, temperature)) for temperature in (0, 2))
    assert cold.mean is not None
    torch.testing.assert_close(cold.latent, cold.mean)
    assert not torch.allclose(warm.latent, cold.latent)


def test_digits_are_the_first_of_each_class_side_by_side() -> None:
    labels = torch.arange(10).repeat(3)
    split = Split(torch.zeros(30, SIZE, SIZE, dtype=torch.uint8), labels)
    assert choose_digits(split, 2).tolist() == list(range(20))
    assert choose_digits(split, 4).tolist() == list(range(30))


def test_no_more_images_of_a_class_than_the_smallest_has() -> None:
    """Of a few pictures of one's own some classes have one test image, some none."""
    labels = torch.tensor([5, 2, 5, 2, 2, 5, 5, 7, 5])
    split = Split(torch.zeros(len(labels), SIZE, SIZE, dtype=torch.uint8), labels)
    assert choose_digits(split, 4).tolist() == [1, 0, 7]
    assert choose_digits(Split(split.images, labels * 0), 4).tolist() == list(range(9))


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    given = {"image_size": SIZE, "read_size": 4, "write_size": 3}
    vae = ModelConfig.model_validate(given | {"architecture": "conv-vae", "steps": 1})
    with pytest.raises(ExplorerError, match="no windows to show"):
        load_writer(Run(save_run(tmp_path / "vae", vae)))
    stepwise = ModelConfig.model_validate(given | {"architecture": "dcrw-stepwise", "steps": 3})
    with pytest.raises(ExplorerError, match="expected steps = 3"):
        load_writer(Run(save_run(tmp_path / "stepwise", stepwise)), 4)
    with pytest.raises(RunError, match="not a complete run"):
        load_writer(Run(tmp_path / "nothing"))
    other = np.zeros((1, 28, 28), dtype=np.uint8)
    with pytest.raises(ExplorerError, match="takes images of 12 x 12 pixels"):
        record("small", small_writer(), other, PAIRS)
    with pytest.raises(ExplorerError, match="profile paper has no such cell; it has dcrw-fresh"):
        find_cells(["paper/nothing"])
