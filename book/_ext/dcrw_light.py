"""Light pages: formulas as MathML, which browsers set without a script; the theme's icons as a font
of those that are used, in place of a script with all of them; and no script before the first paint
that can come after it.

`html_math_renderer: native` chooses the formulas. A formula that docutils cannot translate is a
warning, so that `jupyter-book build -W` fails.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

# ---- formulas -------------------------------------------------------------------------------

SIZED = re.compile(
    r"\\([bB]igg?)(?![a-zA-Z])"
)  # TeX's plain forms; docutils knows those with a side
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
APPLY = "\N{FUNCTION APPLICATION}"
BRACE = "\N{BOTTOM CURLY BRACKET}"
ACCENTS = ("\N{MODIFIER LETTER CIRCUMFLEX ACCENT}", "^", "~", "\N{SMALL TILDE}", "\N{MACRON}")
ElementTree.register_namespace("", NAMESPACE)
OTHERWISE = {"dots": "ldots", "boldsymbol": "mathbfit"}  # commands that docutils has by other names
OPENING = ("(", "[", r"\{", r"\lbrace", r"\langle")


def mathml(tex: str, block: bool) -> str:
    """A formula as MathML.

    Raises `MathError` where docutils does not know a command, or where a bracket of a size does not
    close in the line that it opens in: lines would be set in one another.
    """
    text = str(tex2mathml(_plain(tex).strip(), as_block=block))
    tree = ElementTree.fromstring(text.replace("&ApplyFunction;", APPLY))
    for parent in list(tree.iter()):
        for place, child in enumerate(list(parent)):
            parent[place] = _as_in_tex(child)
    for parent in list(tree.iter()):
        _space_functions(parent)
        _require_rows(parent)
    return ElementTree.tostring(tree, encoding="unicode")


def _as_in_tex(element: ElementTree.Element) -> ElementTree.Element:
    """Indices of an accented letter beside it, not under it; a label of a brace under the brace."""
    parts = list(element)
    if _is(element, "munderover") and parts[2].text in ACCENTS:
        return _made("msub", _accented(parts[0], parts[2]), parts[1])
    if _is(element, "msup") and _is(parts[0], "munderover") and parts[0][2].text in ACCENTS:
        base, low, accent = parts[0]
        return _made("msubsup", _accented(base, accent), low, parts[1])
    if _is(element, "msub") and _is(parts[0], "munder") and parts[0][1].text == BRACE:
        return _made("munder", *parts)
    return element


def _space_functions(parent: ElementTree.Element) -> None:
    """A thin space between a function and an argument without brackets."""
    for child, following in reversed(list(pairwise(parent))):
        if child.text == APPLY and not (following.text or "").startswith(("(", "[")):
            space = _made("mspace")
            space.set("width", "0.167em")
            parent.insert(list(parent).index(following), space)


def _require_rows(parent: ElementTree.Element) -> None:
    """Cells stand in rows, and rows in a table; nothing else does."""
    for name, within in (("mtd", "mtr"), ("mtr", "mtable")):
        if any(_is(child, name) != _is(parent, within) for child in parent):
            raise MathError("a bracket of a size must close in the line that it opens in")


def _accented(base: ElementTree.Element, accent: ElementTree.Element) -> ElementTree.Element:
    found = _made("mover", base, accent)
    found.set("accent", "true")
    return found


def _is(element: ElementTree.Element, name: str) -> bool:
    return element.tag == f"{{{NAMESPACE}}}{name}"


def _made(name: str, *children: ElementTree.Element) -> ElementTree.Element:
    element = ElementTree.Element(f"{{{NAMESPACE}}}{name}")
    element.extend(children)
    return element


def _plain(tex: str) -> str:
    """TeX in the commands that docutils knows."""

    def side(found: re.Match[str]) -> str:
        rest = tex[found.end() :].lstrip()
        return f"\\{found[1]}{'l' if rest.startswith(OPENING) else 'r'}"

    plain = SIZED.sub(side, tex)
    for command, known in OTHERWISE.items():
        plain = re.sub(rf"\\{command}(?![a-zA-Z])", rf"\\{known}", plain)
    return plain


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """A formula within a line."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(f"{_translated(node, block=False)}</span>")
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on its own, with its number and a link to it."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(f"{_translated(node, block=True)}</div>\n")
    raise nodes.SkipNode


def _translated(node: nodes.Element, block: bool) -> str:
    tex = node.astext()
    try:
        return mathml(tex, block)
    except MathError as error:
        logger.warning("formula %r: %s", tex, error, location=node, type="math")
        return ""


# ---- scripts --------------------------------------------------------------------------------

ICON_SCRIPT = re.compile(r'\s*<script[^>]*src="[^"]*/fontawesome\.js[^"]*"[^>]*></script>')
# The theme would search while one types, which `search_as_you_type` turns off: the index of all
# words belongs to the page of the search alone.
SEARCH_SCRIPT = re.compile(
    r'\s*<script[^>]*src="[^"]*\b(?:searchtools|language_data|searchindex)\.js[^"]*"[^>]*></script>'
)
SEARCH_PAGE = "search.html"
# Scripts of Sphinx and its extensions that wait for the page anyway.
WAITING = (
    "doctools",
    "sphinx_highlight",
    "sphinx-book-theme",
    "clipboard.min",
    "copybutton",
    "togglebutton",
    "design-tabs",
)
BLOCKING = re.compile(
    rf'<script(?![^>]*\bdefer\b)(?=[^>]*src="[^"]*/(?:{"|".join(map(re.escape, WAITING))})\.js)'
)


def lighten_page(page: str, searches: bool) -> str:
    """A page's HTML without scripts that it does not need, and those that can wait deferred.

    searches: whether it is the page of the search.
    """
    lighter = ICON_SCRIPT.sub("", page)
    if searches:  # its scripts call the others as they load
        return lighter
    return BLOCKING.sub("<script defer", SEARCH_SCRIPT.sub("", lighter))


# ---- icons ----------------------------------------------------------------------------------

NAME = re.compile(r"\bfa-[a-z0-9-]+")
RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
VARIABLE = re.compile(r'--pst-icon-[a-z-]+:"(\\[0-9a-f]+|.)"')  # icons of the theme's own style
ICONS = "dcrw/icons.css"


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Make every page lighter; write a font of the icons that are used, and leave out of the
    theme's style the names of those that are not."""
    if exception is not None or app.builder.format != "html":
        return
    used: set[str] = set()
    for path in sorted(Path(app.outdir).rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        used |= set(NAME.findall(page))
        lighter = lighten_page(page, path == Path(app.outdir, SEARCH_PAGE))
        if lighter != page:
            path.write_text(lighter, encoding="utf-8")
    static = Path(app.outdir, "_static")
    for path in sorted((static / "scripts").glob("*-theme.js")):
        used |= set(NAME.findall(path.read_text(encoding="utf-8")))
    sheet = static / "styles/pydata-sphinx-theme.css"
    style = sheet.read_text(encoding="utf-8")
    sheet.write_text(without_icons(style, used), encoding="utf-8")
    font = static / "vendor/fontawesome/webfonts/fa-solid-900.ttf"
    (static / ICONS).parent.mkdir(exist_ok=True)
    (static / ICONS).write_text(icon_style(font, codes(style, used)), encoding="utf-8")


def codes(style: str, names: Iterable[str]) -> set[int]:
    """Code points of icons by their classes, and of those that the theme's style uses itself."""
    wanted = set(names)
    found = {
        int(code, 16)
        for selectors, code in RULE.findall(style)
        if wanted & set(NAME.findall(selectors))
    }
    own = (code.removeprefix("\\") for code in VARIABLE.findall(style))
    return found | {ord(code) if len(code) == 1 else int(code, 16) for code in own}


def without_icons(style: str, names: Iterable[str]) -> str:
    """The theme's style without the rules of icons that no class among `names` asks for."""
    kept = set(names)
    return RULE.sub(lambda rule: rule[0] if kept & set(NAME.findall(rule[1])) else "", style)


def icon_style(font: Path, wanted: Iterable[int]) -> str:
    """A style that holds a font's glyphs of some code points, in the name of the whole font."""
    fonts = TTFont(font)
    options = subset.Options()
    options.flavor = "woff"
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=list(wanted))
    cutter.subset(fonts)
    fonts.flavor = "woff"
    target = io.BytesIO()
    fonts.save(target)
    data = base64.b64encode(target.getvalue()).decode()
    return (
        '@font-face{font-family:"Font Awesome 6 Free";font-style:normal;font-weight:900;'
        f'src:url(data:font/woff;base64,{data}) format("woff")}}\n'
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_html_math_renderer("native", (visit_inline, None), (visit_block, None))
    app.add_css_file(ICONS)
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
