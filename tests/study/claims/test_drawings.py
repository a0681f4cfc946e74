"""What a model draws, and how local its updates are, recomputed canvas by canvas."""

import numpy as np
import pytest
import tiny_runs
import torch
from tiny_runs import labelled_images

from dcrw.model.config import ModelConfig
from dcrw.training.data import Dataset
from dcrw.training.engine import initial_model
from dcrw.training.evaluation import pixel_windows
from dcrw.training.randomness import step_noise
from study.claims.drawings import generate, reconstruct, write_spans


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return labelled_images()


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_measures_of_steps_from_the_drawings(dataset, correlation):
    """Reconstructions and samples again, canvas by canvas in NumPy, under the run's own noise."""
    noises = {"noise_correlation": correlation, "generation_noise_correlation": 1 - correlation}
    config = tiny_runs.tiny(model={"steps": 3, "initial_canvas": -0.5} | noises).model
    model = initial_model(config, 0)
    images = dataset.test.images[:6]
    drawn = {
        "evaluation": reconstruct(model, images, 4, 3),
        "generation": generate(model, 6, 4, 3),
    }
    for stream, drawing in drawn.items():
        kept = correlation if stream == "evaluation" else 1 - correlation
        noise = torch.as_tensor(step_noise(3, stream, 1, (3, 2, 2), kept))  # images 4 and 5
        if stream == "evaluation":
            trace = model.trace(images[4:] / 255, noise)
        else:
            trace = model.generate(noise)
        canvas = trace.canvas.double().numpy()
        torch.testing.assert_close(drawing.images[4:], trace.canvas[-1].sigmoid())
        change = np.abs(np.diff(canvas, axis=0, prepend=np.full((1, 2, 8, 8), -0.5)))
        parts = change / change.sum((2, 3), keepdims=True)
        area = np.exp(-(parts * np.log(np.where(parts, parts, 1))).sum((2, 3)))
        np.testing.assert_allclose(drawing.steps["effective_area"][:, 4:], area, rtol=1e-4)
        seen = 1 / (1 + np.exp(-np.concatenate([np.full((1, 2, 8, 8), -0.5), canvas])))
        grey = np.abs(np.diff(seen, axis=0))
        parts = grey / grey.sum((2, 3), keepdims=True)
        area = np.exp(-(parts * np.log(np.where(parts, parts, 1))).sum((2, 3)))
        np.testing.assert_allclose(drawing.steps["picture_area"][:, 4:], area, rtol=1e-4)
        share = (change > 0.1 * change.max((2, 3), keepdims=True)).mean((2, 3))
        np.testing.assert_allclose(drawing.steps["changed_share"][:, 4:], share)
        windows = pixel_windows(trace.write_window, 2, config)
        distance = np.linalg.norm(np.diff(windows[..., :2], axis=0), axis=2)
        found = drawing.steps["centre_distance"][:, 4:]
        assert found[0].isnan().all()
        np.testing.assert_allclose(found[1:], distance, rtol=1e-4, atol=1e-5)
        half = windows[..., 2:3] / 2  # N = 2: half a stride to each side
        edges = np.stack([windows[..., :2] - half, windows[..., :2] + half]).clip(-0.5, 7.5)
        inside = (edges[1] - edges[0]).prod(-1)
        np.testing.assert_allclose(drawing.steps["window_area"][:, 4:], inside, rtol=1e-4)


def test_learned_canvases_are_where_updates_start(dataset):
    config = tiny_runs.tiny(model={"initial_state": "learned"}).model
    model = initial_model(config, 0)
    torch.nn.init.normal_(model.initial_canvas)
    torch.nn.init.zeros_(model.heads.weight)  # nothing is ever drawn
    torch.nn.init.zeros_(model.heads.bias)
    drawing = generate(model, 3, 4, 3)
    assert (drawing.steps["effective_area"] == 0).all()


@pytest.mark.parametrize("indexing", ["one-based", "mixed"])
@pytest.mark.parametrize("numbers", ["five", "four"])
def test_spans_of_windows(indexing, numbers):
    config = ModelConfig(indexing=indexing, window_parameters=numbers)
    emitted = torch.zeros(3, 2, 5 if numbers == "five" else 4)
    span = write_spans(emitted, config)
    assert span.shape == (3, 2, 2, 2)
    # as wide as the image; the mixed reading lies 1 - 27/4 off: index shift and one stride
    shift = 0.0 if indexing == "one-based" else 1 - 27 / 4
    np.testing.assert_allclose(span[1, 1], [[shift, 27 + shift]] * 2, atol=1e-5)
