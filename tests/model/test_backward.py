"""The hand-written backward passes against autograd through the plain forms."""

from contextlib import nullcontext

import pytest
import torch
from common import TINY
from tiny_models import CONVENTIONS, assert_as_plain, leaf, tiny
from torch import Tensor

from dcrw.model import operations
from dcrw.model.attention import Conventions, Filters, WindowLayout
from dcrw.model.config import ModelConfig
from dcrw.model.forms import plain
from dcrw.model.writer import build, loss_terms
from dcrw.training.device import prepared
from dcrw.training.profiles import PRESETS


def flat(filters: list[Filters]) -> tuple[Tensor, ...]:
    return tuple(part for window in filters for part in window)


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
@pytest.mark.parametrize(
    ("sizes", "groups"), [((3,), (0,)), ((3, 5), (0, 1)), ((3, 5), (0, 0))], ids=str
)
def test_windows(sizes: tuple[int, ...], groups: tuple[int, ...], conventions: Conventions) -> None:
    torch.manual_seed(0)
    layout = WindowLayout(sizes, groups, 12, conventions)
    emitted = leaf(4, (max(groups) + 1) * conventions.numbers, scale=0.5)
    assert_as_plain(lambda emitted: flat(operations.windows(emitted, layout)), [emitted])


@pytest.mark.parametrize("conventions", CONVENTIONS[:12], ids=str)
def test_windows_have_the_gradients_of_finite_differences(conventions: Conventions) -> None:
    torch.manual_seed(0)
    layout = WindowLayout((3, 2), (0, 1), 6, conventions)
    emitted = leaf(2, 2 * conventions.numbers, scale=0.5)
    assert torch.autograd.gradcheck(lambda e: flat(operations.windows(e, layout)), (emitted,))


def test_a_window_that_is_not_used_has_no_gradient() -> None:
    torch.manual_seed(0)
    layout, emitted = WindowLayout((3, 5), (0, 1), 12, Conventions()), leaf(4, 10)
    first, _ = operations.windows(emitted, layout)
    (gradient,) = torch.autograd.grad(first.across.square().sum(), [emitted])
    assert (gradient[:, 5:] == 0).all() and (gradient[:, 0] != 0).all()


@pytest.mark.parametrize("place", [-40.0, 30.0])
def test_windows_far_outside_keep_the_border(place: float) -> None:
    layout = WindowLayout((3,), (0,), 8, Conventions())
    (filters,) = operations.windows(torch.tensor([[place, -place, -2.0, -2.0, 0.0]]), layout)
    border = 0 if place < 0 else -1
    torch.testing.assert_close(filters.across[0, :, border], torch.ones(3))
    torch.testing.assert_close(filters.down[0, :, -1 - border], torch.ones(3))


def test_single_precision_windows_are_as_good_as_plain_ones() -> None:
    """Narrow windows, where rounding shows most: against double precision."""
    torch.manual_seed(0)
    layout = WindowLayout((5, 7), (0, 1), 28, Conventions())
    emitted = torch.randn(200, 10)
    emitted[:, [2, 7]] -= 2  # sigma about a third of a pixel

    def gradient(emitted: Tensor) -> Tensor:
        emitted = emitted.clone().requires_grad_()
        torch.manual_seed(1)
        weights = [torch.randn(200, size, 28).to(emitted.dtype) for size in (5, 7, 5, 7)]
        windows = operations.windows(emitted, layout)
        parts = [part for window in windows for part in window[:2]]
        sum(
            (w * p).sum() for w, p in zip(weights[:1] * 2 + weights[1:2] * 2, parts, strict=True)
        ).backward()
        return emitted.grad

    exact = gradient(emitted.double())
    fast = (gradient(emitted) - exact).abs().mean()
    with plain():
        slow = (gradient(emitted) - exact).abs().mean()
    assert fast < 3 * slow


def some_filters(size: int) -> list[Tensor]:
    return [leaf(4, size, 12), leaf(4, size, 12), leaf(4, 1, 1).detach().exp().requires_grad_()]


def test_reading() -> None:
    torch.manual_seed(0)
    inputs = [leaf(4, 12, 12), leaf(4, 12, 12), *some_filters(3)]
    assert_as_plain(lambda x, c, *f: operations.glimpse(x, c, Filters(*f)), inputs)


def test_writing() -> None:
    torch.manual_seed(0)
    inputs = [leaf(4, 12, 12), leaf(4, 3, 3), *some_filters(3)]
    assert_as_plain(lambda c, p, *f: operations.stroke(c, p, Filters(*f)), inputs)


@pytest.mark.parametrize("channels", [1, 2, 9])
@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("keep_border", [True, False])
def test_convolution_and_pooling(channels: int, size: int, keep_border: bool) -> None:
    torch.manual_seed(0)
    inputs = [leaf(3, channels, size, size), leaf(5, channels, 3, 3), leaf(5)]
    assert_as_plain(lambda x, w, b: operations.convolve_and_pool(x, w, b, keep_border), inputs)


def test_where_values_tie_the_first_takes_the_gradient() -> None:
    images = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    weight = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    weight[0, 0, 1, 1] = 1
    inputs = [part.requires_grad_() for part in (images, weight, torch.ones(1).double())]
    assert_as_plain(lambda x, w, b: operations.convolve_and_pool(x, w, b, True), inputs)


def test_an_lstm_step() -> None:
    torch.manual_seed(0)
    assert_as_plain(operations.lstm_step, [leaf(24, 9), leaf(24), leaf(4, 9), leaf(4, 6)])


def test_an_lstm_along_known_inputs() -> None:
    torch.manual_seed(0)
    inputs = [leaf(24, 9), leaf(24), leaf(4, 5, 3), leaf(4, 6), leaf(4, 6)]
    assert_as_plain(operations.lstm, inputs)
    weight, bias, features, hidden, cell = inputs
    found = operations.lstm(*inputs)
    for step in range(5):  # one at a time, by the node of a single step
        joint = torch.cat([features[:, step], hidden], dim=1)
        hidden, cell = operations.lstm_step(weight, bias, joint, cell)
        torch.testing.assert_close(found[:, step], hidden, rtol=1e-12, atol=1e-12)


ARCHITECTURES = ["dcrw", "dcrw-write-only", "draw", "conv-vae", "dcrw-whole-image", "dcrw-stepwise"]
MODELS = [{"architecture": name} for name in ARCHITECTURES] + [
    {"window_heads": "shared"},
    {"window_parameters": "four", "filter_normaliser": "clamped-sum", "indexing": "mixed"},
    {"encoder_dense": 4, "hidden_to_encoder": "absent", "indexing": "mixed-integer"},
    {"architecture": "dcrw-stepwise", "encoder_dense": 4},
    {"pooling": "drop-border", "posterior_heads": "tied", "initial_state": "learned"},
    {"architecture": "draw", "filter_exponent": "squared-ratio", "window_heads": "shared"},
]


@pytest.mark.parametrize("change", MODELS, ids=str)
def test_models_have_the_losses_and_gradients_of_their_plain_form(change: dict[str, str]) -> None:
    steps = {"steps": 1} if change.get("architecture") == "conv-vae" else {}
    model, images, noise = tiny(**change | steps)

    def losses(*_: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(loss_terms(model, images, noise))

    assert_as_plain(losses, list(model.parameters()))


def test_a_graph_can_be_walked_twice() -> None:
    torch.manual_seed(0)
    model = build(ModelConfig(**TINY)).double()
    images = torch.rand(4, 12, 12, dtype=torch.float64)
    terms = loss_terms(model, images, torch.randn(3, 4, 2, dtype=torch.float64))
    total = terms.reconstruction.sum() + terms.latent.sum()
    first = torch.autograd.grad(total, list(model.parameters()), retain_graph=True)
    second = torch.autograd.grad(total, list(model.parameters()))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_filters_that_vanish_are_zero_and_have_no_gradient() -> None:
    """In single precision, denormals flushed: exponents too small for a number count as nothing,
    forward and backward, as in the plain form."""
    layout = WindowLayout((3,), (0,), 12, Conventions(normaliser="clamped-sum"))
    emitted = torch.tensor([[6.0, -6.0, -2.0, 0.0, 0.0], [0.1, 0.9, -1.0, -1.0, 0.0]])
    results = []
    for context in (nullcontext(), plain()):
        with context, prepared(torch.device("cpu"), 1):
            own = emitted.clone().requires_grad_()
            (filters,) = operations.windows(own, layout)
            total = sum(
                (part * torch.linspace(1, 2, part.numel()).view_as(part)).sum() for part in filters
            )
            total.backward()
            results.append((filters.across.detach(), filters.down.detach(), own.grad))
    assert (results[0][0][0] == 0).all() and (results[0][1][0] == 0).all()
    torch.testing.assert_close(results[0], results[1])


def test_a_glimpse_of_nothing_moves_no_convolution() -> None:
    """A vanishing glimpse gives ReLUs of exactly 0, whose gradient is 0: a glimpse of 1e-30 would
    open them."""
    torch.manual_seed(0)
    settings = PRESETS["lineage2016"]["model"] | {"initial_log_stride": 1.0}
    config = ModelConfig(**TINY | settings)
    model = build(config)
    images, noise = torch.rand(4, 12, 12), torch.randn(3, 4, 2)
    grads = []
    for context in (nullcontext(), plain()):
        with context, prepared(torch.device("cpu"), 1):
            model.zero_grad()
            sum(term.sum() for term in loss_terms(model, images, noise)).backward()
            grads.append(model.encoder.features.first.bias.grad.clone())
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-5)
