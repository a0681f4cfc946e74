"""Several models at once: their weights stacked along a leading dimension S, their inputs S equal
batches one after another, each for its own weights."""

import copy
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)
Convolution = Callable[[Tensor, Tensor, Tensor, bool], Tensor]


def stacked(models: Sequence[Module]) -> Module:
    """One model that holds the weights of several, (S, ...) each."""
    joined = copy.deepcopy(models[0])
    for name, parameter in joined.named_parameters():
        parts = [model.get_parameter(name).detach() for model in models]
        parameter.data = torch.stack([part.contiguous() for part in parts])
    return joined


def unstacked(model: Module, place: int) -> Module:
    """One of the models in a stack, its weights copied."""
    own = copy.deepcopy(model)
    for parameter in own.parameters():
        parameter.data = parameter.data[place].clone()
        parameter.grad = None
    return own


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b: (B, inputs) to (B, outputs).

    weight: (outputs, inputs) or (S, outputs, inputs); bias: (outputs,) or (S, outputs).
    """
    if weight.dim() == 2:
        return torch.addmm(bias, inputs, weight.t())
    return torch.baddbmm(bias.unsqueeze(1), by_weight(inputs, weight), weight.mT).flatten(0, 1)


def model_by_model(convolution: Convolution) -> Convolution:
    """Let a convolution take stacked weights (S, outputs, channels, 3, 3) too: one model after
    another convolves its part of the images."""

    @wraps(convolution)
    def run(images: Tensor, weight: Tensor, bias: Tensor, keep_border: bool) -> Tensor:
        if weight.dim() == 4:
            return convolution(images, weight, bias, keep_border)
        parts = zip(images.chunk(len(weight)), weight, bias, strict=True)
        return torch.cat([convolution(*part, keep_border) for part in parts])

    return run


def each_start(start: Tensor, dimensions: int, batch: int) -> Tensor:
    """A starting value, whose own dimensions are so many, for every image of a batch (B, ...); of S
    values, each for its part of the batch."""
    shape = start.shape[-dimensions:]
    starts = start.reshape(-1, 1, *shape)
    return starts.expand(-1, batch // len(starts), *shape).reshape(batch, *shape)


def by_weight(rows: Tensor, weight: Tensor) -> Tensor:
    """Rows (B, n) as they are, or for S weights model by model, (S, B / S, n)."""
    return rows if weight.dim() == 2 else rows.reshape(len(weight), -1, rows.shape[1])


def add_product(total: Tensor, rows: Tensor, weight: Tensor) -> None:
    """total (B, outputs) += rows (B, inputs) times weight (outputs, inputs), or S of them."""
    if weight.dim() == 2:
        total.addmm_(rows, weight.t())
    else:
        own = total.unflatten(0, (len(weight), -1))
        own.baddbmm_(rows.unflatten(0, (len(weight), -1)), weight.mT)
