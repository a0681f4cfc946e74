"""What a built page is given last, so that it can be read on a phone, by ear, and in print.

- The code of a notebook's cells is moved to the end of the page, behind one line that unfolds it.
- A paragraph with the class `caption` that stands before a table becomes its caption.
- A table's numbers stand at the right, with the minus sign, and each cell carries the name of its
  column, so that a narrow screen can stack the rows.
- What a cell with the tag `one-seed` shows is folded behind "Seed 0 alone".
- A picture made by a cell, or of a figure, is a link to itself, to be enlarged.

All of it is done when the book is built: pages need no script for it.
"""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.formatter import HTMLFormatter
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

MINUS = "\N{MINUS SIGN}"
HYPHEN = re.compile(r"(?<![\w.\-)])-(?=\d)")  # before a number, not within a name or a range
NUMBER = re.compile(rf"[{MINUS}+±~]?\s?\d[\d,.]*\s?%?")
PLAIN = re.compile(
    rf"({NUMBER.pattern})([\s\[\],±()]|to|and|{NUMBER.pattern})*(, (no bound|loose))?"
)
STACKED = 3  # columns from which a narrow screen stacks the rows of a table
TEX = re.compile(r"[\\\\(){}$_^]")  # what is not read out of a short formula
CODE = "The code of this page"
ONE_SEED = "Seed 0 alone"
LATE = 950  # after what other extensions do to the body


def finish(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Rewrite the body of one page."""
    if app.builder.format == "html" and context.get("body"):
        context["body"] = finished(context["body"])


def finished(body: str) -> str:
    """The body of a page, rewritten as said above."""
    soup = BeautifulSoup(body, "html.parser")
    fold_code(soup)
    fold_one_seed(soup)
    caption_tables(soup)
    for table in soup.find_all("table"):
        if not {"indextable", "highlighttable"} & set(table.get("class", [])):
            spell_out(soup, table)
    for entry in soup.select("div.citation-list > div.citation"):
        entry["role"] = "listitem"  # what a list may hold; the role that Sphinx writes is withdrawn
    for image in soup.select("figure img, div.cell_output img"):
        enlarge(soup, image)
    return soup.decode(formatter=HTMLFormatter.REGISTRY["minimal"])


def fold_code(soup: BeautifulSoup) -> None:
    """Move the inputs of hidden cells to the end of the page's first section."""
    inputs = soup.select("div.cell.tag_hide-input div.cell_input")
    if not inputs:
        return
    section = soup.find("section") or soup
    folded = soup.new_tag("details", attrs={"class": "page-code"})
    summary = soup.new_tag("summary")
    summary.string = CODE
    folded.append(summary)
    for code in inputs:
        cell = code.find_parent("div", class_="cell")
        folding = code.find_parent("details")
        folded.append(code.extract())
        if folding is not None:
            folding.decompose()
        if not cell.get_text(strip=True) and not cell.find(["img", "script", "svg"]):
            cell.decompose()
    section.append(folded)


def fold_one_seed(soup: BeautifulSoup) -> None:
    """Put what shows one seed behind a line that unfolds it, cells in a row behind one line."""
    for cell in soup.select("div.cell.tag_one-seed"):
        before = cell.find_previous_sibling()
        if before is not None and "one-seed" in before.get("class", []):
            before.append(cell.extract())
            continue
        summary = soup.new_tag("summary")
        summary.string = ONE_SEED
        cell.wrap(soup.new_tag("details", attrs={"class": "one-seed"})).insert(0, summary)


def caption_tables(soup: BeautifulSoup) -> None:
    """Move each paragraph of the class `caption` into the next table."""
    for paragraph in soup.select("p.caption"):
        if paragraph.find_parent(["figure", "figcaption", "nav"]):
            continue
        table = paragraph.find_next("table")
        if table is None:
            continue
        caption = soup.new_tag("caption")
        caption.extend(list(paragraph.contents))
        if table.caption is not None:
            table.caption.decompose()
        table.insert(0, caption)
        paragraph.decompose()


def spell_out(soup: BeautifulSoup, table: Tag) -> None:
    """The names of columns in their cells, minus signs and places of numbers."""
    rows = [row.find_all(["th", "td"], recursive=False) for row in table.find_all("tr")]
    heads = [row for row in rows if row and row[0].find_parent("thead")]
    body = [row for row in rows if row and not row[0].find_parent("thead")]
    for text in [text for row in body for cell in row for text in cell.find_all(string=HYPHEN)]:
        if text.find_parent(["code", "script", "style", "mjx-container", "math"]) is None:
            text.replace_with(HYPHEN.sub(MINUS, text))
    for head in heads:
        for cell in head:
            _name_head(soup, cell)
    if not heads or not body:
        return
    names = _column_names(heads)
    columns = max(map(len, body))
    for column in range(columns):
        cells = [row[column] for row in body if len(row) == columns]
        shown = [text for cell in cells if (text := cell.get_text(" ", strip=True))]
        if shown and sum(bool(PLAIN.fullmatch(text)) for text in shown) > len(shown) / 2:
            top = [head[column] for head in heads if len(head) == columns]
            for cell in [*cells, *top]:
                cell["class"] = [*cell.get("class", []), "number-cell"]
    if columns < STACKED or not _is_simple(heads, body):
        return
    table["class"] = [*table.get("class", []), "stacks"]
    for row in body:
        for cell, name in zip(row, names, strict=False):
            _label(soup, cell, name)


def _name_head(soup: BeautifulSoup, cell: Tag) -> None:
    """A column's head: a plain cell where it is empty, and read out where it is a formula."""
    text = cell.get_text(" ", strip=True)
    if not text:
        cell.name = "td"
    elif cell.find(class_="math") or cell.find("math"):
        spoken = soup.new_tag("span", attrs={"class": "visually-hidden"})
        spoken.string = " ".join(TEX.sub(" ", text).split())
        seen = soup.new_tag("span", attrs={"class": "head-seen", "aria-hidden": "true"})
        seen.extend(list(cell.contents))
        cell.extend([spoken, seen])


def _is_simple(heads: list[list[Tag]], body: list[list[Tag]]) -> bool:
    """Whether no body cell spans several rows or columns and all rows are of one length."""
    spans = any(cell.get("rowspan") or cell.get("colspan") for row in body for cell in row)
    return not spans and len({len(row) for row in body} | {len(heads[-1])}) == 1


def _column_names(heads: list[list[Tag]]) -> list[Tag]:
    """The last line of the head that names most columns; pandas may put the index's name below."""
    return max(heads, key=lambda head: sum(bool(cell.get_text(strip=True)) for cell in head))


def _label(soup: BeautifulSoup, cell: Tag, name: Tag) -> None:
    """The column's name in a cell: as an attribute, or as an element where it holds a formula."""
    if not cell.get_text(strip=True):
        cell["class"] = [*cell.get("class", []), "empty-cell"]
        return
    if len(cell.contents) > 1:  # a phone sets name and content side by side
        content = soup.new_tag("div")
        content.extend(list(cell.contents))
        cell.append(content)
    text = name.get_text(" ", strip=True)
    if name.find(["math", "sub", "sup"]) is None and name.find(class_="math") is None:
        cell["data-label"] = text
        return
    label = soup.new_tag("span", attrs={"class": "cell-label", "aria-hidden": "true"})
    source = name.find("p") or name.find(class_="head-seen") or name
    label.extend([BeautifulSoup(str(part), "html.parser") for part in source.contents])
    cell.insert(0, label)


def enlarge(soup: BeautifulSoup, image: Tag) -> None:
    """Make an image a link to its file, unless it stands in a link already."""
    if image.find_parent(["a", "picture", "noscript"]) or not image.get("src"):
        return
    label = "Enlarge: " + (image.get("alt", "").split(".")[0] or "picture")
    image.wrap(
        soup.new_tag("a", attrs={"class": "enlarge", "href": image["src"], "title": "Enlarge"})
    )
    image.parent["aria-label"] = label


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.connect("html-page-context", finish, priority=LATE)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
