"""The explorer as a reader meets it: on the built page, and with a kernel in JupyterLab."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from explorer_page import PAGE, READY, draw_seven, needs_page
from PIL import Image
from test_book import FOREIGN, ROOT, built_book, http_book, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["built_book", "http_book"]  # fixtures

# ---- the page --------------------------------------------------------------------------------

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
        self.page.mouse.click(0, 0)  # folds what is unfolded
        fragment = (
            f"#explorer:mode=reconstruct&digit=2&number=1&step=5&models={DCRW},{WRITE_ONLY}"
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

    def added(self, act: Callable[[], object]) -> set[str]:
        """The pictures that an act adds; the others may become smaller."""
        before = self.pixels()
        act()
        return self.pixels().keys() - before.keys()

    def position(self) -> int:
        return int(self.root.locator(".dx-position").inner_text().split()[2])

    def box(self, label: str) -> Locator:
        """A control by its label, unfolded where it is folded away."""
        found = self.root.locator("button, input, select").and_(
            self.root.get_by_label(label, exact=True)
        )
        found.evaluate("(e) => { const menu = e.closest('details'); if (menu) menu.open = true; }")
        return found

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
        assert shown.added(shown.box("error image").check) == added

    @pytest.mark.parametrize(
        ("choice", "models"),
        [("step", {DCRW, WRITE_ONLY}), ("input", {DCRW, WRITE_ONLY}), ("model", {WRITE_ONLY})],
    )
    def test_difference(self, shown: ExplorerPage, choice: str, models: set[str]) -> None:
        select = shown.box("Show the canvas minus")
        added = shown.added(lambda: select.select_option(choice))
        assert added == {f"{model}/difference" for model in models}

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
        assert shown.box("With attention in read, fresh noise").is_disabled()  # one is always shown

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
        shown.page.keyboard.press("Escape")
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
        for key, digit in (("ArrowRight", "3"), ("ArrowUp", "3"), ("End", "39"), ("Home", "0")):
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

    def test_a_link_names_the_digit_that_it_shows(self, shown: ExplorerPage) -> None:
        shown.root.locator("[role=option]").nth(17).click()
        shown.root.get_by_role("button", name="Link to this view").click()
        assert "&digit=7&number=2&" in shown.page.url

    def test_difference_from_the_first_model_needs_two(self, shown: ExplorerPage) -> None:
        select = shown.box("Show the canvas minus")
        select.select_option("model")
        option = select.locator("option[value=model]")
        assert option.is_enabled()
        shown.box("Without attention in read, fresh noise").uncheck()
        assert option.is_disabled()
        assert select.input_value() == "none"

    def test_a_tap_keeps_its_value_under_its_panel(self, shown: ExplorerPage) -> None:
        shown.box("grid centres").uncheck()
        shown.page.keyboard.press("Escape")
        canvas = shown.panel("canvas")
        place = {"pointerType": "touch", "bubbles": True, "clientX": 0, "clientY": 0}
        box = canvas.bounding_box()
        assert box is not None
        place |= {"clientX": box["x"] + 8, "clientY": box["y"] + 13}
        canvas.dispatch_event("pointerdown", place)
        canvas.dispatch_event("pointerleave", place)
        caption = canvas.locator("xpath=../figcaption")
        assert caption.inner_text().startswith("Canvas: 0.")
        canvas.dispatch_event("pointerleave", place | {"pointerType": "mouse"})
        assert caption.inner_text() == "Canvas"

    def test_a_line_is_played_along(self, shown: ExplorerPage) -> None:
        shown.root.get_by_text("Interpolate", exact=True).click()
        shown.root.locator("[role=option]").nth(7).click()
        shown.root.locator(".dx-play").click()
        selected = shown.root.locator("[aria-selected='true']")
        shown.page.wait_for_function(
            "() => document.querySelector('.dx-play').textContent === 'Play'"
        )
        assert selected.get_attribute("data-digit") == "9"
        assert shown.position() == 10

    def test_two_models_are_seen_at_once(self, shown: ExplorerPage) -> None:
        shown.page.evaluate("scrollTo(0, 0)")
        for model in (DCRW, WRITE_ONLY):
            tops, ends = [], []
            for box in shown.root.locator(f"canvas[data-panel][data-model='{model}']").all():
                found = box.bounding_box()
                assert found is not None
                tops.append(found["y"])
                ends.append(found["y"] + found["height"])
            assert max(ends) < 900
            assert len({round(top) for top in tops}) <= 2  # one row; the glimpse has two channels

    def test_other_anchors_are_left_alone(self, shown: ExplorerPage) -> None:
        shown.page.evaluate("location.hash = '#on-paper'")
        shown.box("Step forward").click()
        shown.page.wait_for_timeout(50)
        assert shown.page.evaluate("location.hash") == "#on-paper"
        assert shown.position() == 6

    def test_odd_links_do_no_harm(self, shown: ExplorerPage) -> None:
        fragment = "#explorer:mode=no&digit=9&number=99&step=-1&models=x&show=%&difference=%E0"
        shown.page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        assert f"{DCRW}/canvas" in shown.pixels()

    def test_views_are_saved_as_pictures(self, shown: ExplorerPage, tmp_path: Path) -> None:
        for kind in ("PNG", "SVG"):
            with shown.page.expect_download() as download:
                shown.root.get_by_role("button", name=f"Save as {kind}").click()
            path = tmp_path / download.value.suggested_filename
            download.value.save_as(path)
            assert path.name == f"dcrw-reconstruct-2-1-step-5.{kind.lower()}"
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
@pytest.mark.parametrize("width", [320, 390, 820, 1280])
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


KILL_KERNEL = """
() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
  .requestExecute({ code: "import os; os._exit(1)" })
"""


def test_the_live_model_answers_until_its_kernel_dies(browser: Browser, lab: str) -> None:
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
    page.evaluate(KILL_KERNEL)
    page.wait_for_function(
        "() => document.querySelector('.dx-message').textContent.startsWith('The kernel does not')",
        timeout=30_000,
    )
    assert message.is_visible()
    page.close()
    assert problems == []
