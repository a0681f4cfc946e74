"""Tiny models in double precision with inputs for them, and gradients to compare."""

import itertools
from collections.abc import Callable

import torch
from common import TINY
from torch import Tensor

from dcrw.model.architectures import FACTS
from dcrw.model.attention import Conventions
from dcrw.model.config import ModelConfig
from dcrw.model.forms import plain
from dcrw.model.writer import Model, build

RECURRENT = [name for name, facts in FACTS.items() if facts.recurrent]


CONVENTIONS = [
    Conventions(*values)
    for values in itertools.product(
        ("five", "four"),
        ("one-based", "mixed", "mixed-integer"),
        ("softmax", "clamped-sum"),
        ("gaussian", "squared-ratio"),
    )
]


def make(config: ModelConfig, seed: int = 0):
    torch.manual_seed(seed)
    model = build(config).double()
    for name, parameter in model.named_parameters():
        if name.startswith("initial") or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def inputs(config: ModelConfig, batch: int = 2, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(
        batch, config.image_size, config.image_size, generator=generator, dtype=torch.float64
    )
    noise = torch.randn(
        config.steps, batch, config.latent_size, generator=generator, dtype=torch.float64
    )
    return images, noise


def tiny(**settings: object) -> tuple[Model, Tensor, Tensor]:
    """A tiny model in float64 whose biases are not zero, images and noise for it."""
    config = ModelConfig(**TINY | settings)
    torch.manual_seed(0)
    model = build(config).double()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    images = torch.rand(4, 12, 12, dtype=torch.float64)
    noise = torch.randn(config.steps, 4, 2, dtype=torch.float64)
    return model, images, noise


def leaf(*shape: int, scale: float = 1.0) -> Tensor:
    return (scale * torch.randn(*shape, dtype=torch.float64)).requires_grad_()


def outputs_and_gradients(
    run: Callable[..., Tensor | tuple[Tensor, ...]], inputs: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """What `run` returns, and the gradients of a weighted sum of it."""
    torch.manual_seed(1)
    found = run(*inputs)
    outputs = [found] if isinstance(found, Tensor) else list(found)
    total = sum((torch.randn(output.shape).to(output) * output).sum() for output in outputs)
    return outputs, list(torch.autograd.grad(total, inputs))


def assert_as_plain(run: Callable[..., Tensor | tuple[Tensor, ...]], inputs: list[Tensor]) -> None:
    fast = outputs_and_gradients(run, inputs)
    with plain():
        slow = outputs_and_gradients(run, inputs)
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)
