"""Verdicts to argue with in a browser: the rules computed again there, on the committed runs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from live_pages import open_figure, overflow

from study.claims import argued, page
from study.live import plain

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def judged() -> page.Page:
    return page.judged(ROOT)


@pytest.fixture(scope="module")
def shown(
    browser: Browser, judged: page.Page, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Page]]:
    """A page for each claim."""
    found = {}
    for claim in judged.rules["claims"]:
        figure = argued.figure(claim, judged.rules, judged.observed, judged.outcomes)
        found[claim] = open_figure(browser, figure, tmp_path_factory.mktemp(claim), width=320)
    yield found
    for opened in found.values():
        assert opened.problems == []
        opened.close()


def test_every_test_has_the_verdict_at_the_registered_threshold(
    shown: dict[str, Page], judged: page.Page
) -> None:
    words = {True: "holds", False: "does not hold", None: "cannot be judged"}
    verdicts = judged.verdicts.set_index("claim")
    for claim, opened in shown.items():
        tests = dict.fromkeys(o.test for o in judged.outcomes if o.claim == claim)
        for test in tests:
            badges = opened.locator(f'[data-test="{test}"] .word').all_inner_texts()
            own = [o for o in judged.outcomes if (o.claim, o.test) == (claim, test)]
            assert badges == [words[outcome.holds] for outcome in own]
        for noise in dict.fromkeys(o.noise for o in judged.outcomes if o.claim == claim):
            word = opened.locator(f'[data-noise="{noise}"]').inner_text()
            assert word == verdicts.loc[claim, noise]
        assert overflow(opened) <= 0


def test_the_badge_changes_where_it_says(shown: dict[str, Page]) -> None:
    """Claim d, fresh noise, local: moved to just beyond the place that the words name."""
    opened = shown["d"]
    panel = opened.locator('[data-test="local"]')
    named = float(panel.locator(".margin").first.inner_text().split()[3])
    slider, badge = panel.locator("input[type=range]"), panel.locator(".word").first
    before = opened.locator('[data-noise="fresh"]').inner_text()
    slider.focus()
    threshold = lambda: float(panel.locator("output").inner_text().split(",")[0])  # noqa: E731
    while threshold() < named:
        if threshold() <= named - 0.001:  # the words round up to three digits
            assert badge.inner_text() == "does not hold"
        opened.keyboard.press("ArrowRight")
    assert badge.inner_text() == "holds"
    assert (before, opened.locator('[data-noise="fresh"]').inner_text()) == (
        "not supported",
        "partly",
    )
    panel.get_by_role("button").click()
    assert panel.locator("output").inner_text() == "0.25, as registered"
    assert badge.inner_text() == "does not hold"
    assert not panel.get_by_role("button").is_visible()


def test_the_line_itself_can_be_dragged(shown: dict[str, Page]) -> None:
    opened = shown["d"]
    panel = opened.locator('[data-test="local"]')
    strip, output = panel.locator(".strip").first, panel.locator("output")
    strip.scroll_into_view_if_needed()
    box, line = strip.bounding_box(), strip.locator(".threshold").bounding_box()
    assert box is not None and line is not None
    middle = box["y"] + box["height"] / 2
    opened.mouse.move(line["x"] + 1, middle)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] - 1, middle, steps=4)
    assert panel.locator(".word").first.inner_text() == "holds"
    opened.mouse.up()
    moved = strip.locator(".threshold").bounding_box()
    assert moved is not None and abs(moved["x"] - (box["x"] + box["width"])) < 4
    released = output.inner_text()
    opened.mouse.move(box["x"], middle)
    assert output.inner_text() == released
    panel.get_by_role("button").click()
    assert output.inner_text() == "0.25, as registered"


def test_the_rules_are_pythons_at_any_threshold(shown: dict[str, Page], judged: page.Page) -> None:
    draw = random.Random(1)
    cases, expected = [], []
    found = argued.arguments(judged.rules, judged.observed, judged.outcomes)
    for argument in (entry for entries in found.values() for entry in entries):
        known = [*argument.values, argument.low, argument.high, 0.0, argument.reach]
        known = [value for value in known if math.isfinite(value)]
        for limit in [*known, *(draw.uniform(min(known), max(known)) for _ in range(20))]:
            exact = {name: plain(value) for name, value in argument._asdict().items()}
            numbers = ("values", "low", "high", "reach")
            exact |= {n: v for n, v in argument._asdict().items() if n in numbers}
            exact |= {n: None for n in numbers[1:] if math.isnan(exact[n])}
            cases.append([exact, limit])
            expected.append(argued.decide(argument, limit))
    code = "cases => cases.map(([argument, limit]) => dcrwFigures.rules.decide(argument, limit))"
    assert shown["a"].evaluate(code, cases) == expected
