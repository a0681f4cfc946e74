"""Fig. 2 alive: tensors of one step, and lines of code that there are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_galleries import small_writer

from dcrw.training.files import RunError
from dcrw.training.randomness import step_noise
from study.paper import alive

PROJECT = Path(__file__).parents[3]
IMAGE = np.random.default_rng(1).integers(0, 256, (12, 12), np.uint8)


@pytest.mark.parametrize("box", alive.BOXES, ids=lambda box: box.name)
def test_every_line_of_code_stands_in_its_file(box: alive.Box) -> None:
    lines = (PROJECT / box.source).read_text(encoding="utf-8").splitlines()
    assert box.code in {line.strip() for line in lines}


def test_the_tensors_are_those_of_the_models_own_trace() -> None:
    model = small_writer()
    found = alive.tensors(model, IMAGE, seed=3)
    noise = step_noise(3, "evaluation", 0, (4, 1, 3), 0.0)
    images = torch.as_tensor(IMAGE)[None] / 255
    trace = model.trace(images, torch.as_tensor(noise))
    canvas = trace.canvas.sigmoid().numpy()
    np.testing.assert_allclose(found["canvas"], canvas, rtol=1e-5)
    np.testing.assert_allclose(found["error"][1:], images.numpy() - canvas[:-1], atol=1e-6)
    np.testing.assert_allclose(found["latent"][:, :, 0, 0], trace.latent[:, 0].numpy(), rtol=1e-5)
    np.testing.assert_allclose(found["patch"], trace.patch.numpy(), rtol=1e-5)
    posterior = torch.cat([trace.mean, trace.log_sigma], 2)[:, 0].numpy()
    np.testing.assert_allclose(found["posterior"][:, :, 0, 0], posterior, rtol=1e-4, atol=1e-6)
    assert found["read"].shape == (4, 2, 4, 4)
    assert found["decoder"].shape == (4, 8, 1, 1)


def test_the_figure_has_every_box_at_every_step() -> None:
    state = alive.alive(IMAGE, 7, alive.tensors(small_writer(), IMAGE)).state
    assert [box["name"] for box in state["boxes"]] == [box.name for box in alive.BOXES]
    assert {box["count"] for box in state["boxes"]} == {4}
    for box in state["boxes"]:
        assert box["rows"] * box["columns"] > 0
        assert (box["low"] <= box["high"]).all()


def test_zero_is_grey_where_values_have_a_sign() -> None:
    assert alive.grey(np.array([-2.0, 0.0, 2.0]), signed=True).tolist() == [0, 128, 255]
    assert alive.grey(np.array([0.0, 2.0]), signed=False).tolist() == [0, 255]


def test_a_model_that_looks_once_is_refused() -> None:
    with pytest.raises(RunError, match="expected a CNN on a glimpse at every step"):
        alive.tensors(small_writer(architecture="dcrw-write-only"), IMAGE)
