"""The state before the first step, and what a step makes of it."""

import pytest
import torch
from common import TINY
from tiny_models import RECURRENT, inputs, make

from dcrw.model import attention
from dcrw.model.architectures import FACTS
from dcrw.model.config import ModelConfig


@pytest.mark.parametrize("architecture", RECURRENT)
def test_read_filters_are_those_of_the_read_window(architecture: str) -> None:
    config = ModelConfig(architecture=architecture, **TINY)
    model, (images, noise) = make(config), inputs(config)
    state, seen = model.initial(2), model.encoder.look(images)
    assert state.memory is None
    for epsilon in noise:
        assert (state.read_filters is not None) == FACTS[architecture].reads
        if state.read_filters is not None:
            window = attention.window(state.read_window, 5, 12)
            torch.testing.assert_close(state.read_filters, attention.filters_of(window, 5, 12))
        state, _ = model.step(seen, state, epsilon)
