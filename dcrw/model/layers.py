"""Linear maps that share one matrix product, the LSTM cell, and how their weights start and are
clipped."""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate

import torch
from torch import Tensor, nn

from dcrw.model import operations
from dcrw.model.config import Initialiser, ModelConfig
from dcrw.model.stacking import linear


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
        stops = accumulate(self.outputs.values())
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
        return linear(features, self.weight, self.bias)


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
        return operations.lstm_step(self.weight, self.bias, inputs, cell)

    def run(self, features: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        """All steps at once: features (B, T, inputs), the state before the first (B, hidden) twice;
        returns the hidden states (B, T, hidden)."""
        return operations.lstm(self.weight, self.bias, features, hidden, cell)


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


CHANNELS = (32, 64)  # Conv 3 x 3 x 32 and Conv 3 x 3 x 64, Sec. III-B


class Convolution(nn.Conv2d):
    """3 x 3, same padding, weights channels last; decision 19."""

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int, config: ModelConfig):
        super().__init__(inputs, outputs, kernel_size=3, padding=1)
        self.bias = nn.Parameter(torch.zeros(outputs))
        if config.convolution_initialiser == "as-others":
            initialise(self.weight, config.initialiser)
        else:
            nn.init.trunc_normal_(self.weight, std=0.1, a=-0.2, b=0.2)
            nn.init.constant_(self.bias, 0.1)
        self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)


class ConvolutionalFeatures(nn.Module):
    """Conv 3x3x32, pool 2x2, conv 3x3x64, pool 2x2 (Sec. III-B), ReLU after each convolution;
    decision 8."""

    def __init__(self, channels: int, size: int, config: ModelConfig):
        """size: N, side of the images in pixels. Raises `ValueError` where pooling leaves
        nothing."""
        super().__init__()
        self.keep_border = config.pooling == "keep-border"
        self.first = Convolution(channels, CHANNELS[0], config)
        self.second = Convolution(CHANNELS[0], CHANNELS[1], config)
        for _ in range(2):
            size = (size + 1) // 2 if self.keep_border else size // 2
        if size < 1:
            raise ValueError(
                "the image is too small for two poolings that drop the border; use pooling = "
                "keep-border"
            )
        self.count = CHANNELS[1] * size * size

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, N, N) to (B, count)."""
        hidden = images
        for layer in (self.first, self.second):
            hidden = operations.convolve_and_pool(
                hidden, layer.weight, layer.bias, self.keep_border
            )
        return hidden.flatten(1)


class DenseLayer(Heads):
    """A linear map and ReLU."""

    def __init__(self, inputs: int, units: int, config: ModelConfig):
        super().__init__(inputs, {"dense": units}, config.initialiser)

    def forward(self, features: Tensor) -> Tensor:  # type: ignore[override]
        """(B, inputs) to (B, units)."""
        return self.emit(features).relu()


def dense_layer(inputs: int, units: int, config: ModelConfig) -> nn.Module:
    """A `DenseLayer`, or for no units nothing at all; decision 22."""
    return DenseLayer(inputs, units, config) if units else nn.Identity()
