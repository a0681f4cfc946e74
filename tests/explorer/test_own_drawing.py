"""A digit of the reader's own, read and drawn in the book's page without Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from explorer_page import PAGE, READY, draw_seven, needs_page
from test_book import FOREIGN, built_book, http_book, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["built_book", "http_book"]  # fixtures

CANVAS = "canvas[data-panel='canvas']"


def drawn(page: Page) -> str:
    """The last canvas of the first model."""
    page.locator(READY).first.focus()
    page.keyboard.press("End")
    page.wait_for_timeout(50)
    return page.locator(CANVAS).first.evaluate("(canvas) => canvas.toDataURL()")


def start(page: Page) -> None:
    page.get_by_text("Draw your own", exact=True).first.click()
    draw_seven(page)
    page.wait_for_selector(CANVAS)


def changes(page: Page, act: Callable[[], object]) -> bool:
    before = drawn(page)
    act()
    page.wait_for_timeout(100)
    return drawn(page) != before


@needs_page
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_drawing_is_read_and_drawn_again(
    browser: Browser, http_book: str, built_book: Path, scheme: str
) -> None:
    address = http_book if scheme == "http" else built_book.as_uri()
    page, problems, requests = open_page(browser, f"{address}/{PAGE}.html")
    page.wait_for_selector(READY)
    assert not [url for url in requests if "weights-" in url]  # loaded on demand
    start(page)
    assert len([url for url in requests if "weights-" in url]) == 1
    page.wait_for_function(  # played once, from the first step
        "() => document.querySelector('.dx-position').textContent === 't = 3 of 10'"
    )
    caption = page.locator(".dx-charts figcaption").first
    first = float(caption.inner_text().split(":")[1].split()[0])
    drawn(page)
    last = float(caption.inner_text().split(":")[1].split()[0])
    assert 20 < last < first / 2
    assert changes(page, page.get_by_role("button", name="New noise").click)

    def fill(label: str, value: str) -> None:
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Enter")

    assert changes(page, lambda: fill("temperature", "2"))
    assert changes(page, lambda: page.locator("select[aria-label=Noise]").select_option("shared"))
    fill("T, steps", "14")
    drawn(page)
    assert page.locator(".dx-position").inner_text() == "t = 14 of 14"
    fill("T, steps", "200")
    message = page.locator(".dx-message").inner_text()
    assert message == "T: 200 is not a whole number from 1 to 64; 14 is kept"
    assert problems == []
    asked = [urlsplit(url) for url in requests]
    hosts = {url.netloc for url in asked if url.scheme in FOREIGN}
    assert hosts == ({urlsplit(http_book).netloc} if scheme == "http" else set())
    page.close()


@needs_page
def test_any_two_digits_are_ends_of_a_line(browser: Browser, http_book: str) -> None:
    page = open_page(browser, f"{http_book}/{PAGE}.html").page
    page.get_by_text("Interpolate", exact=True).first.click()
    page.get_by_label("First digit of the line", exact=True).select_option("5")
    page.get_by_label("Last digit of the line", exact=True).select_option("12")
    page.wait_for_function("() => document.querySelectorAll('[role=option]').length === 10")
    names = page.locator(".dx-sheet [role=option]").evaluate_all("(all) => all.map((o) => o.title)")
    assert names[0] == "From 5 to 2, 0 of 9 parts"
    page.wait_for_selector(CANVAS)
    first = drawn(page)
    page.locator(".dx-sheet [role=option]").nth(9).click()
    assert drawn(page) != first
    page.close()


@needs_page
def test_little_motion_shows_the_drawing_as_it_ends(browser: Browser, http_book: str) -> None:
    page = browser.new_page(reduced_motion="reduce")
    page.goto(f"{http_book}/{PAGE}.html")
    page.wait_for_selector(READY)
    start(page)
    assert page.locator(".dx-position").inner_text() == "t = 10 of 10"
    assert page.locator(".dx-play").inner_text() == "Play"
    page.close()
