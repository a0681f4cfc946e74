"""How much a page of the built book makes a browser load, and when its first picture is there."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from test_book import ALL_PAGES, PAGES, built_book, http_book, parse

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["built_book", "http_book"]  # fixtures

EXPLORER = "book/executed/explorer"
START = PAGES[0]
HEAVIEST = 3.5e6  # bytes; the start page alone had 4.2 million when icons and formulas were scripts
BEYOND_START = 1e6  # bytes that the explorer's page may have more than the start page
SCRIPT = re.compile(r"<script\b[^>]*>")
STATE = re.compile(r'<script type="application/json">(.*?)</script>', re.DOTALL)


def weight(book: Path, page: str) -> int:
    """Bytes of a page and of all files of the book that it loads by itself."""
    path = book / f"{page}.html"
    files = {path}
    for link in parse(path).loads:
        target = (path.parent / unquote(urlsplit(link).path)).resolve()
        if target.is_file() and target.suffix != ".html":
            files.add(target)
    for state in STATE.findall(path.read_text(encoding="utf-8")):
        files.add(book / "_static/dcrw" / json.loads(state)["data"])
    return sum(file.stat().st_size for file in files)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_no_page_is_heavy(built_book: Path, page: str) -> None:
    assert weight(built_book, page) < HEAVIEST


def test_the_explorer_is_little_heavier_than_the_start_page(built_book: Path) -> None:
    assert weight(built_book, EXPLORER) < weight(built_book, START) + BEYOND_START


@pytest.mark.parametrize("page", PAGES)
def test_pages_load_no_scripts_for_icons_formulas_other_widgets_or_searching(
    built_book: Path, page: str
) -> None:
    loads = " ".join(parse(built_book / f"{page}.html").loads)
    for name in ("fontawesome", "mathjax", "embed-amd", "require.js", "searchindex"):
        assert name not in loads


@pytest.mark.parametrize("page", PAGES)
def test_little_comes_before_the_first_paint(built_book: Path, page: str) -> None:
    """Scripts wait for the page, but for the few lines that others read."""
    text = (built_book / f"{page}.html").read_text(encoding="utf-8")
    blocking = [tag for tag in SCRIPT.findall(text) if "src=" in tag and "defer" not in tag]
    assert ["documentation_options.js" in tag for tag in blocking] == [True]


FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"
PICTURE = """
() => [...document.querySelectorAll("article img")].some((i) => i.complete && i.naturalWidth)
  || document.querySelector("article canvas[data-panel]")
"""


@pytest.mark.parametrize("slower", [1, 4])
def test_the_first_picture_comes_soon_on_a_slow_line(
    browser: Browser, http_book: str, slower: int
) -> None:
    """At 4 Mbit/s and 100 ms: within a second of the start page's first paint, or half of its time
    where the machine is busy."""

    def seconds(name: str, ready: str) -> float:
        page = browser.new_page()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        line = {
            "offline": False,
            "latency": 100,
            "downloadThroughput": 5e5,
            "uploadThroughput": 5e5,
        }
        session.send("Network.emulateNetworkConditions", line)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        start = time.monotonic()
        page.goto(f"{http_book}/{name}.html", wait_until="commit")
        page.wait_for_function(ready)
        passed = time.monotonic() - start
        page.close()
        return passed

    first = seconds(START, f"() => {FIRST_PAINT}")
    assert seconds(EXPLORER, PICTURE) < first + max(1, 0.5 * first)
