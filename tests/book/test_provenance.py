"""Where a number and a figure's data come from, asked on a small built page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

pytest.importorskip("myst_parser")

from sphinx.errors import ConfigError
from tiny_sites import build_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]

NUMBERS = {
    "grid.dcrw-fresh.train.lx": {
        "value": 80.61874,
        "n": 2,
        "interval": [73.2, 88.0],
        "source": "results/grid/tables/runs.csv",
    },
    "plain": {"value": 3},
}
RUNS = (
    "cell,seed,train_lx,commit,run\n"
    "dcrw-fresh,0,84.04,544094012345,dcrw-fresh-s0-aa\n"
    "dcrw-fresh,1,77.2,aaaaaaaaaaaa,dcrw-fresh-s1-bb\n"
    "draw-fresh,0,70.0,bbbbbbbbbbbb,draw-fresh-s0-cc\n"
)
TEXT = """# A

Loss {num}`grid.dcrw-fresh.train.lx:.1f` and {num}`plain:d`, again {num}`plain:d`.

Data: `results/grid/figures/plane.csv`. No file: `results/grid/figures/absent.csv`.
"""
MADE = {"measured.json": "papermill notebooks/claims.ipynb out.ipynb"}


def build(folder: Path, **settings: object) -> Path:
    """A project's book with one page of numbers and one without; returns its folder."""
    (folder / "measured.json").write_text(json.dumps(NUMBERS))
    for name in ("tables/runs.csv", "figures/plane.csv"):
        (folder / "results/grid" / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "results/grid/tables/runs.csv").write_text(RUNS)
    (folder / "results/grid/figures/plane.csv").write_text("cell,value\ndcrw-fresh,1\n")
    (folder / "CITATION.cff").write_text("title: A replication\nversion: 0.1.0\n")
    (folder / "index.md").write_text(f"{TEXT}\n```{{toctree}}\nother\n```\n")
    (folder / "other.md").write_text("# B\n")
    own = {
        "extensions": ["myst_parser", "dcrw_book", "dcrw_provenance"],
        "source_suffix": {".md": "markdown"},
        "html_static_path": [str(ROOT / "book" / "assets")],
        "dcrw_numbers_files": ["measured.json"],
        "dcrw_numbers_made": MADE,
        "dcrw_numbers_runs": "results/grid/tables/runs.csv",
    }
    assert build_site(folder, own | settings) == ""
    return folder / "out"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("book"))


def told(page: Path) -> dict:
    _, _, rest = page.read_text().partition('id="dcrw-numbers">')
    return json.loads(rest.partition("</script>")[0])


def test_a_page_has_what_is_known_of_its_numbers_once(built: Path) -> None:
    found = told(built / "index.html")
    assert found["cited"] == "A replication, version 0.1.0"
    assert found["numbers"]["plain"] == {"value": 3, "command": MADE["measured.json"]}
    seeds = found["numbers"]["grid.dcrw-fresh.train.lx"]["seeds"]
    assert [(one["seed"], one["value"], one["run"]) for one in seeds] == [
        ("0", 84.04, "dcrw-fresh-s0-aa"),
        ("1", 77.2, "dcrw-fresh-s1-bb"),
    ]
    assert "numbers.js" not in (built / "other.html").read_text()


def test_a_data_file_is_a_link_with_its_runs(built: Path) -> None:
    page = (built / "index.html").read_text()
    (copy,) = built.glob("_downloads/*/plane.csv")
    assert copy.relative_to(built).as_posix() in page
    assert 'data-runs="dcrw-fresh-s0-aa dcrw-fresh-s1-bb"' in page
    assert "(<span" in page and "2 runs behind it" in page
    assert "_downloads" not in page.partition("absent.csv")[2]


def test_a_missing_table_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dcrw_numbers_runs"):
        build(tmp_path, dcrw_numbers_runs="absent.csv")


def test_every_number_of_the_book_has_its_command() -> None:
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    made = settings["dcrw_numbers_made"]
    keys = {key for name in made for key in json.loads((ROOT / name).read_text())}
    files = [ROOT / name for name in settings["dcrw_numbers_files"] if name.startswith("results/")]
    assert keys == {key for path in files for key in json.loads(path.read_text())}
    for command in made.values():
        words = command.split()
        if words[0] == "papermill":
            (source,) = (word for word in words if word.startswith("notebooks/"))
        else:
            source = words[-1].replace(".", "/") + ".py" if words[1] == "-m" else words[1]
        assert (ROOT / source).is_file(), command


@pytest.fixture
def page(browser: Browser, built: Path) -> Page:
    opened = browser.new_page(viewport={"width": 320, "height": 700})
    opened.goto((built / "index.html").as_uri())
    yield opened
    opened.close()


def test_a_click_shows_where_a_number_comes_from(page: Page) -> None:
    page.locator(".number").first.click()
    box = page.get_by_role("dialog", name="Where this number comes from")
    said = box.inner_text()
    for part in ("80.61874", "n = 2, 95% interval 73.2 to 88", "dcrw-fresh-s1-bb at aaaaaaa"):
        assert part in said
    assert "results/grid/tables/runs.csv" in said and MADE["measured.json"] in said
    place = box.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= 320
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")


def test_a_citation_can_be_copied(page: Page) -> None:
    page.locator(".number").first.click()
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.get_by_role("button", name="Copy a citation").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("copied") == (
        "A replication, version 0.1.0: grid.dcrw-fresh.train.lx = 80.61874 "
        "(n = 2, 95% interval 73.2 to 88), from results/grid/tables/runs.csv."
    )


def test_numbers_are_stops_of_the_tab_key_when_asked_for(page: Page) -> None:
    assert page.locator(".number[tabindex]").count() == 0
    toggle = page.get_by_role("button", name="Numbers: where each comes from")
    toggle.focus()
    page.keyboard.press("Enter")
    first = page.locator(".number").first
    first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.matches('.number')")
    assert first.evaluate("element => element === document.activeElement")
    toggle.click()
    assert page.locator(".number[tabindex]").count() == 0


def test_the_runs_behind_a_figure_are_listed(page: Page) -> None:
    page.locator(".behind").click()
    box = page.get_by_role("dialog", name="Runs behind this figure")
    assert box.locator("li").all_inner_texts() == ["dcrw-fresh-s0-aa", "dcrw-fresh-s1-bb"]
