"""The built book, as a reader meets it: in a browser, over http and from a folder, offline.

The book is built by `make book`, unless DCRW_BOOK_HTML names the folder of a built one.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from filelock import FileLock
from random_actions import act

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
PHONES = (390, 320)  # CSS pixels
FOREIGN = ("http", "https", "ws", "wss")


def toc_pages() -> list[str]:
    """The pages that _toc.yml names, in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"]] + [page["file"] for part in toc["parts"] for page in part["chapters"]]


PAGES = toc_pages()
NOTEBOOKS = [page for page in PAGES if page.startswith("book/executed/")]
ANSWERING = {  # pages with figures that answer, and how many random actions each is given
    "book/architecture": 40,
    "book/decisions": 40,
    "book/executed/claims": 40,
    "book/executed/explorer": 300,
    "book/executed/figure_6": 40,
    "book/executed/figures_4_5": 40,
    "book/executed/reused_noise": 40,
}
FRONT_DOOR = "index"  # sends the reader on to the first page
ALL_PAGES = [*PAGES, "genindex", "search"]


@pytest.fixture(scope="session")
def built_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the book, built in a copy of the project so that no other test sees it work.

    Under pytest-xdist one worker builds, the others wait.
    """
    given = os.environ.get("DCRW_BOOK_HTML")
    if given:
        return Path(given).resolve()
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    copy = shared / "book-project"
    html = copy / "_build" / "html"
    with FileLock(f"{copy}.lock"):
        if not html.exists():
            copy_project(copy)
            command = [sys.executable, "workflow/run.py", "book"]
            build = subprocess.run(command, cwd=copy, capture_output=True, text=True)
            if build.returncode:
                pytest.fail(f"the book failed:\n{build.stdout[-4000:]}\n{build.stderr[-4000:]}")
    return html


def copy_project(target: Path) -> None:
    """All files of the project that git tracks or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


# ---- what the pages' HTML says --------------------------------------------------------------


class Html(HTMLParser):
    """The anchors of a page, the links that it offers and the files that it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.ids.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and "href" in values:
            if values.get("rel") != "canonical":  # names the page itself
                self.loads.append(values["href"])
        elif "src" in values:
            self.loads.append(values["src"])


@functools.cache
def parse(path: Path) -> Html:
    return Html(path)


def is_broken(link: str, path: Path, book: Path) -> bool:
    """Whether `link` on the page at `path` leads to no file or no anchor of the book."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file() or not target.is_relative_to(book):
        return True
    anchored = parts.fragment and target.suffix == ".html"
    return bool(anchored) and unquote(parts.fragment) not in parse(target).ids


@pytest.mark.parametrize("page", [*ALL_PAGES, FRONT_DOOR])
def test_links_and_files_within_the_book_exist(built_book: Path, page: str) -> None:
    path = built_book / f"{page}.html"
    html = parse(path)
    links = [*html.links, *html.loads]
    assert [link for link in links if is_broken(link, path, built_book)] == []


@pytest.mark.parametrize("page", [*ALL_PAGES, FRONT_DOOR])
def test_page_names_no_file_of_another_host(built_book: Path, page: str) -> None:
    loads = parse(built_book / f"{page}.html").loads
    assert [link for link in loads if urlsplit(link).netloc] == []


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_no_unread_markup(built_book: Path, page: str) -> None:
    text = (built_book / f"{page}.html").read_text(encoding="utf-8")
    assert "{num}" not in text
    assert "{numci}" not in text


@pytest.mark.parametrize("page", PAGES)
def test_page_describes_itself(built_book: Path, page: str) -> None:
    """For previews of links: title, first paragraph in words, and a picture that is there."""
    path = built_book / f"{page}.html"
    meta = dict(META.findall(path.read_text(encoding="utf-8")))
    assert 20 < len(meta["description"]) <= 300
    assert meta["og:description"] == meta["description"]
    assert not re.search(r"[\\{}$`]", meta["description"]), "markup in the description"
    assert meta["og:title"] and meta["og:image:alt"]
    assert urlsplit(meta["og:image"]).netloc or not is_broken(meta["og:image"], path, built_book)


META = re.compile(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)"')


def test_github_pages_leaves_nothing_out(built_book: Path) -> None:
    assert (built_book / ".nojekyll").is_file()


def test_vendored_files_are_as_fetched() -> None:
    command = [sys.executable, str(ROOT / "book/fetch_vendor.py"), "--check"]
    check = subprocess.run(command, capture_output=True, text=True)
    assert (check.returncode, check.stderr) == (0, "")


# ---- what a browser shows -------------------------------------------------------------------


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        """Say nothing: the browser has hung up. It reports what it misses itself."""


@pytest.fixture(scope="session")
def http_book(browser: Browser, built_book: Path) -> Iterator[str]:
    """The book's address on a local web server, under a sub-path, as on GitHub Pages. Asks for the
    browser first: no need without."""
    handler = functools.partial(Handler, directory=str(built_book.parent))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{built_book.name}"
        server.shutdown()


class Opened(NamedTuple):
    """A page in the browser and what went wrong while it loaded. The lists keep growing."""

    page: Page
    problems: list[str]
    requests: list[str]


SETTLED = """
async () => {
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}
"""


def open_page(browser: Browser, url: str) -> Opened:
    """Open `url` in a fresh profile and wait until nothing is loading."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.on(
        "response",
        lambda reply: problems.append(f"{reply.status}: {reply.url}") if not reply.ok else None,
    )
    page.goto(url, wait_until="networkidle")
    page.evaluate(SETTLED)
    return Opened(page, problems, requests)


IMAGES = """
() => [...document.querySelectorAll("img")].map(
  (image) => ({ src: image.src, width: image.naturalWidth, alt: image.alt }))
"""

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Parts that reach beyond the screen and cannot be scrolled to.
CUT_OFF = """
() => {
  const reachable = (element) => {
    for (let box = element; box && box.tagName !== "ARTICLE"; box = box.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return true;
    return false;
  };
  const limit = document.documentElement.clientWidth;
  return [...document.querySelectorAll("article *")]
    .filter((element) => element.getBoundingClientRect().width > 1
      && element.getBoundingClientRect().right > limit + 1 && !reachable(element))
    .map((element) => element.outerHTML.slice(0, 150));
}
"""

# Text whose contrast with what is behind it is below WCAG's 4.5 (3 if large), and pictures that do
# not stand on white. Colours are painted on a canvas, since CSS has many ways to write them.
READABILITY = """
() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [r, g, b] = rgba(colour).map((v) =>
      v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let box = element; box; box = box.parentElement) {
      const colour = getComputedStyle(box).backgroundColor;
      if (rgba(colour)[3] > 127) return colour;
    }
    return "white";
  };
  const shown = (element) => element.checkVisibility({ visibilityProperty: true })
    && element.getBoundingClientRect().width > 1;
  const faint = [];
  for (const element of document.querySelectorAll("article *")) {
    const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!hasText || !shown(element) || element.closest(".headerlink, button"))
      continue;
    const style = getComputedStyle(element);
    const pair = [luminance(style.color), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
      faint.push(`${contrast.toFixed(1)}: ${element.outerHTML.slice(0, 120)}`);
  }
  const dim = [...document.querySelectorAll("article img")].filter((image) => shown(image)
    && (luminance(behind(image)) < 0.9 || getComputedStyle(image).filter !== "none"));
  return {
    background: luminance(behind(document.querySelector("article"))),
    faint, dim: dim.map((image) => image.src),
  };
}
"""

# Tables whose rows a phone stacks: cells that reach beyond the screen, and columns without a name.
STACKED = """
() => [...document.querySelectorAll("article table.stacks")].flatMap((table) =>
  [...table.querySelectorAll("tbody :is(td, th)")]
    .filter((cell) => cell.checkVisibility())
    .filter((cell) => cell.getBoundingClientRect().right > innerWidth
      || (cell.previousElementSibling && cell.textContent.trim()
        && !cell.dataset.label && !cell.querySelector(".cell-label")))
    .map((cell) => cell.outerHTML.slice(0, 120)))
"""

# Tables that have to be scrolled sideways, by which a column can be missed.
SCROLLED = """
() => [...document.querySelectorAll("article table")].filter((table) => {
  for (let box = table; box.tagName !== "ARTICLE"; box = box.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)
      && box.scrollWidth > box.clientWidth + 1) return true;
  return false;
}).map((table) => table.outerHTML.slice(0, 120))
"""

# Formulas that are stops of the Tab key and need not be, or the other way round.
FORMULAS = """
() => [...document.querySelectorAll("article div.math")].filter((formula) =>
  (formula.scrollWidth > formula.clientWidth) !== (formula.tabIndex === 0)).length
"""

AXE = """
async (options) => {
  const { violations } = await axe.run("article", { preload: false, ...options });
  return violations.flatMap((found) =>
    found.nodes.map((node) => `${found.id}: ${node.html.slice(0, 120)}`));
}
"""

EQUATIONS = """
() => ({
  all: document.querySelectorAll("article .math").length,
  set: document.querySelectorAll("article .math math").length,
  errors: document.querySelectorAll("article merror").length,
})
"""


class Visit(NamedTuple):
    """What one visit to a page found."""

    problems: list[str]
    requests: list[str]
    images: list[dict[str, Any]]
    equations: dict[str, int]
    light: dict[str, Any]
    dark: dict[str, Any]
    overflow: list[int]  # CSS pixels by which the page is wider than a phone, wide and narrow
    cut_off: list[str]
    stacked: list[str]  # what is wrong with tables on a phone
    scrolled: list[str]  # tables that scroll sideways, on any screen
    violations: list[str]  # of axe's rules, by what the page itself holds, in both themes


@functools.cache
def axe_source() -> str:
    """The script of axe-core, which a package of PyPI carries."""
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


class Visitor:
    """Visits each page once, whatever the number of tests that ask about it."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.visits: dict[str, Visit] = {}

    def __call__(self, name: str) -> Visit:
        if name not in self.visits:
            self.visits[name] = self.visit(name)
        return self.visits[name]

    def violations(self, page: Page, name: str, options: dict[str, Any]) -> list[str]:
        """What axe finds in a page that people wrote."""
        if name not in PAGES:
            return []
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe_source())
        return page.evaluate(AXE, options)

    def visit(self, name: str) -> Visit:
        page, problems, requests = open_page(self.browser, f"{self.address}/{name}.html")
        images = page.evaluate(IMAGES)
        equations = page.evaluate(EQUATIONS) | {"wrong stops": page.evaluate(FORMULAS)}
        light = page.evaluate(READABILITY)
        scrolled = page.evaluate(SCROLLED)
        violations = self.violations(page, name, {})
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)  # the theme fades some colours
        dark = page.evaluate(READABILITY)
        violations += self.violations(page, name, {"runOnly": ["color-contrast"]})
        overflow, cut_off, stacked = [], [], []
        for width in PHONES:
            page.set_viewport_size({"width": width, "height": 844})
            overflow.append(page.evaluate(OVERFLOW))
            cut_off += page.evaluate(CUT_OFF)
            stacked += page.evaluate(STACKED)
            scrolled += page.evaluate(SCROLLED)
            page.wait_for_timeout(50)  # for what observes sizes
            equations["wrong stops"] += page.evaluate(FORMULAS)
        page.close()
        shown = (images, equations, light, dark, overflow, cut_off, stacked, scrolled, violations)
        return Visit(problems, requests, *shown)


@pytest.fixture(scope="session")
def visit(browser: Browser, http_book: str) -> Visitor:
    return Visitor(browser, http_book)


class TestPage:
    @pytest.mark.parametrize("name", ALL_PAGES)
    def test_opens_without_problems(self, visit: Visitor, name: str) -> None:
        assert visit(name).problems == []

    @pytest.mark.parametrize("name", ALL_PAGES)
    def test_asks_no_other_host(self, visit: Visitor, name: str) -> None:
        asked = [urlsplit(url) for url in visit(name).requests]
        hosts = {url.netloc for url in asked if url.scheme in FOREIGN}
        assert hosts == {urlsplit(visit.address).netloc}

    @pytest.mark.parametrize("name", PAGES)
    def test_images_load_and_have_alt_text(self, visit: Visitor, name: str) -> None:
        images = visit(name).images
        assert [image["src"] for image in images if not image["width"]] == []
        # Sphinx falls back on the file's name.
        silent = [
            image["src"]
            for image in images
            if not image["alt"].strip() or Path(image["alt"]).suffix in {".png", ".svg"}
        ]
        assert silent == []

    @pytest.mark.parametrize("name", ALL_PAGES)
    def test_fits_a_phone(self, visit: Visitor, name: str) -> None:
        assert visit(name).overflow == [0] * len(PHONES)
        assert visit(name).cut_off == []
        assert visit(name).stacked == []

    @pytest.mark.parametrize("name", PAGES)
    def test_no_table_hides_a_column(self, visit: Visitor, name: str) -> None:
        assert visit(name).scrolled == []

    @pytest.mark.parametrize("name", PAGES)
    def test_is_for_everyone(self, visit: Visitor, name: str) -> None:
        """By axe's rules. What the theme puts around the page is listed in CONTRIBUTING."""
        assert visit(name).violations == []

    @pytest.mark.parametrize("name", PAGES)
    def test_is_readable_in_both_themes(self, visit: Visitor, name: str) -> None:
        light, dark = visit(name).light, visit(name).dark
        assert light["background"] > 0.9
        assert dark["background"] < 0.1
        assert light["faint"] == []
        assert dark["faint"] == []
        assert dark["dim"] == []

    @pytest.mark.parametrize("name", PAGES)
    def test_equations_are_set(self, visit: Visitor, name: str) -> None:
        equations = visit(name).equations
        assert equations["set"] == equations["all"]
        assert equations["errors"] == 0
        assert equations["wrong stops"] == 0  # by the Tab key: those that scroll, and no others
        if name in {"book/architecture", "book/equations"}:
            assert equations["all"] > 0


@pytest.mark.parametrize("name", [PAGES[0], NOTEBOOKS[0]])
def test_opens_from_a_folder(browser: Browser, built_book: Path, name: str) -> None:
    opened = open_page(browser, (built_book / f"{name}.html").as_uri())
    title = opened.page.title()
    opened.page.close()
    assert opened.problems == []
    assert [url for url in opened.requests if urlsplit(url).scheme in FOREIGN] == []
    assert title


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_front_door_leads_to_the_first_page(
    browser: Browser, http_book: str, built_book: Path, scheme: str
) -> None:
    address = http_book if scheme == "http" else built_book.as_uri()
    page = browser.new_page()
    page.goto(f"{address}/{FRONT_DOOR}.html")
    page.wait_for_url(f"{address}/{PAGES[0]}.html")
    heading = page.locator("article h1").inner_text()
    page.close()
    assert heading


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_pages(
    browser: Browser, http_book: str, built_book: Path, scheme: str
) -> None:
    address = http_book if scheme == "http" else built_book.as_uri()
    opened = open_page(browser, f"{address}/search.html?q=attention")
    page = opened.page
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li a").count()
    excerpts = page.locator("#search-results li p.context")
    if scheme == "http":  # a page opened from a folder may not read others
        excerpts.first.wait_for()
        assert not any("Contents" in text for text in excerpts.all_inner_texts())
    assert excerpts.count() == 0 or scheme == "http"
    page.close()
    assert found > 0
    assert opened.problems == []


def test_search_starts_on_any_page(browser: Browser, http_book: str) -> None:
    page = open_page(browser, f"{http_book}/{PAGES[1]}.html").page
    page.keyboard.press("Control+k")
    page.keyboard.type("glimpse")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    address = page.url
    page.close()
    assert address == f"{http_book}/search.html?q=glimpse"


def test_search_puts_prose_before_names_of_the_package(browser: Browser, http_book: str) -> None:
    page = open_page(browser, f"{http_book}/search.html?q=noise").page
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("document.querySelectorAll('#search-results li').length > 20")
    found = page.eval_on_selector_all("#search-results li a", "all => all.map((a) => a.href)")
    page.close()
    reference = ["/book/api" in link or "genindex" in link for link in found]
    assert not any(reference[:10])


class TestStartPage:
    """What a reader meets in the first minute."""

    @pytest.fixture
    def page(self, browser: Browser, http_book: str) -> Iterator[Page]:
        page = open_page(browser, f"{http_book}/{PAGES[0]}.html").page
        yield page
        page.close()

    def shown(self, page: Page) -> str:
        """The file of the picture that is seen."""
        images = "[...document.querySelectorAll('.moving-picture img')]"
        (source,) = page.evaluate(
            f"{images}.filter((i) => i.checkVisibility()).map((i) => i.currentSrc)"
        )
        return Path(source).name

    def test_the_picture_moves_until_it_is_held(self, page: Page) -> None:
        assert self.shown(page) == "drawing_wide.webp"
        page.locator(".hold input").check()
        assert self.shown(page) == "drawing_wide_still.webp"

    def test_it_stands_still_in_print_and_for_those_who_ask_for_less_motion(
        self, page: Page
    ) -> None:
        page.emulate_media(media="print")
        assert self.shown(page) == "drawing_wide_still.webp"
        page.emulate_media(media="screen", reduced_motion="reduce")
        page.reload(wait_until="networkidle")
        assert self.shown(page) == "drawing_wide_still.webp"
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function(
            "document.querySelector('.moves img').currentSrc.includes('narrow_still')"
        )

    def test_answer_picture_and_verdicts_are_at_the_top(self, page: Page) -> None:
        bottom = "(one) => one.getBoundingClientRect().bottom"
        assert page.locator(".moving-picture picture.moves").evaluate(bottom) < 900
        links = page.locator("ul.verdicts a")
        targets = links.evaluate_all("all => all.map((a) => a.hash)")
        assert targets == [f"#claim-{letter}" for letter in "abcdefghi"]


@pytest.mark.parametrize(("page", "count"), ANSWERING.items())
def test_figures_stand_random_actions(
    browser: Browser, built_book: Path, page: str, count: int
) -> None:
    opened = open_page(browser, (built_book / f"{page}.html").as_uri())
    used = act(opened.page, count)
    opened.page.wait_for_timeout(100)
    said = opened.page.get_by_text("This figure cannot be shown").count()
    opened.page.close()
    assert used
    assert (said, opened.problems) == (0, [])


def test_code_is_one_link_at_the_end_and_is_not_printed(browser: Browser, http_book: str) -> None:
    page = open_page(browser, f"{http_book}/{NOTEBOOKS[0]}.html").page
    code = page.locator("article details.page-code")
    assert (code.count(), page.locator("article details.above-input").count()) == (1, 0)
    assert code.locator("pre").count() > 1
    page.emulate_media(media="print")
    assert not code.is_visible()
    page.close()


def test_theme_button_changes_the_theme(browser: Browser, http_book: str) -> None:
    page = open_page(browser, f"{http_book}/{PAGES[0]}.html").page
    theme = "document.documentElement.dataset.theme"
    seen = {page.evaluate(theme)}
    for _ in range(3):  # system, light, dark
        page.locator(".theme-switch-button").first.click()
        seen.add(page.evaluate(theme))
    page.close()
    assert seen == {"light", "dark"}
