"""Fig. 6 with a cursor, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from live_pages import open_figure, overflow

from study.live import Live, film, sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MOMENTS = [100, 500, 1000]


def run(title: str, lx: float) -> dict[str, object]:
    pictures = film(np.zeros((3, 4, 2, 2), np.uint8), 2)
    losses = [{"lx": lx - 10 * n, "lz": 1.0 + n} for n in range(3)]
    return {
        "title": title,
        "cell": title,
        "seed": 10,
        "moments": MOMENTS,
        "losses": losses,
        "iterations": [50, *MOMENTS],
        "lx": [lx + 10, *(one["lx"] for one in losses)],
        "lz": [5.0, *(one["lz"] for one in losses)],
        "paper": {"lx": 70.17, "lz": 1.55},
        "reconstructed": pictures,
        "samples": pictures,
        "digits": sheet(np.zeros((4, 2, 2), np.uint8), 2),
        "rows": 2,
    }


def test_the_cursor_moves_curves_plane_and_pictures(browser: Browser, tmp_path: Path) -> None:
    state = {"runs": [run("with", 200.0), run("without", 250.0)], "columns": 2}
    page = open_figure(browser, Live("course", state), tmp_path, width=320)
    places = lambda: page.locator("circle.here").evaluate_all(  # noqa: E731
        "all => all.map(e => [e.getAttribute('cx'), e.getAttribute('cy')].map(Number))"
    )
    after = places()
    page.get_by_role("slider", name="Iteration").focus()
    page.keyboard.press("Home")
    before = places()
    assert before[0][0] < after[0][0] and before[0][1] < after[0][1]  # earlier, and higher
    assert before[2] != after[2]
    steps = page.locator(".film[data-step]").evaluate_all("all => all.map(e => e.dataset.step)")
    assert steps == ["0", "0", "0"]
    assert "After 100 iterations: Lx 200.0, Lz 1.00" in page.locator(".say").inner_text()
    page.get_by_label("without").check()
    assert "Lx 250.0" in page.locator(".say").inner_text()  # the iteration stays
    assert page.locator("output").inner_text() == "100"
    assert overflow(page) <= 0
    assert page.problems == []
    page.close()
