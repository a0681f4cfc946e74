"""One thread for tiny tensors, a browser or a GPU for tests that need one, a count of those without
a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, here and in what the tests start

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NO_BROWSER = "no Chromium was found"
NO_CUDA = "no CUDA device is available"
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, the system's or Playwright's own.

    Without one its tests skip, or fail if the environment says DCRW_REQUIRE_BROWSER=1.
    """
    absent = pytest.fail if os.environ.get("DCRW_REQUIRE_BROWSER") == "1" else pytest.skip
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent(f"{NO_BROWSER}: playwright is not installed")
    with sync_playwright() as playwright:
        found = [path for path in map(shutil.which, COMMANDS) if path]
        found.append(playwright.chromium.executable_path)
        if not Path(found[0]).exists():
            absent(NO_BROWSER)
        chromium = playwright.chromium.launch(executable_path=found[0], args=list(ARGUMENTS))
        yield chromium
        chromium.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `cuda` where there is no GPU, or fail it if the environment says
    DCRW_REQUIRE_CUDA=1."""
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            absent = pytest.fail if os.environ.get("DCRW_REQUIRE_CUDA") == "1" else pytest.skip
            absent(NO_CUDA)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say last how many tests did not run for want of a browser."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_BROWSER in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"{count} browser tests did not run: {NO_BROWSER}", yellow=True)
