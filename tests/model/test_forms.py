"""Which form of an operation is computed."""

import pytest
import torch
from torch import Tensor

from dcrw.model import operations
from dcrw.model.attention import DEFAULTS, Filters, WindowLayout
from dcrw.model.forms import OPERATIONS, faster, plain


@faster(lambda: "fast")
def glimpse() -> str:
    return "written"


def test_an_operation_is_fast_unless_it_is_named() -> None:
    assert glimpse() == "fast"
    with plain():
        assert glimpse() == "written"
    with plain("windows", "glimpse"):
        assert glimpse() == "written"
    with plain("windows"):
        assert glimpse() == "fast"
        with plain("glimpse"):
            assert glimpse() == "written"
        assert glimpse() == "fast"
    assert glimpse() == "fast"


def test_what_was_plain_before_is_restored_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="inside"), plain():
        raise RuntimeError("inside")
    assert glimpse() == "fast"


def test_an_unknown_name_is_refused() -> None:
    with (
        pytest.raises(ValueError, match=r"operations = \['read'\]: expected some of"),
        plain("read"),
    ):
        pass


def node_of(output: Tensor) -> str:
    return type(output.grad_fn).__name__


def test_every_name_switches_its_own_operation() -> None:
    """By the node that stands in autograd's graph."""
    leaves = [torch.rand(shape, requires_grad=True) for shape in ((2, 8, 8), (2, 3, 3), (2, 5))]
    canvas, patch, emitted = leaves
    filters = Filters(torch.rand(2, 3, 8), torch.rand(2, 3, 8), torch.ones(2, 1, 1))
    layout = WindowLayout((3,), (0,), 8, DEFAULTS)
    weight, kernel = torch.rand(8, 5, requires_grad=True), torch.rand(2, 1, 3, 3)
    state = torch.rand(2, 2)
    calls = {
        "windows": lambda: operations.windows(emitted, layout)[0].across,
        "glimpse": lambda: operations.glimpse(canvas, canvas, filters),
        "stroke": lambda: operations.stroke(canvas, patch, filters),
        "convolve_and_pool": lambda: operations.convolve_and_pool(
            canvas.unsqueeze(1), kernel, torch.zeros(2), True
        ),
        "lstm_step": lambda: operations.lstm_step(weight, torch.zeros(8), torch.rand(2, 5), state)[
            0
        ],
        "lstm": lambda: operations.lstm(weight, torch.zeros(8), torch.rand(2, 4, 3), state, state),
    }
    assert list(calls) == list(OPERATIONS)
    for name, call in calls.items():
        others = [other for other in OPERATIONS if other != name]
        with plain(*others):
            assert node_of(call()).endswith("NodeBackward"), name
        with plain(name):
            assert not node_of(call()).endswith("NodeBackward"), name
