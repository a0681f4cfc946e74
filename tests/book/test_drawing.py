"""Fig. 4 and 5 as one figure, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from live_pages import open_figure, overflow

from study.live import Live, film, sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STEPS = 5


@pytest.fixture
def figure() -> Live:
    grey = np.arange(STEPS, dtype=np.uint8)[:, None, None, None] * 51
    source = film(np.broadcast_to(grey, (STEPS, 4, 2, 2)), 2)
    models = [
        {"cell": cell, "title": cell, "samples": source, "reconstructed": source}
        for cell in ("dcrw-fresh", "dcrw-shared", "dcrw-write-only-fresh")
    ]
    places = [{"digit": 7, "number": 1}, None, {"digit": 2, "number": 3}, None]
    state = {"models": models, "steps": STEPS, "marks": [1, 4], "labels": [7, 0, 2, 1]}
    state |= {"digits": sheet(np.zeros((4, 2, 2), np.uint8), 2), "places": places}
    return Live("drawing", state | {"rows": 2, "columns": 2})


def steps_of(page: Page) -> set[str]:
    shown = page.locator("[data-cell] .film").evaluate_all("all => all.map(e => e.dataset.step)")
    return set(shown)


def test_one_slider_moves_all_grids(browser: Browser, figure: Live, tmp_path: Path) -> None:
    page = open_figure(browser, figure, tmp_path, width=320)
    assert steps_of(page) == {"4"}
    page.get_by_label("Drawing step t").focus()
    page.keyboard.press("ArrowLeft")
    assert steps_of(page) == {"3"}
    assert page.get_by_role("button", name="t = 4").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="t = 1").click()
    assert steps_of(page) == {"0"}
    assert page.locator("output").inner_text() == "1 of 5"
    assert page.get_by_role("img", name="Samples, dcrw-fresh, step 1").count() == 1
    assert overflow(page) <= 0
    assert page.problems == []
    page.close()


def test_play_goes_to_the_last_step_and_stops(
    browser: Browser, figure: Live, tmp_path: Path
) -> None:
    page = open_figure(browser, figure, tmp_path)
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    assert steps_of(page) == {"0"}
    page.clock.run_for(1500 * (STEPS + 1))
    assert steps_of(page) == {"4"}
    assert page.get_by_role("button", name="Play").is_visible()
    page.close()


def test_a_digit_leads_to_the_explorer_at_this_step(
    browser: Browser, figure: Live, tmp_path: Path
) -> None:
    page = open_figure(browser, figure, tmp_path)
    page.get_by_role("button", name="t = 4").click()
    link = page.get_by_role("link", name="Open this 2 in the explorer")
    target = urlsplit(link.get_attribute("href"))
    assert target.path == "explorer.html"
    kind, _, query = target.fragment.partition(":")
    assert kind == "explorer"
    assert parse_qs(query) == {
        "mode": ["reconstruct"],
        "digit": ["2"],
        "number": ["3"],
        "step": ["4"],
        "models": ["dcrw-fresh,dcrw-write-only-fresh"],
    }
    assert page.get_by_role("link").count() == 2  # stops of the Tab key: the digits alone
    own = page.locator('[data-cell="dcrw-shared"] a').first.get_attribute("href")
    assert own.endswith("models=dcrw-shared")
    page.close()
