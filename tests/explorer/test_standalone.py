"""A run's explorer as one file: opened from a folder in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from test_book import FOREIGN, open_page
from tiny_galleries import recorded, save_run, small_writer
from tiny_runs import tiny

from dcrw.explorer.gallery import ExplorerError
from dcrw.explorer.standalone import page, view, write_page
from dcrw.model.config import ModelConfig
from dcrw.training.files import RunError
from dcrw.training.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DRAWN = """
() => [...document.querySelectorAll("canvas[data-panel]")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.dataset.panel, new Set(new Uint32Array(data.buffer)).size];
})
"""


def test_it_shows_drawings_from_a_folder(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "own.html"
    path.write_text(page(recorded({"first": small_writer()}), "about"), encoding="utf-8")
    opened = open_page(browser, path.as_uri())
    opened.page.wait_for_selector(".dcrw-explorer canvas[data-panel]")
    panels = dict(opened.page.evaluate(DRAWN))
    step = opened.page.locator(".dx-position")
    before = step.inner_text()
    opened.page.get_by_label("Step forward").click()
    after = step.inner_text()
    opened.page.set_viewport_size({"width": 390, "height": 844})
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    opened.page.close()
    assert opened.problems == []
    assert [url for url in opened.requests if urlsplit(url).scheme in FOREIGN] == []
    assert {"input", "canvas", "added"} <= panels.keys()
    assert min(panels.values()) > 2, "a panel of one colour"
    assert before != after
    assert width <= 390


def test_a_request_to_a_host_is_refused(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "own.html"
    path.write_text(page(recorded({"first": small_writer()}), "about"), encoding="utf-8")
    opened = open_page(browser, path.as_uri())
    asked = opened.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', String)")
    opened.page.close()
    assert "Failed to fetch" in asked
    assert any("Content Security Policy" in problem for problem in opened.problems)


def test_names_and_words_stay_text() -> None:
    odd = "</script><b>"
    written = page(recorded({odd: small_writer()}), odd)
    assert odd not in written
    (traits,) = re.findall(r'id="traits">(.*?)</script>', written)
    assert json.loads(traits)["models"] == [odd]


def test_the_view_has_every_trait_of_the_widget_but_the_data() -> None:
    found = view(recorded({"first": small_writer()}))
    assert found["models"] == ["first"]
    assert found["step"] == 1 and found["mode"] == "reconstruct" and found["windows"] is True
    assert {"catalogue", "block"}.isdisjoint(found)


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "begun")
    run.begin(tiny())
    with pytest.raises(RunError, match="begun: not a complete run; train it first"):
        write_page(run, tmp_path / "own.html")
    assert not (tmp_path / "own.html").exists()


def test_a_model_without_windows_is_refused(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "vae", ModelConfig(architecture="conv-vae", steps=1))
    with pytest.raises(ExplorerError, match="has no windows"):
        write_page(Run(folder), tmp_path / "own.html")
