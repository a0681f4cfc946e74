"""Formulas and icons of the book without scripts."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docutils.utils.math import MathError
from fontTools.ttLib import TTFont
from tiny_sites import extension

ROOT = Path(__file__).resolve().parents[1]


dcrw_light = extension("dcrw_light")
THEME = Path(importlib.util.find_spec("pydata_sphinx_theme").origin).parent  # type: ignore[union-attr,arg-type]
STATIC = THEME / "theme/pydata_sphinx_theme/static"


def words(tex: str, block: bool = False) -> tuple[ElementTree.Element, str]:
    tree = ElementTree.fromstring(dcrw_light.mathml(tex, block))
    return tree, "".join(tree.itertext()).replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("word", ["big", "Big", "bigg", "Bigg"])
def test_delimiters_of_a_size_are_set(word: str) -> None:
    tree, text = words(rf"a \{word}( b \{word}) + \{word}[ c \{word}]")
    assert text == "a(b)+[c]"
    sizes = {element.get("minsize") for element in tree.iter() if element.get("minsize")}
    assert len(sizes) == 1


def test_dots_and_bold_symbols_are_set() -> None:
    assert words(r"z_1, \dots, z_T")[1] == "z1,…,zT"
    bold = words(r"\boldsymbol{x} + \boldsymbol{\mu} + y")[1]
    assert bold == "\U0001d499+\U0001d741+y"  # letters of their own in Unicode


def test_aligned_lines_are_rows_of_a_table() -> None:
    tree, _ = words(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", block=True)
    rows = [element for element in tree.iter() if element.tag.endswith("mtr")]
    assert [len(row) for row in rows] == [2, 2]
    assert tree.get("display") == "block"


def test_an_index_of_an_accented_letter_stands_beside_it() -> None:
    for tex, name in ((r"\hat{x}_t", "msub"), (r"\hat{F}_Y^T", "msubsup"), (r"\hat{x}", "mover")):
        tree, _ = words(tex)
        assert tree[0].tag.endswith(f"}}{name}")


def test_a_label_stands_under_its_brace() -> None:
    tree, _ = words(r"\underbrace{a + b}_{c}")
    assert [element.tag.rpartition("}")[2] for element in (tree[0], tree[0][0])] == ["munder"] * 2


def test_a_function_keeps_a_distance_from_its_argument() -> None:
    spaced = [
        any("mspace" in e.tag for e in words(tex)[0].iter()) for tex in (r"\log p", r"\log(p)")
    ]
    assert spaced == [True, False]


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(MathError):
        dcrw_light.mathml(r"\nonsense", False)


@pytest.mark.parametrize("opening", [r"\big(", r"\Big["])
def test_a_bracket_over_two_lines_is_an_error_where_it_has_a_size(opening: str) -> None:
    lines = "\\begin{{aligned}} a = {0} & b \\\\ & + c {1} \\end{{aligned}}"
    closing = opening.replace("(", ")").replace("[", "]")
    with pytest.raises(MathError, match="close in the line"):
        dcrw_light.mathml(lines.format(opening, closing), True)
    tree, text = words(lines.format(opening[-1], closing[-1]), True)
    assert text == f"a={opening[-1]}b+c{closing[-1]}"
    assert sum(element.tag.endswith("mtr") for element in tree.iter()) == 2


def test_the_font_holds_the_icons_that_are_used() -> None:
    style = (STATIC / "styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    found = dcrw_light.codes(style, {"fa-bars", "fa-download"})
    assert {0xF0C9, 0xF019} <= found
    assert len(found) < 30
    font = STATIC / "vendor/fontawesome/webfonts/fa-solid-900.ttf"
    css = dcrw_light.icon_style(font, found)
    assert len(css) < 20_000
    (data,) = re.findall(r"base64,([A-Za-z0-9+/=]+)", css)
    glyphs = TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap()
    assert {0xF0C9, 0xF019} <= glyphs.keys()
    assert 0xF015 not in glyphs  # a house, which nothing uses


def test_rules_of_icons_that_nothing_uses_are_left_out() -> None:
    style = (STATIC / "styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    lighter = dcrw_light.without_icons(style, {"fa-bars"})
    assert ".fa-bars:before" in lighter and ".fa-house:before" not in lighter
    assert len(style) - len(lighter) > 50_000
    rest = [dcrw_light.RULE.sub("", text) for text in (style, lighter)]
    assert rest[0] == rest[1]


SCRIPTS = """<script src="_static/documentation_options.js?v=1"></script>
<script src="_static/doctools.js?v=1"></script>
<script data-prefix="a" src="_static/design-tabs.js"></script>
<script src="../_static/searchtools.js"></script>
<script src="../_static/language_data.js"></script>
<script src="../searchindex.js"></script>
<script>DOCUMENTATION_OPTIONS.pagename = "one";</script>
<script defer src="_static/scripts/fontawesome.js?digest=1"></script>"""


def test_scripts_wait_and_those_of_the_search_stay_on_its_page() -> None:
    page = dcrw_light.lighten_page(SCRIPTS, False)
    names = re.findall(r"<script (defer )?[^>]*?(\w+)\.js", page)
    assert names == [("", "documentation_options"), ("defer ", "doctools"), ("defer ", "tabs")]
    assert "pagename" in page
    assert dcrw_light.lighten_page(page, False) == page
    searching = dcrw_light.lighten_page(SCRIPTS, True)
    assert searching == SCRIPTS[: SCRIPTS.rindex("\n")]  # all but the icons
