"""Every derivative that is written by hand, long because it is all of them in one place: the fast
forms of `operations`, single nodes of autograd's graph. Optional reading: the equations stand in
`operations`, and tests hold the two together.

A node's forward computes what the plain form computes, its backward what autograd would, up to
rounding; not twice differentiable. `grad_x` is the loss's gradient with respect to x. Arguments,
shapes and sizes are those of the function of the same name in `operations`; weights may be stacked
(`stacking`).
"""

import math
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dcrw.model import attention
from dcrw.model.attention import Conventions, Filters, WindowLayout
from dcrw.model.stacking import add_product, by_weight, linear


def windows(emitted: Tensor, layout: WindowLayout) -> list[Filters]:
    """All windows by a few products for all of their filters together."""
    parts = iter(WindowsNode.apply(emitted, layout))
    return [Filters(*window) for window in zip(parts, parts, parts, strict=True)]


def glimpse(images: Tensor, canvas: Tensor, filters: Filters) -> Tensor:
    """The glimpse of the error image is that of the image less that of sigma(c)."""
    return GlimpseNode.apply(images, canvas, *filters)


def stroke(canvas: Tensor, patch: Tensor, filters: Filters) -> Tensor:
    """The product with F_X adds to the canvas as it goes. Gains under 3%; kept because the
    committed runs were trained with its sums, bit for bit."""
    return StrokeNode.apply(canvas, patch, *filters)


def convolve_and_pool(images: Tensor, weight: Tensor, bias: Tensor, keep_border: bool) -> Tensor:
    """Channels last, and ReLU in place."""
    return ConvolveAndPoolNode.apply(images, weight, bias, keep_border)


def lstm_step(weight: Tensor, bias: Tensor, inputs: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Nonlinearities in place, and the gates' gradients written side by side."""
    return LSTMStepNode.apply(weight, bias, inputs, cell)


def lstm(weight: Tensor, bias: Tensor, inputs: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
    """What comes of the inputs alone, and the weight's gradient, are one product each."""
    return LSTMNode.apply(weight, bias, inputs, hidden, cell)


class _Constants(NamedTuple):
    """Eq. 13-20 as matrices, for K filters per axis, those of all windows together.

    A filter's exponent is less the square of (a - mu) s, with s^2 = 1 / (2 sigma^2), so that both
    mu and log s are linear in g_X, g_Y, log sigma^2 and delta-hat.
    """

    weights: Tensor  # (5 G, 4 K): what is emitted to mu, X then Y, and to log s, X then Y
    offset: Tensor  # (4 K,)
    pixels: Tensor  # (2, A): positions from the image's middle, and ones
    zero: Tensor  # ()


@cache
def _constants(layout: WindowLayout, dtype: torch.dtype, device: torch.device) -> _Constants:
    conventions, side = layout.conventions, layout.image_size
    middle = attention.middle(side, conventions.indexing)
    # s^2 = factor / (sigma^2)^power; under squared-ratio it is 1 / (2 sigma^2)^2
    factor, power = (0.5, 1) if conventions.exponent == "gaussian" else (0.25, 2)
    groups, filters = max(layout.groups) + 1, sum(layout.sizes)
    # group of numbers, which of its five, mu or log s, X or Y, filter
    weights = torch.zeros(groups, 5, 2, 2, filters, dtype=torch.float64)
    offset = torch.zeros(2, 2, filters, dtype=torch.float64)
    start = 0
    for size, group in zip(layout.sizes, layout.groups, strict=True):
        columns = slice(start, start + size)
        widest = attention.widest_stride(size, side, conventions.indexing)
        strides = attention.grid(size, conventions.indexing).double() * widest
        for axis in range(2):
            weights[group, axis, 0, axis, columns] = middle  # Eq. 16-17, less the middle
            weights[group, 3, 0, axis, columns] = strides  # Eq. 13-14, 18
        weights[group, 2, 1, :, columns] = -power / 2
        start += size
    offset[1] = math.log(factor) / 2  # log s = log(factor) / 2 - power / 2 log sigma^2
    pixels = attention.pixel_positions(side, conventions.indexing).double() - middle
    constants = (
        weights.view(5 * groups, -1),
        offset.view(-1),
        torch.stack([pixels, torch.ones_like(pixels)]),
        torch.zeros(()),
    )
    return _Constants(*(part.to(device, dtype) for part in constants))


class WindowsNode(torch.autograd.Function):
    """Filters are ordered X then Y, within an axis by window: K of them on each axis."""

    @staticmethod
    def forward(ctx: Any, emitted: Tensor, layout: WindowLayout) -> tuple[Tensor, ...]:
        batch, filters = len(emitted), sum(layout.sizes)
        constants = _constants(layout, emitted.dtype, emitted.device)
        numbers = _five_numbers(emitted, layout)  # (B, G, 5)
        numbers[..., 3:].exp_()  # delta-hat and gamma
        placed = torch.addmm(constants.offset, numbers.flatten(1), constants.weights)
        placed = placed.view(batch, 2, 2 * filters)
        means, scales = placed[:, 0], placed[:, 1].exp_()  # mu and s, (B, 2 K)
        lines = torch.stack([scales, (means * scales).neg_()], dim=2)  # slope, intercept in a
        distance = lines.flatten(0, 1) @ constants.pixels  # (a - mu) s, (B 2 K, A)
        exponent = torch.addcmul(constants.zero, distance, distance, value=-1)
        bank = exponent.view(batch, 2, filters, layout.image_size)
        if layout.conventions.normaliser == "softmax":
            bank = bank.softmax(3)
        else:
            heights = _vanishing_exp(bank)
            bank = heights / heights.sum(3, keepdim=True).clamp_(min=1e-8)
        ctx.save_for_backward(bank, numbers, placed, lines)
        ctx.layout = layout
        ctx.set_materialize_grads(False)
        parts, start = [], 0
        for size, group in zip(layout.sizes, layout.groups, strict=True):
            across, down = bank[:, :, start : start + size].unbind(1)
            parts += [across, down, numbers[:, group, 4:, None]]
            start += size
        return tuple(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        bank, numbers, placed, lines = ctx.saved_tensors
        layout: WindowLayout = ctx.layout
        constants = _constants(layout, bank.dtype, bank.device)
        pixels, batch, side = constants.pixels, len(bank), layout.image_size
        given = [
            bank.new_zeros(batch, size, side) if grad is None else grad
            for axis in range(2)
            for size, grad in zip(layout.sizes, grads[axis::3], strict=True)
        ]
        grad_exponent = _normaliser_backward(
            torch.cat(given, dim=1).view_as(bank), bank, layout.conventions
        )
        distance = lines.flatten(0, 1) @ pixels
        grad_distance = grad_exponent.view_as(distance).mul_(distance).mul_(-2)
        grad_scales, grad_shifts = (grad_distance @ pixels.t()).view_as(lines).unbind(2)
        means, scales = placed.unbind(1)
        grad_means = (grad_shifts * scales).neg_()
        grad_log_scales = torch.addcmul(grad_scales, grad_shifts, means, value=-1).mul_(scales)
        grad_placed = torch.cat([grad_means, grad_log_scales], dim=1)
        grad_numbers = (grad_placed @ constants.weights.t()).view_as(numbers)
        for grad, group in zip(grads[2::3], layout.groups, strict=True):
            if grad is not None:
                grad_numbers[:, group, 4] += grad[:, 0, 0]
        grad_numbers[..., 3:] *= numbers[..., 3:]  # through exp
        if layout.conventions.parameters == "four":
            places, variance, stride, intensity = grad_numbers.split([2, 1, 1, 1], dim=2)
            grad_numbers = torch.cat([places, stride, intensity + variance], dim=2)
        return grad_numbers.flatten(1), None


def _vanishing_exp(exponent: Tensor) -> Tensor:
    """exp in place, 0 where it would be a denormal number, which exp is slow at."""
    smallest = torch.finfo(exponent.dtype).tiny
    heights = exponent.clamp_(min=math.log(smallest)).exp_()
    return torch.threshold_(heights, 1.001 * smallest, 0.0)


def _five_numbers(emitted: Tensor, layout: WindowLayout) -> Tensor:
    """A copy of what was emitted as (B, G, 5): g_X, g_Y, log sigma^2, log delta, log gamma."""
    numbers = emitted.unflatten(1, (-1, layout.conventions.numbers))
    if layout.conventions.parameters == "five":
        return numbers.clone()
    places, stride, intensity = numbers.split([2, 1, 1], dim=2)
    return torch.cat([places, intensity, stride, intensity], dim=2)


def _normaliser_backward(grad: Tensor, bank: Tensor, conventions: Conventions) -> Tensor:
    """From the gradient with respect to normalised filters to that with respect to exponents."""
    if conventions.normaliser == "softmax":
        return torch.ops.aten._softmax_backward_data(grad, bank, 3, bank.dtype)
    along = (grad * bank).sum(3, keepdim=True)
    clamped = bank.sum(3, keepdim=True) < 1 - 1e-6
    return bank * (grad - along.masked_fill_(clamped, 0))


class GlimpseNode(torch.autograd.Function):
    """r = gamma F_Y x F_X^T, and beside it the same of x - sigma(c)."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, canvas: Tensor, across: Tensor, down: Tensor, intensity: Tensor
    ) -> Tensor:
        drawn = canvas.sigmoid()
        image_rows, drawn_rows = down @ images, down @ drawn  # (B, N, A)
        across_t = across.transpose(1, 2)
        seen, seen_drawn = image_rows @ across_t, drawn_rows @ across_t  # (B, N, N)
        pair = torch.stack([seen, seen - seen_drawn], dim=3)  # (B, N, N, 2)
        ctx.save_for_backward(images, drawn, across, down, intensity, image_rows, drawn_rows, pair)
        return (pair * intensity.unsqueeze(3)).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        images, drawn, across, down, intensity, image_rows, drawn_rows, pair = ctx.saved_tensors
        grad_intensity = (grad * pair.permute(0, 3, 1, 2)).sum((1, 2, 3)).view(-1, 1, 1)
        on_image, on_error = (grad * intensity.unsqueeze(1)).unbind(1)
        on_image, on_drawn = on_image + on_error, -on_error
        grad_across = torch.baddbmm(
            on_image.transpose(1, 2) @ image_rows, on_drawn.transpose(1, 2), drawn_rows
        )
        grad_image_rows, grad_drawn_rows = on_image @ across, on_drawn @ across
        grad_down = torch.baddbmm(
            grad_image_rows @ images.transpose(1, 2), grad_drawn_rows, drawn.transpose(1, 2)
        )
        down_t = down.transpose(1, 2)
        grad_canvas = torch.ops.aten.sigmoid_backward(down_t @ grad_drawn_rows, drawn)
        grad_images = down_t @ grad_image_rows if ctx.needs_input_grad[0] else None
        return grad_images, grad_canvas, grad_across, grad_down, grad_intensity


class StrokeNode(torch.autograd.Function):
    """c + F_Y^T (w / gamma) F_X."""

    @staticmethod
    def forward(
        ctx: Any, canvas: Tensor, patch: Tensor, across: Tensor, down: Tensor, intensity: Tensor
    ) -> Tensor:
        scaled = patch / intensity
        columns = down.transpose(1, 2) @ scaled  # (B, A, N)
        ctx.save_for_backward(scaled, columns, across, down, intensity)
        return torch.baddbmm(canvas, columns, across)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        scaled, columns, across, down, intensity = ctx.saved_tensors
        grad_across = columns.transpose(1, 2) @ grad  # (B, N, A)
        grad_columns = across @ grad.transpose(1, 2)  # (B, N, A)
        grad_patch = (down @ grad_columns.transpose(1, 2)) / intensity  # (B, N, N)
        grad_intensity = -(grad_patch * scaled).sum((1, 2), keepdim=True)
        return grad, grad_patch, grad_across, scaled @ grad_columns, grad_intensity


class ConvolveAndPoolNode(torch.autograd.Function):
    """Pooling before ReLU: the maximum of ReLUs is the ReLU of the maximum."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, keep_border: bool
    ) -> Tensor:
        images = _channels_last(images)
        outputs = F.conv2d(images, weight, bias, padding=1)
        pooled, places = F.max_pool2d(outputs, 2, ceil_mode=keep_border, return_indices=True)
        pooled.relu_()
        ctx.save_for_backward(images, weight, pooled, places)
        ctx.shape = outputs.shape
        ctx.keep_border = keep_border
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        images, weight, pooled, places = ctx.saved_tensors
        outputs = torch.empty(  # only its shape and layout are looked at
            ctx.shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last
        )
        grad = torch.ops.aten.threshold_backward(grad, pooled, 0)
        grad = torch.ops.aten.max_pool2d_with_indices_backward(
            grad, outputs, [2, 2], [2, 2], [0, 0], [1, 1], ctx.keep_border, places
        )
        grads = torch.ops.aten.convolution_backward(
            grad, images, weight, [len(weight)], [1, 1], [1, 1], [1, 1], False, [0, 0], 1,
            list(ctx.needs_input_grad[:3]),
        )  # fmt: skip
        return *grads, None


def _channels_last(images: Tensor) -> Tensor:
    """Pooling is several times faster so on a CPU. Of a single channel the layout is ambiguous
    unless its strides are made to say it."""
    if images.shape[1] > 1:
        return images.contiguous(memory_format=torch.channels_last)
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


class LSTMStepNode(torch.autograd.Function):
    """One step of the cell; weights may be stacked."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor, inputs: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        gates = linear(inputs, weight, bias)
        hidden, after, squashed = _cell(gates, cell)
        ctx.save_for_backward(weight, inputs, cell, gates, squashed)
        return hidden, after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor, grad_cell: Tensor) -> tuple[Tensor | None, ...]:
        weight, inputs, cell, gates, squashed = ctx.saved_tensors
        grad_gates = torch.empty_like(gates)
        grad_cell = _cell_backward(grad_hidden, grad_cell, cell, gates, squashed, grad_gates)
        grad_rows = by_weight(grad_gates, weight)
        grad_inputs = (grad_rows @ weight).view_as(inputs) if ctx.needs_input_grad[2] else None
        grad_weight = grad_rows.mT @ by_weight(inputs, weight)
        return grad_weight, grad_rows.sum(-2), grad_inputs, grad_cell


class LSTMNode(torch.autograd.Function):
    """All steps of the cell; weights may be stacked."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor, inputs: Tensor, hidden: Tensor, cell: Tensor
    ) -> Tensor:
        batch, steps, width = inputs.shape
        before, after = weight[..., :width], weight[..., width:]
        gates = linear(inputs.flatten(0, 1), before, bias).view(batch, steps, -1)
        hiddens, cells, squashed = (cell.new_empty(batch, steps, cell.shape[1]) for _ in range(3))
        last_hidden, last_cell = hidden, cell
        for step, step_gates in enumerate(gates.unbind(1)):
            add_product(step_gates, last_hidden, after)
            last_hidden, last_cell, squashed[:, step] = _cell(step_gates, last_cell)
            hiddens[:, step], cells[:, step] = last_hidden, last_cell
        ctx.save_for_backward(weight, inputs, hidden, cell, gates, hiddens, cells, squashed)
        return hiddens

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, inputs, hidden, cell, gates, hiddens, cells, squashed = ctx.saved_tensors
        steps, width = inputs.shape[1:]
        before, after = weight[..., :width], weight[..., width:]
        grad_gates, grad_cell = torch.empty_like(gates), torch.zeros_like(cell)
        grad_hidden = grad[:, -1]
        for step in reversed(range(steps)):
            previous = cells[:, step - 1] if step else cell
            grad_step = grad_gates[:, step]  # filled in by `_cell_backward`
            grad_cell = _cell_backward(
                grad_hidden, grad_cell, previous, gates[:, step], squashed[:, step], grad_step
            )
            grad_hidden = grad[:, step - 1].clone() if step else torch.zeros_like(hidden)
            add_product(grad_hidden, grad_step, after.mT)
        earlier = torch.cat([hidden.unsqueeze(1), hiddens[:, :-1]], dim=1)
        rows = torch.cat([inputs, earlier], dim=2).flatten(0, 1)
        grad_rows = by_weight(grad_gates.flatten(0, 1), weight)
        grad_inputs = (grad_rows @ before).view_as(inputs)
        grad_weight = grad_rows.mT @ by_weight(rows, weight)
        return grad_weight, grad_rows.sum(-2), grad_inputs, grad_hidden, grad_cell


def _cell(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden state, new cell and its tanh, (B, D) each, from gates (B, 4 D) before their
    nonlinearities, which are applied in place."""
    units = cell.shape[1]
    gates[:, : 3 * units].sigmoid_()
    gates[:, 3 * units :].tanh_()
    input_gate, forget_gate, output_gate, update = gates.chunk(4, dim=1)
    after = torch.addcmul(forget_gate * cell, input_gate, update)
    squashed = after.tanh()
    return output_gate * squashed, after, squashed


def _cell_backward(
    grad_hidden: Tensor,
    grad_cell: Tensor,
    cell: Tensor,
    gates: Tensor,
    squashed: Tensor,
    grad_gates: Tensor,
) -> Tensor:
    """The way back through `_cell`: fills grad_gates, with respect to the gates before their
    nonlinearities, and returns the gradient of the cell before."""
    units = cell.shape[1]
    input_gate, forget_gate, output_gate, update = gates.chunk(4, dim=1)
    grad_cell = grad_cell + torch.ops.aten.tanh_backward(grad_hidden * output_gate, squashed)
    grad_switches, grad_update = grad_gates.split([3 * units, units], dim=1)
    for part, outer, inner in zip(
        grad_gates.chunk(4, dim=1),
        (grad_cell, grad_cell, grad_hidden, grad_cell),
        (update, cell, squashed, input_gate),
        strict=True,
    ):
        torch.mul(outer, inner, out=part)
    torch.ops.aten.sigmoid_backward.grad_input(
        grad_switches, gates[:, : 3 * units], grad_input=grad_switches
    )
    torch.ops.aten.tanh_backward.grad_input(
        grad_update, gates[:, 3 * units :], grad_input=grad_update
    )
    return grad_cell * forget_gate
