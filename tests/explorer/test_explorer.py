"""The explorer: what is kept of a drawing, what the browser makes of it, and the page itself."""

from __future__ import annotations

import base64
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from test_book import FOREIGN, NOTEBOOKS, ROOT, built_book, http_book, open_page

from dcrw.explorer.gallery import (
    COLUMNS,
    ExplorerError,
    Gallery,
    Recording,
    Sampling,
    choose_digits,
    find_cells,
    load_writer,
    rebuild_canvas,
    reconstruct,
    record,
)
from dcrw.explorer.live import LiveExplorer, animate
from dcrw.explorer.strip import strip_figure, strip_rows
from dcrw.explorer.widget import FOLDER, MODULES, Explorer, bundle, pack
from dcrw.model import attention, losses
from dcrw.model.config import ModelConfig
from dcrw.model.writer import Writer
from dcrw.training.config import make_config
from dcrw.training.data import Split, to_unit
from dcrw.training.engine import initial_model
from dcrw.training.files import RunError
from dcrw.training.randomness import generator
from dcrw.training.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["built_book", "http_book"]  # fixtures

SIZE, STEPS, COUNT = 12, 4, 6
SAMPLING = Sampling(seed=7)
PAIRS = np.array([[0, 3]])
READINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "lineage2016": {
        "indexing": "mixed-integer",
        "filter_exponent": "squared-ratio",
        "filter_normaliser": "clamped-sum",
    },
    "four": {"window_parameters": "four", "initial_canvas": -1.5},
    "learned": {"initial_state": "learned", "initial_canvas": -0.5},
}


def small_writer(**settings: Any) -> Writer:
    """An untrained writer whose windows and patches vary from step to step."""
    given = {"image_size": SIZE, "steps": STEPS, "latent_size": 3, "hidden_size": 8}
    config = ModelConfig.model_validate(given | {"read_size": 4, "write_size": 3} | settings)
    model = initial_model(config, 3)
    assert isinstance(model, Writer)
    with torch.no_grad():
        for parameter in (*model.decoder.parameters(), *model.heads.parameters()):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(1)))
    return model


def digits(count: int = COUNT) -> np.ndarray:
    noise = generator(0, "evaluation", 0).integers(0, 256, (count, SIZE, SIZE))
    return noise.astype(np.uint8)


def recorded(models: dict[str, Writer], pairs: np.ndarray = PAIRS) -> Gallery:
    images = digits()
    recordings = [record(name, model, images, pairs, SAMPLING) for name, model in models.items()]
    return Gallery(images, np.arange(COUNT), pairs, recordings, {"seed": SAMPLING.seed})


def save_run(folder: Path, config: ModelConfig) -> Path:
    """A complete run whose weights were never trained."""
    run = Run(folder)
    run.begin(make_config({"name": "untrained", "model": config.model_dump()}))
    run.finish(initial_model(config, 0), {})
    return folder


# ---- what is kept ----------------------------------------------------------------------------


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "draw", "dcrw-whole-image"])
def test_canvases_are_rebuilt_from_windows_and_patches(architecture: str, reading: str) -> None:
    model = small_writer(architecture=architecture, **READINGS[reading])
    recording = recorded({"model": model}).recordings[0]
    drawn = reconstruct(model, digits(), SAMPLING).canvas
    rebuilt = rebuild_canvas(recording, "reconstruct")
    assert (rebuilt.sigmoid() - drawn.sigmoid()).abs().max() < 1 / 255


def test_blends_start_and_end_as_the_reconstructions() -> None:
    gallery = recorded({"model": small_writer()})
    drawn = rebuild_canvas(gallery.recordings[0], "reconstruct")
    blended = rebuild_canvas(gallery.recordings[0], "interpolate")
    assert blended.shape[1] == COLUMNS
    torch.testing.assert_close(blended[:, [0, -1]], drawn[:, PAIRS[0]], atol=0.02, rtol=0)


def test_temperature_scales_the_noise() -> None:
    model = small_writer()
    cold, warm = (reconstruct(model, digits(), Sampling(0, temperature)) for temperature in (0, 2))
    assert cold.mean is not None
    torch.testing.assert_close(cold.latent, cold.mean)
    assert not torch.allclose(warm.latent, cold.latent)


def test_a_gallery_is_read_as_it_was_written(tmp_path: Path) -> None:
    gallery = recorded({"first": small_writer(), "second": small_writer(architecture="draw")})
    gallery.save(tmp_path / "explorer.npz")
    found = Gallery.load(tmp_path / "explorer.npz")
    assert found.about == {"seed": 7} and found.steps == STEPS
    np.testing.assert_array_equal(found.images, gallery.images)
    for mine, theirs in zip(gallery.recordings, found.recordings, strict=True):
        assert (mine.name, mine.config) == (theirs.name, theirs.config)
        assert mine.modes.keys() == theirs.modes.keys()
        for mode, tracks in mine.modes.items():
            assert tracks.keys() == theirs.modes[mode].keys()
            for key, values in tracks.items():
                np.testing.assert_array_equal(values, theirs.modes[mode][key])


@pytest.mark.parametrize("content", [None, b"not an archive"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "explorer.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExplorerError, match=r"explorer\.npz: not a file of the explorer"):
        Gallery.load(path)


def test_digits_are_the_first_of_each_class_side_by_side() -> None:
    labels = torch.arange(10).repeat(3)
    split = Split(torch.zeros(30, SIZE, SIZE, dtype=torch.uint8), labels)
    assert choose_digits(split, 2).tolist() == list(range(20))
    with pytest.raises(ExplorerError, match="each = 4"):
        choose_digits(split, 4)


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    given = {"image_size": SIZE, "read_size": 4, "write_size": 3}
    vae = ModelConfig.model_validate(given | {"architecture": "conv-vae", "steps": 1})
    with pytest.raises(ExplorerError, match="no windows to show"):
        load_writer(Run(save_run(tmp_path / "vae", vae)))
    stepwise = ModelConfig.model_validate(given | {"architecture": "dcrw-stepwise", "steps": 3})
    with pytest.raises(ExplorerError, match="expected steps = 3"):
        load_writer(Run(save_run(tmp_path / "stepwise", stepwise)), 4)
    with pytest.raises(RunError, match="not a complete run"):
        load_writer(Run(tmp_path / "nothing"))
    other = np.zeros((1, 28, 28), dtype=np.uint8)
    with pytest.raises(ExplorerError, match="takes images of 12 x 12 pixels"):
        record("small", small_writer(), other, PAIRS)
    with pytest.raises(ExplorerError, match="profile paper has no such cell; it has dcrw-fresh"):
        find_cells(["paper/nothing"])
    with pytest.raises(ExplorerError, match="nothing is not among"):
        Explorer(recorded({"first": small_writer()}), models=["nothing"])


def test_the_strip_has_a_row_for_what_is_read_and_one_for_what_is_written() -> None:
    gallery = recorded(
        {"read": small_writer(), "written": small_writer(architecture="dcrw-write-only")}
    )
    rows = strip_rows(gallery, ["read", "written"], digit=2)
    assert [row.reads for row in rows] == [True, False, False]
    assert all(row.images.shape == (STEPS, SIZE, SIZE) for row in rows)
    figure = strip_figure(rows)
    assert len(figure.axes) == 3 * STEPS
    assert all(len(axis.patches) == 2 for axis in figure.axes)  # the band and the line


def test_scripts_become_one_module() -> None:
    module = bundle()
    assert "import {" not in module
    assert module.count("export default") == 1
    assert set(MODULES) == {path.name for path in FOLDER.glob("*.js")}


def test_the_committed_file_is_small_and_complete() -> None:
    path = ROOT / "results/grid/explorer/explorer.npz"
    gallery = Gallery.load(path)
    assert path.stat().st_size < 1e6
    assert len(gallery.images) >= 32
    assert {recording.config.architecture for recording in gallery.recordings} == {
        "dcrw",
        "dcrw-write-only",
        "draw",
    }


# ---- with a kernel ---------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as the project, with two complete runs and one of another size."""
    for name in ("configs", "dcrw"):
        (tmp_path / name).mkdir()
    given = {"image_size": SIZE, "read_size": 4, "write_size": 3, "steps": STEPS}
    for name, settings in {
        "first": {},
        "second": {"architecture": "draw"},
        "large": {"image_size": 16},
    }.items():
        config = ModelConfig.model_validate(given | settings)
        save_run(tmp_path / "results/custom/runs" / name, config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def live(project: Path) -> LiveExplorer:
    return LiveExplorer(recorded({}), ["results/custom/runs/first"])


def test_live_models_draw_the_gallery_and_the_sketch(live: LiveExplorer) -> None:
    assert live.models == ["first"] and live.total_steps == STEPS
    assert live.folders == [f"results/custom/runs/{name}" for name in ("first", "large", "second")]
    before = live.block
    live.sketch = digits(1).tobytes()
    assert live.block != before and live.message == ""
    shape = live.catalogue["arrays"]["first/sketch/patch"]["shape"]
    assert shape == [STEPS, 1, 3, 3]


@pytest.mark.parametrize(("name", "value"), [("seed", 5), ("temperature", 0.5)])
def test_noise_changes_what_is_drawn(live: LiveExplorer, name: str, value: float) -> None:
    before = live.block
    setattr(live, name, value)
    assert live.block != before


def test_the_number_of_steps_can_be_changed(live: LiveExplorer) -> None:
    live.total_steps = 7
    assert live.catalogue["steps"] == 7
    assert live.catalogue["arrays"]["first/reconstruct/patch"]["shape"][0] == 7


def test_further_runs_are_loaded_by_message(live: LiveExplorer) -> None:
    live._answer(live, {"kind": "load", "folder": "results/custom/runs/second"}, [])
    assert live.message == "" and live.models == ["first", "second"]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("results/nowhere", "no such folder"),
        ("", "no such folder"),
        ("configs", "not a complete run"),
        ("results/custom/runs/first", "shown already"),
        ("results/custom/runs/large", "takes images of 16 x 16 pixels"),
    ],
)
def test_a_folder_that_cannot_be_loaded_changes_nothing(
    live: LiveExplorer, folder: str, reason: str
) -> None:
    before = live.block
    live._answer(live, {"kind": "load", "folder": folder}, [])
    assert reason in live.message
    assert live.block == before and live.models == ["first"]


def test_a_setting_that_is_impossible_is_set_back(live: LiveExplorer) -> None:
    kept = live.sketch
    live.sketch = b"12"
    assert "expected 12 x 12 = 144" in live.message
    assert live.sketch == kept


def test_frames_become_an_animation() -> None:
    frames = []
    for level in (0, 120, 240):
        target = io.BytesIO()
        Image.new("RGB", (8, 6), (level, 0, 0)).save(target, "PNG")
        frames.append(target.getvalue())
    animation = Image.open(io.BytesIO(animate(frames)))
    assert (animation.n_frames, animation.size) == (3, (8, 6))  # type: ignore[attr-defined]
    with pytest.raises(ExplorerError):
        animate([])


# ---- the scripts against PyTorch -------------------------------------------------------------

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


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


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


# ---- the page --------------------------------------------------------------------------------

PAGE = "book/executed/explorer"
needs_page = pytest.mark.skipif(
    PAGE not in NOTEBOOKS and "DCRW_BOOK_HTML" not in os.environ,
    reason="the book has no page of the explorer",
)
READY = ".dcrw-explorer canvas[data-panel]"

# A checksum of what each picture shows, by model and panel; `sheet` for the digits.
PIXELS = """
() => {
  const sum = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0;
    for (const byte of data) hash = (Math.imul(hash, 31) + byte) | 0;
    return `${canvas.width}x${canvas.height}:${hash}`;
  };
  const found = {};
  for (const canvas of document.querySelectorAll(".dx-stage canvas"))
    found[`${canvas.dataset.model}/${canvas.dataset.panel ?? canvas.dataset.chart}`] = sum(canvas);
  const options = [...document.querySelectorAll(".dx-sheet canvas")];
  found.sheet = options.map(sum).join();
  return found;
}
"""
DCRW, WRITE_ONLY = "dcrw-fresh", "dcrw-write-only-fresh"
WINDOWED = {f"{DCRW}/{name}" for name in ("input", "added", "canvas")} | {
    f"{WRITE_ONLY}/{name}" for name in ("added", "canvas")
}
CHARTS = {
    f"{model}/{loss}" for model in (DCRW, WRITE_ONLY) for loss in ("reconstruction", "latent")
}
SMALL = {f"{DCRW}/{name}" for name in ("glimpse", "glimpse-error", "patch")} | {
    f"{WRITE_ONLY}/patch"
}


class ExplorerPage:
    """The page, open, and what went wrong on it."""

    def __init__(self, browser: Browser, address: str, fragment: str = "") -> None:
        self.page, self.problems, self.requests = open_page(
            browser, f"{address}/{PAGE}.html{fragment}"
        )
        self.page.wait_for_selector(READY)
        self.root = self.page.locator(".dcrw-explorer")

    def reset(self) -> None:
        """The view that most tests start from."""
        self.page.mouse.move(0, 0)
        fragment = (
            f"#explorer:mode=reconstruct&digit=3&step=5&models={DCRW},{WRITE_ONLY}"
            "&show=windows,centres&difference=none"
        )
        self.page.evaluate(
            "(fragment) => { history.replaceState(null, '', location.pathname);"
            " location.hash = fragment; }",
            fragment,
        )
        self.page.wait_for_function("() => !document.querySelector('.dx-note').hidden")
        self.page.wait_for_timeout(50)

    def pixels(self) -> dict[str, str]:
        self.page.wait_for_timeout(30)  # drawing waits for the end of the event
        return self.page.evaluate(PIXELS)

    def changed(self, act: Callable[[], object]) -> set[str]:
        """The pictures that an act changes, adds or removes."""
        before = self.pixels()
        act()
        after = self.pixels()
        return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}

    def position(self) -> int:
        return int(self.root.locator(".dx-position").inner_text().split()[2])

    def box(self, label: str) -> Locator:
        return self.root.locator("button, input, select").and_(
            self.root.get_by_label(label, exact=True)
        )

    def panel(self, name: str, model: str = DCRW) -> Locator:
        return self.root.locator(f"canvas[data-panel='{name}'][data-model='{model}']")


@pytest.fixture(scope="module")
def opened(browser: Browser, http_book: str) -> Iterator[ExplorerPage]:
    found = ExplorerPage(browser, http_book)
    yield found
    found.page.close()


@pytest.fixture
def shown(opened: ExplorerPage) -> ExplorerPage:
    opened.reset()
    return opened


@needs_page
class TestPage:
    def test_windows(self, shown: ExplorerPage) -> None:
        assert shown.changed(shown.box("windows").uncheck) == WINDOWED
        assert shown.changed(shown.box("windows").check) == WINDOWED

    def test_grid_centres(self, shown: ExplorerPage) -> None:
        assert shown.changed(shown.box("grid centres").uncheck) == WINDOWED

    def test_error_image(self, shown: ExplorerPage) -> None:
        added = {f"{DCRW}/error", f"{WRITE_ONLY}/error"}
        assert shown.changed(shown.box("error image").check) == added

    @pytest.mark.parametrize(
        ("choice", "models"),
        [("step", {DCRW, WRITE_ONLY}), ("input", {DCRW, WRITE_ONLY}), ("model", {WRITE_ONLY})],
    )
    def test_difference(self, shown: ExplorerPage, choice: str, models: set[str]) -> None:
        select = shown.box("Show the canvas minus")
        changed = shown.changed(lambda: select.select_option(choice))
        assert changed == {f"{model}/difference" for model in models}

    def test_step(self, shown: ExplorerPage) -> None:
        changed = shown.changed(shown.box("Step forward").click)
        assert changed == WINDOWED | SMALL | CHARTS
        assert shown.position() == 6

    def test_dragging_the_slider(self, shown: ExplorerPage) -> None:
        slider = shown.box("Drawing step")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        shown.page.mouse.move(box["x"] + box["width"] / 2, middle)
        shown.page.mouse.down()
        shown.page.mouse.move(box["x"] + box["width"] - 1, middle, steps=5)
        assert shown.position() == 10
        shown.page.mouse.up()

    def test_digit(self, shown: ExplorerPage) -> None:
        option = shown.root.locator("[role=option]").nth(7)
        changed = shown.changed(option.click)
        assert changed == WINDOWED | SMALL | CHARTS | {f"{WRITE_ONLY}/input"}
        assert option.get_attribute("aria-selected") == "true"

    def test_models(self, shown: ExplorerPage) -> None:
        box = shown.box("DRAW, fresh noise")
        changed = shown.changed(box.check)
        assert {key for key in changed if key.startswith("draw-fresh/")}
        assert changed - CHARTS == {key for key in changed if key.startswith("draw-fresh/")}
        box.uncheck()
        shown.box("Without attention in read, fresh noise").uncheck()
        assert shown.box("With attention, fresh noise").is_disabled()  # one is always shown

    @pytest.mark.parametrize("mode", ["Generate", "Interpolate"])
    def test_modes_without_an_encoder(self, shown: ExplorerPage, mode: str) -> None:
        changed = shown.changed(shown.root.get_by_text(mode, exact=True).click)
        assert "sheet" in changed
        left = set(shown.pixels())
        assert (
            left
            == {f"{m}/{p}" for m in (DCRW, WRITE_ONLY) for p in ("patch", "added", "canvas")}
            | {"sheet"}
            | CHARTS
        )
        assert not shown.root.locator(".dx-charts").first.is_visible()
        assert shown.root.locator("[role=option]").count() >= 32

    def test_blends_end_in_the_reconstructed_digits(self, shown: ExplorerPage) -> None:
        def last_canvas(digit: int) -> str:
            shown.root.locator("[role=option]").nth(digit).click()
            shown.page.keyboard.press("End")
            shown.page.mouse.move(0, 0)
            return shown.pixels()[f"{DCRW}/canvas"]

        shown.box("windows").uncheck()
        shown.box("grid centres").uncheck()
        zero, six = last_canvas(0), last_canvas(6)
        shown.root.get_by_text("Interpolate", exact=True).click()
        assert (last_canvas(0), last_canvas(9)) == (zero, six)

    def test_pointing_at_a_filter_shows_its_row(self, shown: ExplorerPage) -> None:
        glimpse = shown.panel("glimpse")
        changed = shown.changed(lambda: glimpse.hover(position={"x": 40, "y": 40}))
        assert changed == {f"{DCRW}/input", f"{DCRW}/glimpse"}
        text = shown.root.locator(".dx-readout").inner_text()
        assert "Read filter in row 3, column 3" in text and "σ" in text
        assert shown.changed(lambda: shown.page.mouse.move(0, 0)) == changed

    def test_pointing_at_a_pixel_shows_its_values(self, shown: ExplorerPage) -> None:
        shown.box("grid centres").uncheck()
        canvas = shown.panel("canvas")
        changed = shown.changed(lambda: canvas.hover(position={"x": 8, "y": 13}))
        assert changed == WINDOWED | {f"{WRITE_ONLY}/input"}  # the pixel is marked in all images
        text = shown.root.locator(".dx-readout").inner_text()
        assert "Pixel in row 1, column 0: input 0.00" in text

    def test_bars_lead_to_their_step(self, shown: ExplorerPage) -> None:
        chart = shown.root.locator("canvas[data-chart='latent']").first
        box = chart.bounding_box()
        assert box is not None
        chart.click(position={"x": box["width"] * 0.95, "y": 30})
        assert shown.position() == 10

    def test_play_and_pause(self, shown: ExplorerPage) -> None:
        play = shown.root.locator(".dx-play")
        play.click()
        assert play.inner_text() == "Pause"
        shown.page.wait_for_function(
            "() => document.querySelector('.dx-position').textContent.startsWith('t = 7')"
        )
        play.click()
        assert play.inner_text() == "Play"
        paused = shown.position()
        shown.page.wait_for_timeout(800)
        assert shown.position() == paused
        assert shown.root.get_by_role("status").inner_text().startswith("Paused. Step 7 of 10.")

    def test_play_stops_at_the_end_and_starts_again(self, shown: ExplorerPage) -> None:
        shown.panel("canvas").focus()
        shown.page.keyboard.press("End")
        shown.page.keyboard.press("ArrowLeft")
        play = shown.root.locator(".dx-play")
        play.click()
        shown.page.wait_for_function(
            "() => document.querySelector('.dx-play').textContent === 'Play'"
        )
        assert shown.position() == 10
        play.click()
        assert shown.position() == 1
        play.click()

    def test_keys(self, shown: ExplorerPage) -> None:
        shown.panel("canvas").focus()
        press = shown.page.keyboard.press
        for key, position in (("ArrowRight", 6), ("ArrowLeft", 5), ("End", 10), ("Home", 1)):
            press(key)
            assert shown.position() == position
        press("ArrowLeft")
        assert shown.position() == 1
        press("Space")
        assert shown.root.locator(".dx-play").inner_text() == "Pause"
        press("Space")
        assert shown.root.locator(".dx-play").inner_text() == "Play"

    def test_keys_in_the_contact_sheet(self, shown: ExplorerPage) -> None:
        sheet = shown.root.get_by_role("listbox")
        sheet.focus()
        selected = shown.root.locator("[aria-selected='true']")
        for key, digit in (("ArrowRight", "3"), ("ArrowDown", "23"), ("End", "39"), ("Home", "0")):
            shown.page.keyboard.press(key)
            assert selected.get_attribute("data-digit") == digit
        assert shown.position() == 5
        assert sheet.get_attribute("aria-activedescendant") == selected.get_attribute("id")

    def test_pointing_with_the_keyboard(self, shown: ExplorerPage) -> None:
        shown.panel("input").focus()
        shown.page.keyboard.press("ArrowDown")
        assert shown.page.evaluate("document.activeElement.dataset.panel") == "glimpse"
        shown.page.keyboard.press("Enter")
        shown.page.keyboard.press("ArrowRight")
        readout = shown.root.locator(".dx-readout")
        assert "Read filter in row 3, column 4" in readout.inner_text()
        assert shown.position() == 5
        shown.page.keyboard.press("Escape")
        assert "Point at" in readout.inner_text()

    def test_every_control_has_a_name(self, shown: ExplorerPage) -> None:
        controls = shown.root.locator(
            "button, input:not([hidden]), select, canvas[role=img], [role=option], [role=listbox],"
            " [role=group], [role=radiogroup]"
        )
        script = """(elements) => elements.map((e) => e.getAttribute("aria-label")
          || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent
          || e.labels?.[0]?.textContent || e.textContent.trim())"""
        assert all(controls.evaluate_all(script))

    def test_changes_are_announced(self, shown: ExplorerPage) -> None:
        shown.box("Step forward").click()
        shown.page.wait_for_function(
            "() => document.querySelector('.dcrw-explorer [role=status]').textContent"
            ".startsWith('Step 6 of 10. Digit 2')"
        )
        assert "reads at column" in shown.root.get_by_role("status").inner_text()

    def test_a_link_opens_the_same_view(
        self, shown: ExplorerPage, browser: Browser, http_book: str
    ) -> None:
        shown.box("error image").check()
        shown.box("Step forward").click()
        shown.root.get_by_role("button", name="Link to this view").click()
        address = shown.root.locator(".dx-address").input_value()
        assert address == shown.page.url
        other = ExplorerPage(browser, http_book, "#" + urlsplit(address).fragment)
        assert other.pixels() == shown.pixels()
        assert other.problems == []
        other.page.close()

    def test_other_anchors_are_left_alone(self, shown: ExplorerPage) -> None:
        shown.page.evaluate("location.hash = '#on-paper'")
        shown.box("Step forward").click()
        shown.page.wait_for_timeout(50)
        assert shown.page.evaluate("location.hash") == "#on-paper"
        assert shown.position() == 6

    def test_odd_links_do_no_harm(self, shown: ExplorerPage) -> None:
        fragment = "#explorer:mode=no&digit=9999&step=-1&models=x&show=%&difference=%E0"
        shown.page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        assert f"{DCRW}/canvas" in shown.pixels()

    def test_views_are_saved_as_pictures(self, shown: ExplorerPage, tmp_path: Path) -> None:
        for kind in ("PNG", "SVG"):
            with shown.page.expect_download() as download:
                shown.root.get_by_role("button", name=f"Save as {kind}").click()
            path = tmp_path / download.value.suggested_filename
            download.value.save_as(path)
            assert path.name == f"dcrw-reconstruct-3-step-5.{kind.lower()}"
            if kind == "PNG":
                picture = Image.open(path).convert("RGB")
                assert min(picture.size) > 600
                assert len(picture.getcolors(1 << 20) or []) > 100
            else:
                text = path.read_text()
                assert text.startswith("<svg ") and text.count("<image ") == 10

    def test_the_theme_changes_the_signed_panels_and_the_bars(self, shown: ExplorerPage) -> None:
        changed = shown.changed(lambda: set_theme(shown.page, "dark"))
        assert CHARTS | SMALL - {f"{DCRW}/glimpse"} <= changed
        assert shown.root.get_attribute("data-theme") == "dark"
        assert shown.changed(lambda: set_theme(shown.page, "light")) == changed

    def test_a_step_takes_at_most_33_milliseconds(self, shown: ExplorerPage) -> None:
        clock = Clock(shown.page)
        before = clock.seconds()
        shown.page.evaluate(STEP_THROUGH)
        assert (clock.seconds() - before) / 20 < 0.033

    def test_nothing_went_wrong_and_no_other_host_was_asked(
        self, shown: ExplorerPage, http_book: str
    ) -> None:
        assert shown.problems == []
        asked = [urlsplit(url) for url in shown.requests]
        hosts = {url.netloc for url in asked if url.scheme in FOREIGN}
        assert hosts == {urlsplit(http_book).netloc}


STEP_THROUGH = """
async () => {
  const panel = document.querySelector(".dcrw-explorer canvas[data-panel]");
  panel.focus();
  for (let i = 0; i < 20; i++) {
    const key = i % 10 ? "ArrowRight" : "Home";
    panel.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await new Promise(requestAnimationFrame);
  }
}
"""


class Clock:
    """Time that the page's main thread has worked: other processes do not count."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] for metric in metrics}["TaskDuration"]


def set_theme(page: Page, theme: str) -> None:
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)


@needs_page
def test_the_page_is_light(built_book: Path) -> None:
    assert (built_book / f"{PAGE}.html").stat().st_size < 1.5e6


@needs_page
def test_it_works_from_a_folder_and_soon(browser: Browser, built_book: Path) -> None:
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    clock = Clock(page)
    page.goto((built_book / f"{PAGE}.html").as_uri(), wait_until="commit")
    page.wait_for_selector(READY)
    assert clock.seconds() < 2
    page.locator(READY).first.focus()
    page.keyboard.press("End")
    assert page.locator(".dx-position").inner_text() == "t = 10 of 10"
    page.close()
    assert problems == []


@needs_page
@pytest.mark.parametrize("width", [390, 820, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_every_screen(browser: Browser, http_book: str, width: int, theme: Any) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    models = "dcrw-fresh,dcrw-write-only-fresh,draw-shared"
    page.goto(
        f"{http_book}/{PAGE}.html#explorer:models={models}&show=windows,error&difference=step"
    )
    page.wait_for_selector(READY)
    assert (
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        == 0
    )
    outside = page.evaluate(
        """() => {
          const box = document.querySelector(".dcrw-explorer").getBoundingClientRect();
          return [...document.querySelectorAll(".dcrw-explorer *")].filter((element) => {
            const { left, right, width } = element.getBoundingClientRect();
            return width > 1 && (right > box.right || left < box.left);
          }).map((element) => element.outerHTML.slice(0, 80));
        }"""
    )
    assert outside == []
    assert page.locator(".dcrw-explorer").get_attribute("data-theme") == theme
    page.close()


@needs_page
def test_reduced_motion_slows_the_steps(browser: Browser, http_book: str) -> None:
    page = browser.new_page(reduced_motion="reduce")
    page.goto(f"{http_book}/{PAGE}.html#explorer:step=1")
    page.wait_for_selector(READY)
    page.wait_for_timeout(700)
    position = page.locator(".dx-position")
    assert position.inner_text() == "t = 1 of 10"  # nothing moves by itself
    page.locator(".dx-play").click()
    page.wait_for_timeout(900)
    assert position.inner_text() == "t = 1 of 10"
    page.close()


# ---- in JupyterLab ---------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a copy of the live notebook, with untrained runs; its address."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/explorer_live.ipynb", tmp_path / "notebooks")
    for name in ("configs", "dcrw", "results"):
        (tmp_path / name).symlink_to(ROOT / name)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    own = {
        f"JUPYTER{name}": str(tmp_path / f".jupyter{name.lower()}")
        for name in (
            "_CONFIG_DIR",
            "_DATA_DIR",
            "_RUNTIME_DIR",
            "LAB_SETTINGS_DIR",
            "LAB_WORKSPACES_DIR",
        )
    }
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
    ]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def open_lab(page: Page, address: str) -> None:
    for _ in range(120):
        try:
            page.goto(f"{address}/lab/tree/notebooks/explorer_live.ipynb")
            break
        except Exception:  # not listening yet
            time.sleep(0.5)
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel",
        timeout=120_000,
    )
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(READY, timeout=120_000)


def draw_seven(page: Page) -> None:
    pad = page.locator(".dx-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    places = [(box["x"] + x, box["y"] + y) for x, y in ((60, 50), (130, 50), (130, 55), (80, 150))]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def test_the_live_model_answers(browser: Browser, lab: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    open_lab(page, lab)

    def changes(act: Callable[[], object], panel: str = "canvas") -> None:
        script = f"() => document.querySelector(\"canvas[data-panel='{panel}']\").toDataURL()"
        before = page.evaluate(script)
        act()
        page.wait_for_function(f"(before) => ({script})() !== before", arg=before, timeout=30_000)

    page.locator(READY).first.focus()
    page.keyboard.press("End")
    changes(lambda: draw_seven(page), "input")  # the mode changes
    page.wait_for_function(  # and then the model has read the ink
        "() => Number(document.querySelector('.dx-charts figcaption').textContent"
        ".match(/[0-9.]+/)[0]) > 20"
    )
    changes(page.get_by_role("button", name="New noise").click)
    steps = page.get_by_label("T, steps")
    steps.fill("6")
    steps.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('.dx-position').textContent.endsWith('of 6')"
    )
    page.get_by_label("Folder of a run").fill("results/nowhere")
    page.get_by_role("button", name="Load", exact=True).click()
    message = page.locator(".dx-message")
    message.wait_for()
    assert "no such folder" in message.inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as GIF").click()
    assert Image.open(download.value.path()).n_frames == 6  # type: ignore[attr-defined]
    page.locator(READY).first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    slider = page.locator(".jp-OutputArea .widget-readout")  # linked to the explorer's step
    assert slider.inner_text() == "2"
    page.close()
    assert problems == []
