"""The model in the browser against PyTorch, with weights rounded to half precision on both sides:
what rounding does to a drawing is a matter of its own."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from common import ROOT
from tiny_galleries import SIZE, STEPS, save_run, small_writer

from dcrw.explorer.browser import bundle
from dcrw.explorer.gallery import ExplorerError, Gallery
from dcrw.explorer.portable import MODULES, SUPPORTED, pack_model, weights_script, write_weights
from dcrw.explorer.recording import load_writer
from dcrw.model import losses
from dcrw.model.config import ModelConfig
from dcrw.model.writer import Trace, Writer
from dcrw.training.data import to_unit
from dcrw.training.randomness import generator, step_noise
from dcrw.training.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS = ["dcrw-fresh-s0-44136fa3", "dcrw-shared-s0-f6dd4760"]
IMAGES = 100
READINGS = {
    "default": {},
    "lineage2016": {
        "indexing": "mixed-integer",
        "filter_exponent": "squared-ratio",
        "filter_normaliser": "clamped-sum",
        "initial_canvas": -1.5,
    },
}

DRAW = """
async ([module, name, images, noise]) => {
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const { draw, generate, loadModel } = await import(url);
  const floats = (text) =>
    new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const text = (values) => {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  };
  const model = loadModel(name);
  const drawn = draw(model, floats(images), floats(noise));
  const made = generate(model, floats(noise));
  const all = (drawings, of) => text(drawings.flatMap(({ steps }) => steps.flatMap(of)));
  return {
    drawn: all(drawn, (step) => Array.from(step.shown)),
    made: all(made, (step) => Array.from(step.shown)),
    latent: all(drawn, (step) => step.latent),
    reconstruction: all(drawn, (step) => step.reconstruction),
  };
}
"""

# Median time of a step that reads, in milliseconds; the first ones warm up.
TIME = """
async ([module, name]) => {
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const { drawNoise, initial, loadModel, step } = await import(url);
  const model = loadModel(name);
  const image = new Float64Array(model.pixels ** 2).fill(0.5);
  const times = [];
  for (let i = 0, state = initial(model); i < 200; i++) {
    const noise = drawNoise(model, 1, 0, 1);
    const start = performance.now();
    state = step(model, state, noise, image);
    times.push(performance.now() - start);
    if (i % model.steps === model.steps - 1) state = initial(model);
  }
  return times.slice(100).sort((a, b) => a - b)[50];
}
"""


def rounded(model: Writer) -> Writer:
    """The model with its weights as half precision keeps them."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
    return model


def pictures(count: int, size: int) -> np.ndarray:
    """Images of noise; of MNIST's size, the test digits of the explorer's file come first."""
    noise = generator(0, "evaluation", 0).integers(0, 256, (count, size, size)).astype(np.uint8)
    digits = Gallery.load(ROOT / "results/grid/explorer/explorer.npz").images
    return np.concatenate([digits, noise])[:count] if size == digits.shape[1] else noise


def open_folder(page: Page, folder: Path, script: str) -> None:
    """A page that loads the script from a folder, as a book that was downloaded does."""
    (folder / "weights.js").write_text(script)
    (folder / "page.html").write_text('<!doctype html><script src="weights.js"></script>')
    page.goto((folder / "page.html").as_uri())


def compare(page: Page, folder: Path, model: Writer, images: np.ndarray) -> None:
    """Every step of the browser's drawings against PyTorch's."""
    config = model.config
    shape = (config.steps, len(images), config.latent_size)
    noise = torch.as_tensor(step_noise(3, "evaluation", 0, shape, config.noise_correlation))
    given = to_unit(torch.as_tensor(images))
    open_folder(page, folder, weights_script("name", model))
    arguments = [bundle(modules=MODULES), "name", encoded(given), encoded(noise)]
    found = page.evaluate(DRAW, arguments)
    drawn, made = model.trace(given, noise), model.generate(noise)
    assert largest_error(found["drawn"], drawn) < 1e-4
    assert largest_error(found["made"], made) < 1e-4
    assert drawn.kl is not None
    latent = decoded(found["latent"]).view(len(images), -1).T
    torch.testing.assert_close(latent, drawn.kl, rtol=1e-3, atol=1e-3)
    loss = [losses.bernoulli_loss(canvas, given) for canvas in drawn.canvas]
    reconstruction = decoded(found["reconstruction"]).view(len(images), -1).T
    torch.testing.assert_close(reconstruction, torch.stack(loss), rtol=1e-3, atol=1e-2)


def largest_error(shown: str, trace: Trace) -> float:
    """Of sigma(c_t) over all steps, images and pixels."""
    expected = trace.canvas.sigmoid().transpose(0, 1)
    return (decoded(shown).view(expected.shape) - expected).abs().max().item()


def encoded(values: torch.Tensor) -> str:
    return base64.b64encode(values.numpy().astype(np.float32).tobytes()).decode()


def decoded(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32)


@pytest.mark.parametrize("run", RUNS)
def test_trained_models_draw_the_same_in_the_browser(blank: Page, tmp_path: Path, run: str) -> None:
    model = rounded(load_writer(Run(ROOT / "results/paper/runs" / run)))
    compare(blank, tmp_path, model, pictures(IMAGES, 28))


@pytest.mark.parametrize("reading", READINGS)
def test_other_sizes_and_readings_are_run_too(blank: Page, tmp_path: Path, reading: str) -> None:
    model = rounded(small_writer(**READINGS[reading]))
    compare(blank, tmp_path, model, pictures(5, SIZE))


def test_a_step_fits_into_a_frame(blank: Page, tmp_path: Path) -> None:
    model = load_writer(Run(ROOT / "results/paper/runs" / RUNS[0]))
    open_folder(blank, tmp_path, weights_script("name", model))
    assert blank.evaluate(TIME, [bundle(modules=MODULES), "name"]) < 16


def test_noise_of_the_browser_has_the_correlation_asked_for(blank: Page) -> None:
    script = """
    async ([module, correlation]) => {
      const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
      const { drawNoise } = await import(url);
      return Array.from(drawNoise({ latentSize: 10 }, 500, correlation, 2));
    }
    """
    for correlation in (0, 0.5, 1):
        noise = blank.evaluate(script, [bundle(modules=MODULES), correlation])
        first, second = np.array(noise).reshape(2, 5000)
        assert abs(first.mean()) < 0.07 and abs(first.std() - 1) < 0.05
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(correlation, abs=0.07)


@pytest.mark.parametrize("run", RUNS)
def test_rounding_moves_drawings_little(run: str) -> None:
    """By less than two grey values anywhere, and a tenth of one on average."""
    folder, images = Run(ROOT / "results/paper/runs" / run), pictures(40, 28)
    exact, rough = load_writer(folder), rounded(load_writer(folder))
    shape = (10, len(images), 10)
    noise = torch.as_tensor(step_noise(3, "evaluation", 0, shape, exact.config.noise_correlation))
    given = to_unit(torch.as_tensor(images))
    canvases = [model.trace(given, noise).canvas.sigmoid() for model in (exact, rough)]
    change = (canvases[0] - canvases[1]).abs()
    assert change.max() < 2 / 255 and change.mean() < 0.1 / 255


def test_a_script_is_named_after_its_cell_and_small(tmp_path: Path) -> None:
    write_weights(Run(ROOT / "results/paper/runs" / RUNS[0]), tmp_path / "weights.js")
    script = (tmp_path / "weights.js").read_text()
    assert 'window.dcrwWeights["dcrw-fresh"] = {' in script
    assert len(script) < 0.9e6


def test_every_weight_is_in_the_block() -> None:
    model = small_writer()
    catalogue, block = pack_model("small", model)
    assert catalogue["steps"] == STEPS and catalogue["models"][0]["name"] == "small"
    for name, weight in model.state_dict().items():
        entry = catalogue["arrays"][name]
        found = np.frombuffer(block, np.float16, weight.numel(), entry["offset"])
        np.testing.assert_array_equal(found.reshape(entry["shape"]), weight.half().numpy())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "draw"),
        ("window_parameters", "four"),
        ("window_heads", "shared"),
        ("pooling", "drop-border"),
        ("encoder_dense", 5),
        ("hidden_to_encoder", "absent"),
        ("posterior_heads", "tied"),
        ("initial_state", "learned"),
        ("reconstruction", "gaussian"),
        ("latent_constant", "as-printed"),
    ],
)
def test_what_the_browser_cannot_run_is_said(tmp_path: Path, name: str, value: object) -> None:
    assert SUPPORTED[name] != value
    given = {"image_size": SIZE, "read_size": 4, "write_size": 3, "steps": STEPS, name: value}
    run = Run(save_run(tmp_path / "run", ModelConfig.model_validate(given)))
    with pytest.raises(ExplorerError, match=f"model.{name} = '?{value}'?: the browser runs models"):
        write_weights(run, tmp_path / "weights.js")


def test_a_weight_beyond_half_precision_is_refused() -> None:
    model = small_writer()
    with torch.no_grad():
        model.heads.weight[0, 0] = 1e5
    with pytest.raises(ExplorerError, match=r"heads\.weight: largest magnitude 100000"):
        pack_model("small", model)
