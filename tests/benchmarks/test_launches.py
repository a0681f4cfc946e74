"""Launched operations are counted, and counted right."""

import pytest
import torch
from common import TINY

from benchmarks import (
    launches,
    textbook,
)
from dcrw.model.config import ModelConfig


def test_launches_are_what_computes_or_copies() -> None:
    weight = torch.ones(3, 3, requires_grad=True)
    with launches.Launches() as found:
        rows = torch.empty(3, 3).zero_().t().unsqueeze(0)[0]  # one: zero_
        (rows @ weight).sum().backward()  # mm and sum; ones, the sum's gradient; mm
    assert found.counts == {"zero_": 1, "mm": 2, "sum": 1, "ones_like": 1}


@pytest.mark.parametrize("architecture", textbook.MODELS)
def test_launches_grow_with_the_steps_and_not_with_the_pixels(architecture: str) -> None:
    def count(**sizes: int) -> int:
        return launches.launched(ModelConfig(architecture=architecture, **TINY | sizes)).total()

    per_step = count(steps=3) - count(steps=2)
    assert per_step > 0 and count(steps=6) == count(steps=3) + 3 * per_step
    assert count(image_size=20) == count(image_size=12)


@pytest.mark.parametrize("architecture", textbook.MODELS)
def test_written_by_hand_launches_less(architecture: str) -> None:
    config = ModelConfig(architecture=architecture)
    assert launches.launched(config).total() < launches.launched(config, "plain").total()
