"""Scripts of figures that answer when touched, on the pages that hold one.

A page with `<div class="dcrw-live" data-kind="dial">` (study/live.py) gets `figures/base.js`,
`figures/dial.js` and `figures/figures.css` of `book/assets`; any other page gets none of them. A
kind without a script is a warning, so that the build fails.

`{live-figure} study.decisions` puts the figure that the module's `figure(project)` makes from its
FILES into a page of text.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)

KIND = re.compile(r'class="dcrw-live" data-kind="([a-z-]+)"')
SCRIPTS = Path(__file__).parents[1] / "assets" / "figures"


def add_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Ask for what the page's figures need."""
    kinds = list(dict.fromkeys(KIND.findall(context.get("body", ""))))
    if not kinds or app.builder.format != "html":
        return
    for kind in kinds:
        if not (SCRIPTS / f"{kind}.js").is_file():
            logger.warning("no script book/assets/figures/%s.js", kind, location=page, type="live")
    app.add_css_file("figures/figures.css")
    for name in ("base", *kinds):
        app.add_js_file(f"figures/{name}.js", loading_method="defer")


class LiveFigure(SphinxDirective):
    """The directive `live-figure`: a figure made at build time, from files."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The figure's element; the page depends on the module's files."""
        project = Path(self.env.srcdir)
        if str(project) not in sys.path:
            sys.path.insert(0, str(project))
        module = importlib.import_module(self.arguments[0])
        for name in module.FILES:
            self.env.note_dependency(str(project / name))
        return [nodes.raw("", module.figure(project)._repr_html_(), format="html")]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_directive("live-figure", LiveFigure)
    app.connect("html-page-context", add_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
