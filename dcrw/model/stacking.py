"""Several models at once: where weights have a leading dimension S, inputs hold S equal batches one
after another, each for its own weights."""

import torch
from torch import Tensor


def each_start(start: Tensor, dimensions: int, batch: int) -> Tensor:
    """A starting value for every image of a batch; of S values, each for its part of the batch."""
    shape = start.shape[-dimensions:]
    starts = start.reshape(-1, 1, *shape)
    return starts.expand(-1, batch // len(starts), *shape).reshape(batch, *shape)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b: (B, inputs) to (B, outputs).

    weight: (outputs, inputs) or (S, outputs, inputs); bias: (outputs,) or (S, outputs).
    """
    if weight.dim() == 2:
        return torch.addmm(bias, inputs, weight.t())
    return torch.baddbmm(bias.unsqueeze(1), by_weight(inputs, weight), weight.mT).flatten(0, 1)


def by_weight(rows: Tensor, weight: Tensor) -> Tensor:
    """(B, ...) as it is, or where the weight is S of them (S, B / S, ...)."""
    return rows if weight.dim() == 2 else rows.reshape(len(weight), -1, rows.shape[1])


def add_product(total: Tensor, rows: Tensor, weight: Tensor) -> None:
    """total (B, outputs) += rows (B, inputs) times weight (outputs, inputs), or S of them."""
    if weight.dim() == 2:
        total.addmm_(rows, weight.t())
    else:
        own = total.unflatten(0, (len(weight), -1))
        own.baddbmm_(rows.unflatten(0, (len(weight), -1)), weight.mT)
