"""Fig. 2 alive, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from live_pages import open_figure, overflow
from tiny_galleries import small_writer

from study.paper import alive

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_boxes_light_up_in_turn(browser: Browser, tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (12, 12), np.uint8)
    figure = alive.alive(image, 7, alive.tensors(small_writer(), image))
    page = open_figure(browser, figure, tmp_path, width=320)
    lit = page.locator('.chain [aria-pressed="true"]')
    page.get_by_role("slider", name="Through the steps").focus()
    for step in range(2):
        for box in alive.BOXES:
            assert lit.all_inner_texts() == [box.title]
            assert page.locator(".lit code").inner_text() == box.code
            assert f"at step {step + 1}, {box.where}" in page.locator(".lit").inner_text()
            assert page.locator(".lit .film").get_attribute("data-step") == str(step)
            assert overflow(page) <= 0
            page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="canvas").click()
    assert page.locator("output").inner_text() == "step 3, canvas"
    assert page.problems == []
    page.close()
