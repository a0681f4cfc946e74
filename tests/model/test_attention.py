"""Windows, filters, read and write against slow NumPy, and what must hold of any window."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import CONVENTIONS

from dcrw.model import attention
from dcrw.model.attention import Conventions, Filters
from dcrw.model.config import ModelConfig


def config_of(conventions: Conventions, **more) -> ModelConfig:
    return ModelConfig(
        window_parameters=conventions.parameters,
        indexing=conventions.indexing,
        filter_normaliser=conventions.normaliser,
        filter_exponent=conventions.exponent,
        **more,
    )


def emit(conventions: Conventions, batch: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, conventions.numbers, generator=generator, dtype=torch.float64) * 0.5


def bank(emitted, size, image_size, conventions=attention.DEFAULTS):
    window = attention.window(emitted, size, image_size, conventions)
    return attention.filterbank(window, size, image_size, conventions)


def ready(emitted, size, image_size, conventions=attention.DEFAULTS) -> Filters:
    window = attention.window(emitted, size, image_size, conventions)
    return attention.filters_of(window, size, image_size, conventions)


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
@pytest.mark.parametrize("size", [2, 5])
def test_filterbank_equals_the_equations(conventions, size):
    emitted = emit(conventions, batch=4)
    found = bank(emitted, size, 12, conventions)
    assert found.shape == (4, 2, size, 12)
    config = config_of(conventions, image_size=12)
    for row in range(4):
        across, down, _ = reference.banks(emitted[row].numpy(), size, config)
        np.testing.assert_allclose(found[row, 0], across, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found[row, 1], down, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_read_and_write_equal_the_equations(conventions):
    rng = np.random.default_rng(1)
    image, error, canvas = rng.random((3, 3, 11, 11))
    patch = rng.standard_normal((3, 4, 4))
    emitted = emit(conventions, batch=3, seed=2)
    filters = ready(emitted, 4, 11, conventions)
    glimpse = attention.read(torch.tensor(image), torch.tensor(error), filters)
    drawn = attention.write(torch.tensor(canvas), torch.tensor(patch), filters)
    config = config_of(conventions, image_size=11)
    for row in range(3):
        one = emitted[row].numpy()
        np.testing.assert_allclose(
            glimpse[row], reference.read(image[row], error[row], one, 4, config), rtol=1e-9
        )
        expected = canvas[row] + reference.write(patch[row], one, config)
        np.testing.assert_allclose(drawn[row], expected, rtol=1e-9)


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_gradients_equal_finite_differences(conventions):
    rng = np.random.default_rng(3)
    image, canvas = (torch.tensor(part) for part in rng.random((2, 2, 6, 6)))

    def roundtrip(emitted, patch):
        filters = ready(emitted, 3, 6, conventions)
        glimpse = attention.read(image, image - canvas, filters)
        return glimpse, attention.write(canvas, patch, filters)

    patch = torch.tensor(rng.random((2, 3, 3)), requires_grad=True)
    assert torch.autograd.gradcheck(
        roundtrip, (emit(conventions, 2, seed=4).requires_grad_(), patch)
    )


def test_a_centred_window_sits_on_the_image_centre():
    """Eq. 13-17 are 1-based: g = 0 and delta-hat = 1 spread the filters symmetrically from the
    first pixel to the last."""
    window = attention.window(torch.zeros(1, 5), 7, 28)
    means = attention.filter_means(window, 7)
    torch.testing.assert_close(means[0, 0], torch.linspace(1, 28, 7))
    rows = bank(torch.tensor([[0.0, 0.0, -2.0, 0.0, 0.0]]), 7, 28)[0, 0]
    torch.testing.assert_close(rows, rows.flip(0, 1))


def test_the_mixed_reading_is_off_by_one_minus_stride():
    exact, mixed = (Conventions(indexing=reading) for reading in ("one-based", "mixed"))
    emitted = torch.tensor([[0.0, 0.0, 0.0, -1.0, 0.0]])
    means = [
        attention.filter_means(attention.window(emitted, 7, 28, c), 7, c.indexing)
        for c in (exact, mixed)
    ]
    firsts = [attention.pixel_positions(28, c.indexing)[0] for c in (exact, mixed)]
    shift = (means[1] - firsts[1]) - (means[0] - firsts[0])
    stride = attention.window(emitted, 7, 28).stride
    torch.testing.assert_close(shift, (1 - stride).expand_as(shift[0]).unsqueeze(0))


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=2),
    st.floats(-6, 4),
    st.floats(-4, 2),
    st.integers(2, 9),
    st.integers(8, 40),
)
def test_rows_are_probabilities(centre, log_variance, log_stride, size, image_size):
    emitted = torch.tensor([[*centre, log_variance, log_stride, 0.0]], dtype=torch.float64)
    filters = bank(emitted, size, image_size)
    assert filters.isfinite().all() and (filters >= 0).all()
    torch.testing.assert_close(filters.sum(-1), torch.ones(1, 2, size, dtype=torch.float64))


def test_a_window_far_outside_keeps_the_border_or_vanishes():
    far = torch.tensor([[50.0, -50.0, -2.0, -2.0, 0.0]])
    kept = bank(far, 3, 8)
    torch.testing.assert_close(kept[0, 0, :, -1], torch.ones(3))
    torch.testing.assert_close(kept[0, 1, :, 0], torch.ones(3))
    gone = bank(far, 3, 8, Conventions(normaliser="clamped-sum"))
    torch.testing.assert_close(gone, torch.zeros_like(gone))


def test_intensity_scales_reading_up_and_writing_down():
    image = torch.rand(2, 8, 8)
    patch = torch.rand(2, 3, 3)
    one = ready(torch.zeros(2, 5), 3, 8)
    log_two = torch.tensor(2.0).log()
    double = ready(torch.tensor([[0.0, 0.0, 0.0, 0.0, log_two]] * 2), 3, 8)
    torch.testing.assert_close(one.intensity, torch.ones(2, 1, 1))
    torch.testing.assert_close(
        attention.read(image, image, double), 2 * attention.read(image, image, one)
    )
    blank = torch.zeros(2, 8, 8)
    torch.testing.assert_close(
        attention.write(blank, patch, double), attention.write(blank, patch, one) / 2
    )


def test_axes_are_columns_then_rows():
    """A bright column is found by moving g_X, a bright row by moving g_Y."""
    image = torch.zeros(1, 9, 9)
    image[0, 2, 6] = 1.0
    centre = torch.tensor(
        [[7 / 5 - 1, 3 / 5 - 1, -4.0, -2.0, 0.0]]
    )  # g_X = 7, g_Y = 3 in pixels from 1
    glimpse = attention.read(image, image, ready(centre, 3, 9))
    assert glimpse[0, 0].flatten().argmax() == 4


def test_wrong_widths_and_sizes_are_named():
    with pytest.raises(ValueError, match="emitted has 4 numbers per window; expected 5"):
        attention.window(torch.zeros(1, 4), 5, 28)
    with pytest.raises(ValueError, match="size = 1: expected at least 2"):
        attention.window(torch.zeros(1, 5), 1, 28)


def test_an_empty_batch_passes():
    images = torch.zeros(0, 8, 8)
    filters = ready(torch.zeros(0, 5), 3, 8)
    assert attention.read(images, images, filters).shape == (0, 2, 3, 3)


@pytest.mark.parametrize("parameters", ["five", "four"])
def test_what_is_emitted_has_a_name_and_a_place(parameters):
    """Moving one number alone moves what its name says."""
    conventions = Conventions(parameters=parameters)
    assert conventions.numbers == {"five": 5, "four": 4}[parameters]
    before = attention.window(torch.zeros(1, conventions.numbers), 5, 28, conventions)
    for place, name in enumerate(conventions.emitted):
        emitted = torch.zeros(1, conventions.numbers)
        emitted[0, place] = 0.5
        after = attention.window(emitted, 5, 28, conventions)
        moved = [
            (after.centre != before.centre)[0, 0],
            (after.centre != before.centre)[0, 1],
            after.log_variance != before.log_variance,
            after.stride != before.stride,
            after.log_intensity != before.log_intensity,
        ]
        expected = [name == each for each in Conventions().emitted]
        expected[2] |= parameters == "four" and name == "log_intensity"
        assert [bool(part) for part in moved] == expected, name


def test_whole_number_division_narrows_the_window_and_moves_it():
    """(A + 1) / 2 = 14, N / 2 = 3 or 2, (A - 1) / (N - 1) = 4 or 6 under Python 2."""
    for size, half, stride in ((7, 3, 4), (5, 2, 6)):
        window = attention.window(
            torch.zeros(1, 5), size, 28, Conventions(indexing="mixed-integer")
        )
        assert window.centre.tolist() == [[14, 14]] and window.stride.item() == stride
        means = attention.filter_means(window, size, "mixed-integer")
        expected = 14 + stride * (torch.arange(float(size)) - half - 0.5)
        torch.testing.assert_close(means[0, 0], expected)
