"""The noise dial in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from live_pages import open_figure, overflow

from study import live
from study.live import Live

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PIXEL = live.sheet(np.zeros((1, 1, 1), np.uint8), 1)


def point(number: int, model: str) -> dict[str, object]:
    return {
        "cell": f"{model}-{number}",
        "correlation": number / 2,
        "lx": 80.0 - number,
        "lz": 20.0 / (number + 1),
        "fresh": 105.0 + number,
        "samples": f"{PIXEL}#{model}{number}",
        "reconstructed": PIXEL,
    }


@pytest.fixture
def figure() -> Live:
    models = [
        {
            "title": title,
            "paper": {"lx": 70.17, "lz": 1.55},
            "points": [point(n, name) for n in range(3)],
        }
        for title, name in (("with", "a"), ("without", "b"))
    ]
    state = {"models": models, "digits": PIXEL, "codebooks": [(0.5, 190), (5, 110)]}
    state |= {"lower": [(0.5, 180), (9, 50)], "rates": (0.4, 60), "distortions": (40, 215)}
    return Live("dial", state)


def test_the_dial_moves_point_losses_and_samples(
    browser: Browser, figure: Live, tmp_path: Path
) -> None:
    page = open_figure(browser, figure, tmp_path, width=320)
    at = lambda: float(page.locator("circle.here").get_attribute("cx"))  # noqa: E731
    pictures = lambda: page.locator(".film").first.evaluate("e => e.style.backgroundImage")  # noqa: E731
    first, picture = at(), pictures()
    page.get_by_label("Correlation ρ of the noise in training").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert at() < first  # a smaller L_z lies further left
    assert pictures() != picture
    said = page.locator(".say").inner_text()
    assert "L_x 78.0".replace("_", "") in said.replace("\n", "")
    assert page.locator("output").inner_text() == "1, one sample reused"
    assert (
        page.locator("input[type=range]").get_attribute("aria-valuetext") == "1, one sample reused"
    )
    page.get_by_label("without").check()
    assert page.locator(".live").get_attribute("data-cell") == "b-2"
    assert overflow(page) <= 0
    assert page.problems == []
    page.close()


def test_a_still_stands_in_print_and_without_scripts(
    browser: Browser, figure: Live, tmp_path: Path
) -> None:
    page = open_figure(browser, figure, tmp_path)
    assert not page.get_by_text("Still").is_visible()
    page.emulate_media(media="print")
    assert page.get_by_text("Still").is_visible()
    assert not page.get_by_text("Model").is_visible()
    page.close()
    plain = open_figure(browser, figure, tmp_path, scripts=False)
    assert plain.get_by_text("Still").is_visible()
    plain.close()


def test_a_broken_figure_says_so_and_leaves_its_still(browser: Browser, tmp_path: Path) -> None:
    page = open_figure(browser, Live("dial", {}), tmp_path)
    assert page.get_by_text("This figure cannot be shown").is_visible()
    assert page.get_by_text("Still").is_visible()
    page.close()
