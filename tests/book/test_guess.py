"""Can you tell? in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from live_pages import open_figure, overflow

from study.live import Live, sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STATE = {"samples": 12, "digits": 14, "round": 10, "seeds": 3}
STATE |= {"accuracy": 0.9998, "binary": 0.843, "reference": 0.5325}


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Page:
    pictures = sheet(np.zeros((26, 2, 2), np.uint8), 26)
    opened = open_figure(browser, Live("guess", STATE | {"sheet": pictures}), tmp_path, width=320)
    yield opened
    assert opened.problems == []
    opened.close()


def shown(page: Page) -> list[int]:
    """Which pictures of the sheet are dealt; samples come first in it."""
    return [int(n) for n in page.locator(".film").evaluate_all("a => a.map(e => e.dataset.step)")]


def test_ten_samples_and_ten_digits_are_dealt(page: Page) -> None:
    dealt = shown(page)
    assert len(set(dealt)) == 20
    assert sum(index < STATE["samples"] for index in dealt) == 10
    assert overflow(page) <= 0


@pytest.mark.parametrize("mistakes", [0, 3])
def test_the_score_counts_what_was_told(page: Page, mistakes: int) -> None:
    for place, index in enumerate(shown(page)):
        if (index < STATE["samples"]) != (place < mistakes):
            page.get_by_role("button", name=f"Picture {place + 1}", exact=True).click()
    page.get_by_role("button", name="See the score").click()
    said = page.locator(".say").inner_text()
    assert said.startswith(f"You were right about {20 - mistakes} of 20")
    assert "100.0%" in said and "84.3%" in said and "53.3%" in said
    assert page.locator('[data-told="false"]').count() == mistakes
    before = shown(page)
    page.keyboard.press("Enter")  # the button for others has the focus
    assert shown(page) != before
    assert page.locator(".guess button:disabled").count() == 0
