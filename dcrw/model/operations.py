"""The inner steps of the models with hand-written backward passes: reading, drawing, the CNN and
the LSTM, each one node of the autograd graph instead of dozens. `strokes`, called once a drawing,
is left to autograd.

Forward, each computes what the plain form beside it computes. Backward, what autograd would, up to
rounding; not twice differentiable. Where weights have a leading dimension S, images and states
hold S equal batches one after another, each for its own weights. Sizes: B images of A x A pixels, N
filters an axis, D LSTM units.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from dcrw.model import attention
from dcrw.model.backward import (
    ConvolveAndPoolNode,
    Filters,
    GlimpseNode,
    LSTMNode,
    LSTMStepNode,
    StrokeNode,
    WindowLayout,
    WindowsNode,
)
from dcrw.model.stacking import linear

_plain = False


@contextmanager
def plain() -> Iterator[None]:
    """Within it, autograd differentiates the plain forms: the reference, and what `torch.func`
    transforms. Belongs to the process."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def windows(emitted: Tensor, layout: WindowLayout) -> list[Filters]:
    """The filters of several windows at once (Eq. 13-20).

    emitted: (B, 5 H) or (B, 4 H), what H heads emit (Eq. 15).
    """
    if not _plain:
        banks = iter(WindowsNode.apply(emitted, layout))
        return [Filters(*triple) for triple in zip(banks, banks, banks, strict=True)]
    found = []
    for size, head in zip(layout.sizes, layout.heads, strict=True):
        numbers = layout.conventions.numbers
        own = emitted[:, head * numbers : (head + 1) * numbers]
        window = attention.window(own, size, layout.image_size, layout.conventions)
        bank = attention.filterbank(window, size, layout.image_size, layout.conventions)
        found.append(Filters(bank[:, 0], bank[:, 1], window.log_intensity.exp().unsqueeze(2)))
    return found


def glimpse(images: Tensor, canvas: Tensor, filters: Filters) -> Tensor:
    """Read image and error image through a window (Eq. 7-8, 21), (B, 2, N, N).

    images: (B, A, A) in [0, 1]; canvas: (B, A, A) logits.
    """
    if not _plain:
        return GlimpseNode.apply(images, canvas, *filters)
    bank = torch.stack([filters.across, filters.down], dim=1)
    error = images - canvas.sigmoid()
    return attention.read(images, error, bank, filters.intensity.squeeze(2).log())


def stroke(canvas: Tensor, patch: Tensor, filters: Filters) -> Tensor:
    """Write a patch through a window onto the canvas (Eq. 12, 22-23), (B, A, A).

    canvas: (B, A, A) logits; patch: (B, N, N).
    """
    if not _plain:
        return StrokeNode.apply(canvas, patch, *filters)
    bank = torch.stack([filters.across, filters.down], dim=1)
    return attention.write(canvas, patch, bank, filters.intensity.squeeze(2).log())


def strokes(canvas: Tensor, patches: Tensor, filters: Filters) -> Tensor:
    """All strokes of a drawing at once: the last canvas, c_T (Eq. 12, 22-23), (B, A, A).

    canvas: (B, A, A) logits; patches: (B, T, N, N); filters: those of the B T windows, in the order
    of the patches. One product over steps and filters adds up what the steps write.
    """
    batch, side = canvas.shape[:2]
    scaled = patches.flatten(0, 1) / filters.intensity
    rows = (scaled @ filters.across).view(batch, -1, side)  # (B, T N, A)
    return torch.baddbmm(canvas, filters.down.reshape(batch, -1, side).mT, rows)


def convolve_and_pool(
    images: Tensor, weight: Tensor, bias: Tensor | None, keep_border: bool
) -> Tensor:
    """3 x 3 convolution with same padding, 2 x 2 max pooling, ReLU (Sec. III-B).

    images: (B, channels, N, N); weight: (outputs, channels, 3, 3), or S of them; bias: (outputs,).
    """
    if weight.dim() == 5:
        biases = [None] * len(weight) if bias is None else bias.unbind()
        parts = zip(images.chunk(len(weight)), weight, biases, strict=True)
        return torch.cat([convolve_and_pool(*part, keep_border) for part in parts])
    if not _plain:
        return ConvolveAndPoolNode.apply(images, weight, bias, keep_border)
    return F.max_pool2d(F.conv2d(images, weight, bias, padding=1), 2, ceil_mode=keep_border).relu()


def lstm_step(weight: Tensor, bias: Tensor, inputs: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of an LSTM cell: the new hidden state and cell, (B, D) each.

    weight: (4 D, inputs) or S of them, gates i, f, o, then the update; bias: (4 D,); inputs:
    (B, inputs), [input, hidden].
    """
    if not _plain:
        return LSTMStepNode.apply(weight, bias, inputs, cell)
    units = cell.shape[1]
    switches, update = linear(inputs, weight, bias).split([3 * units, units], dim=1)
    admit, forget, emit = switches.sigmoid().chunk(3, dim=1)
    cell = torch.addcmul(forget * cell, admit, update.tanh())
    return emit * cell.tanh(), cell


def lstm(weight: Tensor, bias: Tensor, inputs: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
    """An LSTM along T steps whose inputs are all known: the hidden states (B, T, D).

    weight, bias: as in `lstm_step`; inputs: (B, T, inputs); hidden, cell: (B, D) before the first.
    """
    if not _plain:
        return LSTMNode.apply(weight, bias, inputs, hidden, cell)
    states = []
    for step in inputs.unbind(1):
        hidden, cell = lstm_step(weight, bias, torch.cat([step, hidden], dim=1), cell)
        states.append(hidden)
    return torch.stack(states, dim=1)
