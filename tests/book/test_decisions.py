"""Decisions as cards, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from live_pages import open_figure, overflow

from study.decisions import Effect
from study.live import Live

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FIGURE = Live(
    "decisions",
    {
        "cards": {"1": {"badge": "matters", "effects": [Effect("a = 1", -26.0, 10_000, 4.0)]}},
        "none": "not measured",
    },
)
SECTIONS = """
<section id="decision-one"><h2>1. Noise</h2><p>Why one.</p></section>
<section id="decision-two"><h2>2. Window</h2><p id="inside">Effect. Not measured yet.</p></section>
<section><h2>3. Errata</h2><p>Effect. None.</p></section>
<section><h2>Further</h2><p>Not a card.</p></section>
"""


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Page:
    opened = open_figure(browser, FIGURE, tmp_path, width=320, after=SECTIONS)
    yield opened
    assert opened.problems == []
    opened.close()


def test_each_decision_has_its_badge_and_folds_its_text(page: Page) -> None:
    badges = page.locator(".word").all_inner_texts()
    assert badges == ["matters", "not measured", "see the text"]
    assert "−26.0 nats, seeds ±4.0" in page.locator(".lane").inner_text()
    assert not page.get_by_text("Why one.").is_visible()
    assert page.get_by_text("Not a card.").is_visible()
    page.get_by_text("Read the decision").first.click()
    assert page.get_by_text("Why one.").is_visible()
    assert overflow(page) <= 0


def test_all_open_at_once(page: Page) -> None:
    page.get_by_role("button", name="Open all").click()
    assert page.locator("details.decision[open]").count() == 3
    page.get_by_role("button", name="Close all").click()
    assert page.locator("details.decision[open]").count() == 0


@pytest.mark.parametrize("fragment", ["decision-two", "inside"])
def test_a_link_opens_what_it_leads_to(page: Page, fragment: str) -> None:
    page.evaluate(f"location.hash = '{fragment}'")
    page.get_by_text("Not measured yet").wait_for(state="visible")
    assert page.locator("details.decision[open]").count() == 1


def test_print_has_every_text(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.decision[open]").count() == 3
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.decision[open]").count() == 0
