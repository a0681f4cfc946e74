"""Random numbers as functions of seed, stream and counter."""

import numpy as np
import pytest

from dcrw.training.randomness import BatchOrder, step_noise


def test_noise_depends_on_seed_stream_and_counter_alone():
    first = step_noise(3, "noise", 17, (4, 5, 6), 0.0)
    assert np.array_equal(first, step_noise(3, "noise", 17, (4, 5, 6), 0.0))
    for other in ((4, "noise", 17), (3, "evaluation", 17), (3, "noise", 18)):
        assert not np.isclose(first, step_noise(*other, (4, 5, 6), 0.0)).any()


@pytest.mark.parametrize("correlation", [0.0, 0.25, 0.9, 1.0])
def test_noise_has_the_correlation_asked_for(correlation):
    noise = step_noise(0, "noise", 0, (5, 400, 50), correlation).reshape(5, -1)
    assert abs(noise.mean()) < 0.02
    expected = np.full((5, 5), correlation) + (1 - correlation) * np.eye(5)
    np.testing.assert_allclose(np.cov(noise), expected, atol=0.04)
    if correlation == 1:
        assert (noise == noise[0]).all()


def test_every_image_is_seen_once_an_epoch():
    order = BatchOrder(seed=0, batch_size=5, images=23)
    stream = np.concatenate([order(iteration) for iteration in range(23)])
    for epoch in range(5):
        assert sorted(stream[23 * epoch : 23 * (epoch + 1)]) == list(range(23))
    assert not np.array_equal(stream[:23], stream[23:46])
    assert np.array_equal(BatchOrder(0, 5, 23)(7), stream[35:40])
    assert not np.array_equal(BatchOrder(1, 5, 23)(7), stream[35:40])
