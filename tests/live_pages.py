"""Small pages that hold one figure of the book, with its own scripts, opened from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from study.live import Live

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "book" / "assets" / "figures"


def page_of(figure: Live, after: str) -> str:
    """A cell's output as the book has it, the figure and then its still; and what follows it."""
    scripts = "".join(
        f'<script defer src="{(SCRIPTS / f"{name}.js").as_uri()}"></script>'
        for name in ("base", figure.kind)
    )
    style = f'<link rel="stylesheet" href="{(SCRIPTS / "figures.css").as_uri()}">'
    shown = f'<div class="output">{figure._repr_html_()}</div><div class="output">Still</div>'
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>A figure</title>'
        f'{style}{scripts}<body><div class="cell_output">{shown}</div>{after}</body></html>'
    )


def open_figure(
    browser: Browser,
    figure: Live,
    folder: Path,
    width: int = 390,
    scripts: bool = True,
    after: str = "",
) -> Page:
    """Show a figure; what the browser complains of fails the test where `page.problems` is looked
    at."""
    path = folder / "figure.html"
    path.write_text(page_of(figure, after), encoding="utf-8")
    page = browser.new_page(
        viewport={"width": width, "height": 800},
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(path.as_uri())
    page.problems = problems  # type: ignore[attr-defined]
    return page


def overflow(page: Page) -> int:
    """CSS pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")
