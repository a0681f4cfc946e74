"""Linear maps that share one matrix product, the LSTM cell, and how their weights start and are
clipped."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from dcrw import kernels
from dcrw.config import Initialiser


def initialise(weight: Tensor, initialiser: Initialiser) -> None:
    """Draw first weights (outputs, inputs, ...) in place: Xavier uniform, or U(+-sqrt(3 / inputs)),
    which keeps a signal's variance and is what TensorFlow took in 2016 where none was named."""
    if initialiser == "xavier":
        nn.init.xavier_uniform_(weight)
    else:
        limit = math.sqrt(3 / weight[0].numel())
        nn.init.uniform_(weight, -limit, limit)


class Heads(nn.Module):
    """Several linear maps of one input, computed as one matrix product.

    Each head starts and is clipped as if it stood alone.
    """

    def __init__(
        self, inputs: int, outputs: Mapping[str, int], initialiser: Initialiser = "xavier"
    ):
        super().__init__()
        self.outputs = dict(outputs)
        self.weight = nn.Parameter(torch.empty(sum(outputs.values()), inputs))
        self.bias = nn.Parameter(torch.zeros(sum(outputs.values())))
        for rows in self.rows().values():
            initialise(self.weight.data[rows], initialiser)

    def rows(self) -> dict[str, slice]:
        """The rows of weight and bias that belong to each head."""
        stops = torch.tensor(list(self.outputs.values())).cumsum(0).tolist()
        return {
            name: slice(stop - self.outputs[name], stop)
            for name, stop in zip(self.outputs, stops, strict=True)
        }

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """(B, inputs) to one (B, outputs) a head, by name."""
        parts = self.emit(features).split(list(self.outputs.values()), dim=1)
        return dict(zip(self.outputs, parts, strict=True))

    def emit(self, features: Tensor) -> Tensor:
        """(B, inputs) to what the heads emit, side by side in their order."""
        return kernels.linear(features, self.weight, self.bias)


class LSTMCell(nn.Module):
    """A long short-term memory cell with one weight matrix over [input, hidden]; gates i, f, o,
    then the update."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        forget_bias: float = 0.0,
        initialiser: Initialiser = "xavier",
    ):
        super().__init__()
        self.hidden = hidden
        self.weight = nn.Parameter(torch.empty(4 * hidden, inputs + hidden))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        initialise(self.weight.data, initialiser)
        self.bias.data[hidden : 2 * hidden] = forget_bias

    def forward(
        self, features: list[Tensor], hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step: features, each (B, ...), and the state (B, hidden) twice; returns the new
        hidden and cell."""
        inputs = torch.cat([*features, hidden], dim=1)
        return kernels.lstm_step(self.weight, self.bias, inputs, cell)

    def run(self, features: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        """All steps at once: features (B, T, inputs), the state before the first (B, hidden) twice;
        returns the hidden states (B, T, hidden)."""
        return kernels.lstm(self.weight, self.bias, features, hidden, cell)


def logical_heads(module: nn.Module) -> Iterator[tuple[str, dict[nn.Parameter, slice]]]:
    """The maps whose gradients are clipped apart: a name, and for each parameter the rows that
    belong to it.

    A head within `Heads` counts alone; any other layer's weight and bias count together.
    """
    for path, layer in module.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if isinstance(layer, Heads):
            for name, rows in layer.rows().items():
                yield f"{path}.{name}", {layer.weight: rows, layer.bias: rows}
        elif isinstance(layer, (nn.Conv2d, nn.Linear, LSTMCell)):
            yield path, dict.fromkeys(own.values(), slice(None))
        else:
            for name, parameter in own.items():
                yield f"{path}.{name}".lstrip("."), {parameter: slice(None)}
