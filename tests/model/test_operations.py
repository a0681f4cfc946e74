"""The operations, as they are written and in their fast forms, against slow NumPy."""

import ast
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import reference
import torch
from common import ROOT
from tiny_models import CONVENTIONS, leaf, outputs_and_gradients
from torch import Tensor

from dcrw.model import operations
from dcrw.model.attention import Filters, WindowLayout
from dcrw.model.config import ModelConfig
from dcrw.model.forms import plain

FORMS = {"written": plain, "fast": nullcontext}


def filters(batch: int, size: int, side: int) -> Filters:
    bank = [torch.rand(batch, size, side, dtype=torch.float64) for _ in range(2)]
    return Filters(*bank, torch.rand(batch, 1, 1, dtype=torch.float64) + 0.5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_windows_are_those_of_the_equations(conventions, form):
    torch.manual_seed(0)
    layout = WindowLayout((3, 5), (1, 0), 12, conventions)
    emitted = torch.randn(2, 2, conventions.numbers, dtype=torch.float64) * 0.5
    with FORMS[form]():
        found = operations.windows(emitted.flatten(1), layout)
    config = ModelConfig(
        image_size=12,
        window_parameters=conventions.parameters,
        indexing=conventions.indexing,
        filter_normaliser=conventions.normaliser,
        filter_exponent=conventions.exponent,
    )
    for window, size, group in zip(found, (3, 5), (1, 0), strict=True):
        for row in range(2):
            across, down, gamma = reference.banks(emitted[row, group].numpy(), size, config)
            np.testing.assert_allclose(window.across[row], across, rtol=1e-9, atol=1e-13)
            np.testing.assert_allclose(window.down[row], down, rtol=1e-9, atol=1e-13)
            assert window.intensity[row].item() == pytest.approx(gamma, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_reading_and_writing_are_products_with_the_filters(form):
    torch.manual_seed(0)
    images, canvas = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    patch, window = torch.randn(3, 4, 4, dtype=torch.float64), filters(3, 4, 12)
    with FORMS[form]():
        seen = operations.glimpse(images, canvas, window)
        drawn = operations.stroke(canvas, patch, window)
    for row in range(3):
        across, down, gamma = (part[row].numpy() for part in window)
        image, before = images[row].numpy(), canvas[row].numpy()
        error = image - reference.sigmoid(before)
        for found, source in zip(seen[row], (image, error), strict=True):
            np.testing.assert_allclose(found, gamma * (down @ source @ across.T), rtol=1e-10)
        expected = before + down.T @ patch[row].numpy() @ across / gamma
        np.testing.assert_allclose(drawn[row], expected, rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("keep_border", [True, False])
def test_the_convolution_is_that_of_the_equations(form, keep_border):
    torch.manual_seed(0)
    image = torch.rand(1, 2, 7, 7, dtype=torch.float64)
    weight, bias = torch.randn(3, 2, 3, 3, dtype=torch.float64), torch.randn(3).double()
    with FORMS[form]():
        found = operations.convolve_and_pool(image, weight, bias, keep_border)
    convolved = reference.convolve(image[0].numpy(), weight.numpy(), bias.numpy())
    expected = np.maximum(reference.pool(convolved, keep_border), 0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_the_lstm_is_that_of_the_equations(form):
    torch.manual_seed(0)
    weight, bias = torch.randn(24, 9, dtype=torch.float64), torch.randn(24).double()
    inputs, start = torch.randn(1, 4, 3, dtype=torch.float64), torch.randn(2, 1, 6).double()
    with FORMS[form]():
        along = operations.lstm(weight, bias, inputs, *start)
        step = operations.lstm_step(
            weight, bias, torch.cat([inputs[:, 0], start[0]], dim=1), start[1]
        )
    cell = {"weight": weight.numpy(), "bias": bias.numpy()}
    hidden, memory = (part[0].numpy() for part in start)
    for place, features in enumerate(inputs[0].numpy()):
        hidden, memory = reference.lstm(cell, features, hidden, memory)
        np.testing.assert_allclose(along[0, place], hidden, rtol=1e-10)
        if place == 0:
            np.testing.assert_allclose(step[0][0], hidden, rtol=1e-10)
            np.testing.assert_allclose(step[1][0], memory, rtol=1e-10)


def test_all_strokes_at_once() -> None:
    """Against one stroke after another, whose filters are of the same windows."""
    torch.manual_seed(0)
    filters = [leaf(20, 3, 12), leaf(20, 3, 12), leaf(20, 1, 1).detach().exp().requires_grad_()]
    inputs = [leaf(4, 12, 12), leaf(4, 5, 3, 3), *filters]

    def one_by_one(canvas: Tensor, patches: Tensor, *filters: Tensor) -> Tensor:
        for step in range(5):
            own = Filters(*(part[step::5] for part in filters))
            canvas = operations.stroke(canvas, patches[:, step], own)
        return canvas

    at_once = outputs_and_gradients(lambda c, p, *f: operations.strokes(c, p, Filters(*f)), inputs)
    with plain():
        stepwise = outputs_and_gradients(one_by_one, inputs)
    torch.testing.assert_close(at_once, stepwise, rtol=1e-10, atol=1e-10)


def test_derivatives_are_known_to_the_operations_alone() -> None:
    """A reader of the equations needs no derivative: no other module imports them."""

    def imports(path: Path) -> bool:
        nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
        names = {f"{node.module}.{alias.name}." for node in nodes for alias in node.names}
        return any(name.startswith("dcrw.model.backward.") for name in names)

    files = [path for folder in ("dcrw", "study") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in files if imports(path)] == ["operations.py"]
