"""What a contestant is: its options, its images, and how many runs it stands for."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from common import TINY

from benchmarks import (
    contestants,
    textbook,
)
from dcrw.model import forms


@pytest.mark.parametrize("option", contestants.OPTIONS)
def test_options_leave_the_process_as_it_was(option: str) -> None:
    kinds = [getattr(torch.backends.mkldnn, name) for name in ("matmul", "conv")]

    def settings() -> list[object]:
        return [torch.get_num_threads(), *(kind.fp32_precision for kind in kinds)]

    before = settings()
    with contestants.under(option):
        assert forms._plain == set(contestants.PLAIN.get(option, ()))
        assert (settings()[1:] == ["bf16", "bf16"]) == (option == "bfloat16")
        assert torch.get_num_threads() == (1 if option == "one-thread" else before[0])
    assert settings() == before and not forms._plain


def test_several_seeds_count_as_so_many_runs(measured: Path) -> None:
    options = pd.read_csv(measured / "options.csv").set_index(["model", "option"])
    for model in textbook.MODELS:
        assert options.runs[model, "seeds"] == contestants.SEEDS
        assert options.ratio[model, "default"] == 1
    (entry, *_) = contestants.contestants(TINY | {"batch_size": 4})
    images = contestants.images_of(12)
    steps = contestants.training(entry._replace(option="seeds"), images, torch.device("cpu"))
    losses = next(steps)
    assert losses.shape == (contestants.SEEDS, 2) and len(set(losses[:, 0].tolist())) > 1


def test_images_have_the_size_that_is_asked_for() -> None:
    assert contestants.images_of(56).shape == (contestants.IMAGES, 56, 56)
    assert contestants.images_of(28)[:3].float().mean() > 10
