"""The explorer's page for browser tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from test_book import NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = "book/executed/explorer"
needs_page = pytest.mark.skipif(
    PAGE not in NOTEBOOKS and "DCRW_BOOK_HTML" not in os.environ,
    reason="the book has no page of the explorer",
)
READY = ".dcrw-explorer canvas[data-panel]"


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
