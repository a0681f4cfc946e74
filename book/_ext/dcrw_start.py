"""What the start page adds: a moving picture that can stand still, and the verdicts at a glance.

`{moving-picture} path` shows `path`_wide.webp, or `path`_narrow.webp on a phone, with the caption
that is its content; `:alt:` is required. Where a reader asks for less motion, in print, and where
the box "Hold still" is ticked, `path`_wide_still.webp and `path`_narrow_still.webp stand instead.
No script takes part.

`{verdict-chips} first second` makes a list of links to the claims, each with its verdict under
fresh noise by the first round's rules, and by the second round's where that is another word.
`first` and `second` are the tables that the rounds' verdicts are written to.
"""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import imagesize
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

NARROW = "(max-width: 575px)"
LESS_MOTION = "(prefers-reduced-motion: reduce)"
VARIANTS = ("wide", "narrow", "wide_still", "narrow_still")
NOT_JUDGED = "untestable"  # the second round's word while seeds are missing
IN_PART = {"supported", "partly"}


class moving_picture(nodes.General, nodes.Element):  # noqa: N801  docutils names its nodes so
    """Four images, in the order of VARIANTS; `alt` and `sizes` (width, height) of each."""


class MovingPicture(SphinxDirective):
    """The directive `moving-picture`."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """A figure with the picture and its caption."""
        alt = self.options["alt"]
        images = [nodes.image(uri=f"{self.arguments[0]}_{name}.webp", alt=alt) for name in VARIANTS]
        paths = [self.env.relfn2path(image["uri"])[1] for image in images]
        picture = moving_picture("", *images, alt=alt, sizes=[imagesize.get(p) for p in paths])
        figure = nodes.figure("", picture, classes=["moving-picture"])
        caption = nodes.caption()
        held = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, held)
        for paragraph in held.findall(nodes.paragraph):
            caption += [child.deepcopy() for child in paragraph.children]
        figure += caption
        return [figure]


def visit_moving_picture(self: HTML5Translator, node: moving_picture) -> None:
    """The box to hold it still, the moving picture, and the still one."""
    places = {
        name: posixpath.join(self.builder.imgpath, quote(self.builder.images[image["uri"]]))
        for name, image in zip(VARIANTS, node.children, strict=True)
    }
    sizes = dict(zip(VARIANTS, node["sizes"], strict=True))

    def source(media: str, name: str) -> str:
        width, height = sizes[name]
        size = f'width="{width}" height="{height}"'
        return f'<source media="{media}" srcset="{places[name]}" {size}>'

    def picture(kind: str, shown: str, sources: Iterable[str]) -> str:
        width, height = sizes[shown]
        image = f'<img src="{places[shown]}" alt="{escape(node["alt"])}" width="{width}"'
        return f'<picture class="{kind}">{"".join(sources)}{image} height="{height}"></picture>'

    moving = [
        source(f"{LESS_MOTION} and {NARROW}", "narrow_still"),
        source(LESS_MOTION, "wide_still"),
        source(NARROW, "narrow"),
    ]
    self.body.append(
        '<label class="hold"><input type="checkbox"> Hold still</label>'
        + picture("moves", "wide", moving)
        + picture("stands", "wide_still", [source(NARROW, "narrow_still")])
    )
    raise nodes.SkipNode


def merged(words: Iterable[str]) -> str | None:
    """One word from the second round's for each of a claim's subjects; None where one is not
    judged yet, or there is none."""
    found = set(words)
    if not found or NOT_JUDGED in found:
        return None
    if len(found) == 1:
        return found.pop()
    return "partly" if found & IN_PART else "not shown"


def chips(first: Iterable[Mapping[str, str]], second: Iterable[Mapping[str, str]]) -> str:
    """The list of links as MyST; first, second: rows of the two tables of verdicts."""
    later: dict[str, list[str]] = {}
    for row in second:
        later.setdefault(row["claim"], []).append(row["fresh"])
    lines = []
    for row in first:
        word, again = row["fresh"], merged(later.get(row["claim"], []))
        name = word.replace(" ", "-")
        said = f"[{word}]{{.verdict .{name}}}"
        if again not in (None, word):
            said += f" [then {again}]{{.later}}"
        lines.append(f"- {said} [{row['title']}](#claim-{row['claim']})")
    return "\n".join(lines)


class VerdictChips(SphinxDirective):
    """The directive `verdict-chips`."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """The list; the page depends on both tables."""
        tables = []
        for argument in self.arguments:
            relative, absolute = self.env.relfn2path(argument)
            self.env.note_dependency(relative)
            with Path(absolute).open(encoding="utf-8", newline="") as file:
                tables.append(list(csv.DictReader(file)))
        held = nodes.container()
        lines = StringList(chips(*tables).splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, held)
        for listed in held.findall(nodes.bullet_list):
            listed["classes"].append("verdicts")
        return list(held.children)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_node(moving_picture, html=(visit_moving_picture, None))
    app.add_directive("moving-picture", MovingPicture)
    app.add_directive("verdict-chips", VerdictChips)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
