"""The inner steps of the models as equations: reading, writing, the CNN, the LSTM.

The line `@faster` above a function names its fast form in `backward`, which is used in its place
unless `forms.plain` says otherwise: it computes the same, and its derivatives are written by hand.

Sizes: B images of A x A pixels, T steps, N filters per axis, D LSTM units. Weights of S models side
by side: `stacking`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from dcrw.model import attention, backward
from dcrw.model.attention import Filters, WindowLayout
from dcrw.model.forms import faster
from dcrw.model.stacking import linear, model_by_model


@faster(backward.windows)
def windows(emitted: Tensor, layout: WindowLayout) -> list[Filters]:
    """The filters of several windows (Eq. 13-20).

    emitted: (B, 5 G) or (B, 4 G), G groups of what a window is decoded from (Eq. 15).
    """
    size, conventions = layout.image_size, layout.conventions
    groups = emitted.split(conventions.numbers, dim=1)
    return [
        attention.filters_of(
            attention.window(groups[group], count, size, conventions), count, size, conventions
        )
        for count, group in zip(layout.sizes, layout.groups, strict=True)
    ]


@faster(backward.glimpse)
def glimpse(images: Tensor, canvas: Tensor, filters: Filters) -> Tensor:
    """Read image and error image through a window (Eq. 7-8, 21), (B, 2, N, N).

    images: (B, A, A) in [0, 1]; canvas: (B, A, A) logits.
    """
    error = images - canvas.sigmoid()
    return attention.read(images, error, filters)


@faster(backward.stroke)
def stroke(canvas: Tensor, patch: Tensor, filters: Filters) -> Tensor:
    """Write a patch through a window onto the canvas (Eq. 12, 22-23), (B, A, A).

    canvas: (B, A, A) logits; patch: (B, N, N).
    """
    return attention.write(canvas, patch, filters)


def strokes(canvas: Tensor, patches: Tensor, filters: Filters) -> Tensor:
    """All strokes of a drawing at once: the last canvas, c_T (Eq. 12, 22-23), (B, A, A).

    canvas: (B, A, A) logits; patches: (B, T, N, N); filters: those of the B T windows, in the order
    of the patches. One product over steps and filters adds up what the steps write.
    """
    batch, side = canvas.shape[:2]
    scaled = patches.flatten(0, 1) / filters.intensity
    rows = (scaled @ filters.across).view(batch, -1, side)  # (B, T N, A)
    return torch.baddbmm(canvas, filters.down.reshape(batch, -1, side).mT, rows)


@model_by_model
@faster(backward.convolve_and_pool)
def convolve_and_pool(images: Tensor, weight: Tensor, bias: Tensor, keep_border: bool) -> Tensor:
    """3 x 3 convolution with same padding, 2 x 2 max pooling, ReLU (Sec. III-B).

    images: (B, channels, N, N); weight: (outputs, channels, 3, 3); bias: (outputs,).
    """
    convolved = F.conv2d(images, weight, bias, padding=1)
    return F.max_pool2d(convolved, 2, ceil_mode=keep_border).relu()


@faster(backward.lstm_step)
def lstm_step(weight: Tensor, bias: Tensor, inputs: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of an LSTM cell: the new hidden state and cell, (B, D) each.

    weight: (4 D, inputs), the gates input, forget and output, then the update; bias: (4 D,);
    inputs: (B, inputs), [input, hidden]; cell: (B, D).
    """
    units = cell.shape[1]
    gates, update = linear(inputs, weight, bias).split([3 * units, units], dim=1)
    input_gate, forget_gate, output_gate = gates.sigmoid().chunk(3, dim=1)
    cell = forget_gate * cell + input_gate * update.tanh()
    return output_gate * cell.tanh(), cell


@faster(backward.lstm)
def lstm(weight: Tensor, bias: Tensor, inputs: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
    """An LSTM along T steps whose inputs are all known: the hidden states (B, T, D).

    weight, bias: as in `lstm_step`; inputs: (B, T, inputs); hidden, cell: (B, D) before the first.
    """
    states = []
    for step in inputs.unbind(1):
        hidden, cell = lstm_step(weight, bias, torch.cat([step, hidden], dim=1), cell)
        states.append(hidden)
    return torch.stack(states, dim=1)
