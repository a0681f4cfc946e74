"""The arithmetic of an iteration is what torch counts."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from common import TINY
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import (
    contestants,
    flops,
    textbook,
)
from dcrw.model.config import ModelConfig
from dcrw.model.writer import build, loss_terms


def counted(run: Callable[[], Tensor]) -> int:
    def added(_total: Any, rows: Any, weight: Any, **_options: Any) -> int:
        return 2 * rows[0] * rows[1] * weight[1]

    in_place = {torch.ops.aten.addmm_: added}  # which torch leaves out
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        run().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("sizes", [TINY, {}, {"image_size": 33, "read_size": 9}], ids=str)
@pytest.mark.parametrize("architecture", textbook.MODELS)
def test_flops_are_those_that_torch_counts(architecture: str, sizes: dict[str, int]) -> None:
    config, batch = ModelConfig(architecture=architecture, **sizes), 3
    images = torch.rand(batch, config.image_size, config.image_size)
    noise = torch.randn(config.steps, batch, config.latent_size)
    slow = textbook.MODELS[architecture](**config.model_dump(include=set(contestants.SIZES)))
    expected = flops.iteration_flops(config, batch)
    assert counted(lambda: sum(slow(images.unsqueeze(1), noise))) == expected

    model = build(config)

    def ours() -> Tensor:
        terms = loss_terms(model, images, noise)
        return terms.reconstruction.sum() + terms.latent.sum()

    if not sizes:  # at small sizes what fusing adds to the products is not small
        assert counted(ours) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize(
    "change", [{"architecture": "conv-vae", "steps": 1}, {"pooling": "drop-border"}], ids=str
)
def test_flops_refuse_what_they_do_not_count(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        flops.iteration_flops(ModelConfig(**change), 1)
