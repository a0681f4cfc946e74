"""Each measure on cases whose answer is known, and against loops in NumPy."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from study.claims import quantities

SIZE = 5
PIXELS = arrays(np.float64, (3, SIZE, SIZE), elements=st.floats(0, 1, width=32))
CHANGES = arrays(np.float64, (3, SIZE, SIZE), elements=st.floats(-50, 50, width=16))
COMMON = settings(max_examples=30, deadline=None)


def tensor(values) -> torch.Tensor:
    return torch.tensor(values)


def picture(*bright: tuple[int, int], value: float = 1.0) -> torch.Tensor:
    image = torch.zeros(SIZE, SIZE)
    for row, column in bright:
        image[row, column] = value
    return image


@COMMON
@given(PIXELS)
def test_sharpness_again_in_loops(images):
    found = quantities.sharpness(tensor(images))
    for image, value in zip(images, found.tolist(), strict=True):
        squares = sum(pixel**2 for pixel in image.flat)
        differences = 0.0
        for row, column in itertools.product(range(SIZE), repeat=2):
            if row:
                differences += (image[row, column] - image[row - 1, column]) ** 2
            if column:
                differences += (image[row, column] - image[row, column - 1]) ** 2
        assert value == pytest.approx(differences / squares if squares else 0.0, rel=1e-9)


def test_sharpness_of_known_images():
    flat, black, dot = torch.full((SIZE, SIZE), 0.3), picture(), picture((2, 2), value=0.5)
    corner, board = picture((0, 0)), (torch.arange(SIZE**2) % 2).float().view(SIZE, SIZE)
    found = quantities.sharpness(torch.stack([flat, black, dot, corner, board]))
    edges = 2 * SIZE * (SIZE - 1)  # of a chess board with 12 white fields, each a difference of 1
    assert found.tolist() == [0, 0, 4, 2, pytest.approx(edges / 12)]


def test_blurring_lowers_sharpness():
    rng = np.random.default_rng(0)
    strokes = np.zeros((50, 28, 28))
    for image in strokes:
        row, column, length = rng.integers(4, 12, 3)
        image[row : row + length, column : column + 3] = rng.uniform(0.5, 1)
    images = np.concatenate([strokes, rng.random((50, 28, 28))])
    blurred = [images] + [gaussian_filter(images, (0, width, width)) for width in (0.5, 1, 2)]
    values = torch.stack([quantities.sharpness(tensor(stage)) for stage in blurred])
    assert (values.diff(dim=0) < 0).all()


@COMMON
@given(CHANGES)
def test_areas_of_updates_again_in_loops(changes):
    areas, shares = (
        quantities.effective_area(tensor(changes)),
        quantities.changed_share(tensor(changes)),
    )
    for change, area, share in zip(changes, areas.tolist(), shares.tolist(), strict=True):
        sizes = [abs(pixel) for pixel in change.flat]
        parts = [size / sum(sizes) for size in sizes if size] if any(sizes) else []
        entropy = -sum(part * math.log(part) for part in parts if part)
        assert area == pytest.approx(math.exp(entropy) if parts else 0.0, rel=1e-9)
        assert share == sum(size > 0.1 * max(sizes) for size in sizes) / SIZE**2


def test_areas_of_known_updates():
    one, four = picture((1, 3), value=-7.0), picture((0, 0), (0, 1), (4, 4), (2, 2))
    alike, none = torch.full((SIZE, SIZE), -1e-6), picture()
    change = torch.stack([one, four, alike, none]).view(2, 2, SIZE, SIZE)
    area = quantities.effective_area(change)
    np.testing.assert_allclose(area, [[1, 4], [SIZE**2, 0]], rtol=1e-6)
    share = quantities.changed_share(change) * SIZE**2
    np.testing.assert_allclose(share, [[1, 4], [SIZE**2, 0]])
    weak = one + picture((0, 0), value=0.7)  # a tenth of the largest is not more than a tenth
    assert quantities.changed_share(weak, threshold=0.1) * SIZE**2 == 1
    assert quantities.changed_share(weak, threshold=0.0) * SIZE**2 == 2


def test_windows_areas_are_clipped_to_the_image():
    whole, inner = [[-9.0, 40.0], [-0.5, 27.5]], [[3.0, 5.0], [4.0, 10.0]]
    corner, outside = [[-3.0, 1.5], [-3.0, 0.5]], [[30.0, 40.0], [2.0, 8.0]]
    endless = [[-torch.inf, torch.inf], [0.0, 1.0]]
    span = torch.tensor([whole, inner, corner, outside, endless])
    assert quantities.window_area(span, 28).tolist() == [28**2, 12, 2, 0, 28]


def test_distances_between_windows_middles():
    near, far = [[1.0, 3.0], [0.0, 2.0]], [[4.0, 6.0], [-4.0, 14.0]]
    path = torch.tensor([[near], [far], [far]])  # (T, B, 2, 2)
    assert quantities.centre_distance(path).tolist() == [[5.0], [0.0]]


@COMMON
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_nearest_distances_do_not_depend_on_chunks(chunk, seed):
    rng = np.random.default_rng(seed)
    queries, references = rng.normal(size=(4, 3)), rng.normal(size=(11, 3))
    found = quantities.nearest_distances(tensor(queries), tensor(references), chunk)
    np.testing.assert_allclose(found, cdist(queries, references).min(1), rtol=1e-12)


def test_a_copied_training_set_is_not_novel():
    rng = np.random.default_rng(0)
    train, test = rng.random((300, 16)), rng.random((200, 16))
    distances, reference = (
        quantities.nearest_distances(tensor(values), tensor(train)) for values in (train, test)
    )
    assert (distances == 0).all()
    assert quantities.share_below(distances, reference).share == 1
    fresh = quantities.nearest_distances(tensor(rng.random((2000, 16))), tensor(train))
    assert quantities.share_below(fresh, reference).share == pytest.approx(0.01, abs=0.01)


def test_bytes_are_compared_exactly():
    images = torch.randint(0, 256, (60, 784), dtype=torch.uint8)
    moved = images[:5].clone()
    moved[:, 0] = 255 - moved[:, 0]
    expected = (moved[:, 0].double() - images[:5, 0].double()).abs()
    np.testing.assert_array_equal(quantities.nearest_distances(moved, images), expected)


def test_share_below_a_percentile():
    assert quantities.share_below([0.5, 1.0, 1.5], np.arange(101.0)) == (1 / 3, 1.0)
    assert quantities.share_below([3, 7], [5.0], percentile=50) == (0.5, 5.0)


def test_frechet_distance_of_known_gaussians():
    def distance(mean, covariance, other_mean, other_covariance):
        return quantities.gaussian_frechet_distance(mean, covariance, other_mean, other_covariance)

    unit = np.eye(2)
    assert distance([0, 0], unit, [3, 4], unit) == pytest.approx(25)
    assert distance([0, 0], np.diag([4, 9]), [0, 0], unit) == pytest.approx(1 + 4)
    singular = np.diag([4.0, 0.0])
    assert distance([1, 1], singular, [1, 1], singular) == pytest.approx(0, abs=1e-12)
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 4, 4))
    first, second = roots @ roots.transpose(0, 2, 1)
    expected = np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert distance(np.zeros(4), first, np.zeros(4), second) == pytest.approx(expected)
    assert distance(np.zeros(4), second, np.zeros(4), first) == pytest.approx(expected)


def test_frechet_distance_of_samples():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(20_000, 3))
    second = rng.normal(size=(20_000, 3)) * [1, 2, 3] + [2, 0, 0]
    assert quantities.frechet_distance(first, second) == pytest.approx(4 + 0 + 1 + 4, rel=0.03)
    assert quantities.frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    line = quantities.frechet_distance(first[:, :1], second[:, 1:2])
    assert line == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantities.sharpness(torch.zeros(2, 3, 4)), r"images has shape \(2, 3, 4\)"),
        (
            lambda: quantities.sharpness(torch.full((1, 3, 3), torch.nan)),
            "images has 9 values that",
        ),
        (lambda: quantities.effective_area(torch.full((3, 3), torch.inf)), "change has 9 values"),
        (lambda: quantities.changed_share(torch.ones(3, 3), 1.0), r"threshold = 1\.0: expected"),
        (lambda: quantities.window_area(torch.zeros(4, 2), 28), r"span has shape \(4, 2\)"),
        (lambda: quantities.window_area(torch.zeros(2, 2), 0), "image_size = 0: expected"),
        (
            lambda: quantities.centre_distance(torch.full((2, 1, 2, 2), torch.nan)),
            "span has values that are not a number",
        ),
        (
            lambda: quantities.nearest_distances(torch.zeros(2, 3), torch.zeros(2, 4)),
            r"references has shape \(2, 4\); expected \(n, 3\)",
        ),
        (
            lambda: quantities.nearest_distances(torch.zeros(0, 3), torch.zeros(2, 3)),
            r"queries has shape \(0, 3\)",
        ),
        (
            lambda: quantities.nearest_distances(torch.zeros(1, 3), torch.zeros(2, 3), 0),
            "chunk = 0: expected at least 1",
        ),
        (lambda: quantities.share_below([1.0], [1.0], 101), "percentile = 101: expected 0 to 100"),
        (lambda: quantities.share_below([math.nan], [1.0]), "distances has 1 values"),
        (lambda: quantities.share_below([1.0], []), r"reference has shape \(0,\)"),
        (lambda: quantities.frechet_distance(np.zeros(3), np.zeros((3, 1))), "first has shape"),
        (
            lambda: quantities.frechet_distance(np.zeros((1, 2)), np.zeros((3, 2))),
            "first has 1 rows; expected at least 2",
        ),
        (
            lambda: quantities.frechet_distance(np.zeros((3, 2)), np.zeros((3, 1))),
            r"means have shapes \(2,\) and \(1,\)",
        ),
    ],
)
def test_errors_name_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
