"""The scripts in a browser against PyTorch."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tiny_galleries import COUNT, READINGS, SAMPLING, SIZE, STEPS, digits, recorded, small_writer

from dcrw.explorer import portable
from dcrw.explorer.browser import (
    FOLDER,
    MODULES,
    PAGE_MODULES,
    block_script,
    bundle,
    classic,
    pack,
)
from dcrw.explorer.gallery import Recording
from dcrw.explorer.recording import reconstruct
from dcrw.model import attention, losses
from dcrw.model.writer import Writer
from dcrw.training.data import to_unit

if TYPE_CHECKING:
    from playwright.sync_api import Page

REBUILD = """
async ([module, catalogue, block]) => {
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const { Store } = await import(url);
  const bytes = Uint8Array.from(atob(block), (letter) => letter.charCodeAt(0));
  const store = new Store(catalogue, new DataView(bytes.buffer));
  const drawings = catalogue.models.map(({ name }) =>
    Array.from({ length: store.count("reconstruct") }, (_, i) =>
      store.drawing(name, "reconstruct", i).steps.map((step) => ({
        canvas: Array.from(step.canvas),
        reconstruction: step.reconstruction,
        glimpse: step.glimpse?.map((channel) => Array.from(channel)) ?? null,
        filters: [step.written.x, step.written.y].map((axis) => Array.from(axis.weights)),
      }))));
  return drawings;
}
"""


VIEW = {
    "mode": "reconstruct",
    "digit": 1,
    "step": 2,
    "models": ["small"],
    "windows": True,
    "centres": True,
    "error": False,
    "difference": "none",
    "playing": False,
}


def test_scripts_become_one_module() -> None:
    module = bundle()
    assert "import {" not in module
    assert module.count("export default") == 1
    assert set(portable.MODULES) < set(MODULES) < set(PAGE_MODULES)
    assert set(PAGE_MODULES) == {path.name for path in FOLDER.glob("*.js")}


def test_a_page_takes_the_scripts_from_a_folder(blank: Page, tmp_path: Path) -> None:
    """As one classic script, with the block of bytes in another."""
    gallery = recorded({"small": small_writer()})
    catalogue, block = pack(gallery)
    state = {"catalogue": catalogue, "data": "block.js", "scripts": {}, **VIEW}
    (tmp_path / "explorer.js").write_text(classic())
    (tmp_path / "block.js").write_text(block_script("block.js", base64.b64encode(block).decode()))
    (tmp_path / "page.html").write_text(
        '<!doctype html><script defer src="explorer.js"></script>'
        '<div class="dcrw-figure" data-kind="explorer"><script type="application/json">'
        f"{json.dumps(state)}</script></div>"
    )
    blank.goto((tmp_path / "page.html").as_uri())
    blank.wait_for_selector("canvas[data-panel=canvas]")
    assert blank.locator(".dx-position").inner_text() == f"t = 2 of {STEPS}"


@pytest.mark.parametrize("reading", READINGS)
def test_the_browser_rebuilds_what_pytorch_draws(blank: Page, reading: str) -> None:
    model = small_writer(**READINGS[reading])
    gallery = recorded({"model": model})
    exact = replace(gallery, recordings=[single_precision(gallery.recordings[0], model)])
    catalogue, block = pack(exact)
    packed = base64.b64encode(block).decode()
    (found,) = blank.evaluate(REBUILD, [bundle(), catalogue, packed])
    images = to_unit(torch.as_tensor(gallery.images))
    drawn = reconstruct(model, gallery.images, SAMPLING)
    assert drawn.read_window is not None and drawn.write_window is not None
    canvases = torch.tensor([[step["canvas"] for step in steps] for steps in found])
    expected = drawn.canvas.flatten(2).transpose(0, 1)
    assert (canvases.sigmoid() - expected.sigmoid()).abs().max() < 1e-4
    before = torch.cat([model.initial(COUNT).canvas[None], drawn.canvas[:-1]]).detach()
    for t in range(STEPS):
        loss = torch.tensor([steps[t]["reconstruction"] for steps in found])
        torch.testing.assert_close(
            loss, losses.bernoulli_loss(drawn.canvas[t], images), rtol=1e-4, atol=1e-2
        )
        window = attention.window(drawn.read_window[t], 4, SIZE, model.conventions)
        filters = attention.filters_of(window, 4, SIZE, model.conventions)
        filters = filters._replace(intensity=torch.ones_like(filters.intensity))
        seen = attention.read(images, images - before[t].sigmoid(), filters)
        glimpses = torch.tensor([steps[t]["glimpse"] for steps in found])
        torch.testing.assert_close(glimpses, seen.flatten(2), rtol=1e-4, atol=1e-4)
        written = attention.window(drawn.write_window[t], 3, SIZE, model.conventions)
        weights = attention.filterbank(written, 3, SIZE, model.conventions).flatten(2)
        rebuilt = torch.tensor([steps[t]["filters"] for steps in found])
        torch.testing.assert_close(rebuilt, weights.detach(), rtol=1e-4, atol=1e-5)


def single_precision(recording: Recording, model: Writer) -> Recording:
    """The recording with patches as they were before they were rounded."""
    patch = reconstruct(model, digits(), SAMPLING).patch
    assert patch is not None
    return replace(
        recording,
        modes={"reconstruct": {**recording.modes["reconstruct"], "patch": patch.numpy()}},
    )


def test_no_name_is_taken_twice_among_the_scripts(blank: Page) -> None:
    script = """
    async (module) => Object.keys(await import(
      URL.createObjectURL(new Blob([module], { type: "text/javascript" }))))
    """
    names = blank.evaluate(script, bundle())
    assert {"default", "loadModel", "step", "Store"} <= set(names)


def test_the_browser_reads_half_precision_as_numpy_does(blank: Page) -> None:
    halves = np.array(
        [0, -0.0, 1, -1.5, 65504, 6.1e-5, 5.96e-8, -1e-7, np.inf, 0.333], dtype=np.float16
    )
    script = """
    async ([module, bits]) => {
      const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
      return bits.map((await import(url)).halfToFloat).map(String);
    }
    """
    found = blank.evaluate(script, [bundle(), halves.view(np.uint16).tolist()])
    np.testing.assert_array_equal(np.array(found, dtype=np.float64), halves.astype(np.float64))
