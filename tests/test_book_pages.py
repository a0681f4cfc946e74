"""What a built page is given last, and what the start page adds."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("bs4")
pytest.importorskip("myst_nb")

from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))
import dcrw_pages
import dcrw_start

CELL = """<div class="cell tag_hide-input"><details class="hide above-input"><summary>Show</summary>
<div class="cell_input"><pre>{code}</pre></div></details>{output}</div>"""
TABLE = """<table class="dataframe"><thead><tr><th></th><th>model</th><th>{head}</th></tr></thead>
<tbody><tr><th>0</th><td>dcrw-fresh</td><td>-3.5</td></tr>
<tr><th>1</th><td></td><td>0.9 to 1.2</td></tr></tbody></table>"""


def rewritten(body: str) -> BeautifulSoup:
    return BeautifulSoup(dcrw_pages.finished(body), "html.parser")


def test_code_goes_to_the_end_of_the_page_and_empty_cells_go() -> None:
    shown = CELL.format(code="two", output='<div class="cell_output">seen</div>')
    body = f"<section>{CELL.format(code='one', output='')}<p>text</p>{shown}<p>last</p></section>"
    page = rewritten(body)
    folded = page.section.find_all(recursive=False)[-1]
    assert (folded.name, folded["class"]) == ("details", ["page-code"])
    assert [code.get_text() for code in folded.select("pre")] == ["one", "two"]
    assert [cell.get_text(strip=True) for cell in page.select("div.cell")] == ["seen"]
    assert not page.select("div.cell details")


def test_a_page_without_code_stays_without_the_link() -> None:
    assert rewritten("<section><p>text</p></section>").find("details") is None


def test_a_cells_mixed_content_stays_together_beside_its_name() -> None:
    page = rewritten(TABLE.format(head="Lx").replace("dcrw-fresh", "L<sub>x</sub> falls"))
    cell = page.select_one("tbody tr td")
    assert cell.get_text() == "Lx falls" and cell["data-label"] == "model"
    assert [child.name for child in cell.children] == ["div"]


def test_a_caption_goes_into_its_table_and_a_figures_stays() -> None:
    body = '<figure><p class="caption">of a figure</p></figure><p class="caption">n = <b>3</b></p>'
    page = rewritten(body + TABLE.format(head="Lx"))
    assert str(page.table.caption) == "<caption>n = <b>3</b></caption>"
    assert page.figure.get_text() == "of a figure"


def test_a_table_says_what_its_cells_are() -> None:
    page = rewritten(TABLE.format(head="Lx"))
    first, second = page.select("tbody tr")
    assert first.find_all("td")[-1].get_text() == "−3.5"
    assert first.find_all("td")[0].get_text() == "dcrw-fresh"  # no minus within a name
    assert [cell.get("data-label") for cell in first.find_all(["th", "td"])] == ["", "model", "Lx"]
    assert "empty-cell" in second.td["class"]
    head = page.thead.tr.find_all(recursive=False)
    assert [cell.name for cell in head] == ["td", "th", "th"]
    assert "number-cell" in head[2]["class"] and "number-cell" not in head[1].get("class", [])
    assert {"stacks", "dataframe"} <= set(page.table["class"])


def test_a_formula_in_a_head_is_read_out_and_repeated_in_the_cells() -> None:
    page = rewritten(TABLE.format(head=r'<span class="math">\(L_x\)</span>'))
    assert page.thead.select_one("th .visually-hidden").get_text() == "L x"
    label = page.select("tbody tr")[0].find_all("td")[-1].find(class_="cell-label")
    assert label["aria-hidden"] == "true" and label.find(class_="math").get_text() == r"\(L_x\)"


def test_what_shows_one_seed_is_folded_together() -> None:
    cell = '<div class="cell tag_one-seed"><div class="cell_output">seen</div></div>'
    page = rewritten(f"<section>{cell}{cell}<p>text</p></section>")
    (folded,) = page.select("details.one-seed")
    assert folded.summary.get_text() == "Seed 0 alone"
    assert len(folded.find_all("div", class_="cell")) == 2


def test_pictures_can_be_enlarged_once() -> None:
    page = rewritten('<figure><img src="a.png" alt="A plot. Of much."/></figure>')
    assert (page.a["href"], page.a["aria-label"]) == ("a.png", "Enlarge: A plot")
    linked = '<figure><a href="b.png"><img src="a.png"/></a></figure>'
    assert len(rewritten(linked).select("a")) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["partly", "partly"], "partly"),
        (["partly", "contradicted"], "partly"),
        (["not shown", "contradicted"], "not shown"),
        (["supported", "untestable"], None),
        ([], None),
    ],
)
def test_the_second_rounds_words_are_merged(words: list[str], expected: str | None) -> None:
    assert dcrw_start.merged(words) == expected


def test_each_chip_links_its_claim_and_names_a_second_word_only_if_it_differs() -> None:
    first = [
        {"claim": "f", "title": "Alike", "fresh": "not supported"},
        {"claim": "e", "title": "Novel", "fresh": "supported"},
    ]
    second = [{"claim": "f", "fresh": "contradicted"}, {"claim": "e", "fresh": "supported"}]
    assert dcrw_start.chips(first, second).splitlines() == [
        "- [not supported]{.verdict .not-supported} [then contradicted]{.later} [Alike](#claim-f)",
        "- [supported]{.verdict .supported} [Novel](#claim-e)",
    ]


def test_losses_on_mnist_say_of_which_kind() -> None:
    """Grey-scale or binarised: losses on one cannot be compared with those on the other."""
    root = Path(__file__).resolve().parents[1]
    sources = [*root.glob("notebooks/*.ipynb"), *root.glob("study/**/*.py"), root / "README.md"]
    unnamed = [
        f"{path.name}: {found[0]}"
        for path in sources
        for found in re.finditer(r"(?:iterations on|[,;]) MNIST\b[.,;]?", path.read_text())
    ]
    assert unnamed == []
