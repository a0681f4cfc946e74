"""Interactive figures on the book's pages, without a manager of widgets.

An `Explorer` that a notebook shows is a widget; its state is in the notebook. On the page it
becomes an element with a small state, and scripts beside the page, in `_static/dcrw`:

    explorer.js, explorer.css   the view, from `dcrw/explorer/widgets`
    <page>-<digest>.js          the block of bytes that it shows
    weights-<cell>-<digest>.js  a model that draws in the page, loaded when it is asked for

`dcrw_drawing_cells` names the models, as profile/cell. Where a page has no other widget, it does
without the scripts of the manager. Other figures write the element themselves, see
`dcrw/explorer/widgets/page.js`: a page gets the script of every kind that it holds.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from dcrw.explorer import browser, portable, recording

FOLDER = "_static/dcrw"
EXPLORER = "dcrw.explorer.widget.Explorer"
VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">\s*(.*?)\s*</script>', re.DOTALL
)
KIND = re.compile(r'class="dcrw-figure" data-kind="([a-z-]+)"')
MANAGER = "ipywidgets_"  # how myst_nb names the scripts of widgets
KINDS = {"explorer": browser.PAGE_MODULES}  # the scripts of each kind of figure
NO_SCRIPTS = "<noscript><p>This figure needs scripts; the still above needs none.</p></noscript>"


def place_figures(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Put elements in the place of the page's explorers, and ask for the scripts of its figures."""
    files = getattr(app.env, "nb_metadata", {}).get(page, {}).get("js_files", {})
    if "body" not in context or app.builder.format != "html":
        return
    if "ipywidgets_state" in files:
        widgets = json.loads(files["ipywidgets_state"][1]["body"])["state"]
        context["body"] = VIEW.sub(lambda view: _figure(app, page, view, widgets), context["body"])
        if not VIEW.search(context["body"]):
            _leave_out_manager(context, files)
    kinds = dict.fromkeys(KIND.findall(context["body"]))
    for kind in kinds:
        script = browser.classic(modules=KINDS[kind])
        app.add_js_file(_write(app, f"{kind}.js", script), loading_method="defer")
        style = (browser.FOLDER / f"{kind}.css").read_text(encoding="utf-8")
        app.add_css_file(_write(app, f"{kind}.css", style))


def figure(kind: str, state: dict[str, Any]) -> str:
    """The element of a figure, as HTML; `state` is what its script is given."""
    text = json.dumps(state, separators=(",", ":")).replace("</", "<\\/")
    inside = f'<script type="application/json">{text}</script>{NO_SCRIPTS}'
    return f'<div class="dcrw-figure" data-kind="{html.escape(kind)}">{inside}</div>'


def _figure(app: Sphinx, page: str, view: re.Match[str], widgets: dict[str, Any]) -> str:
    """What stands for a widget's view: a figure for an explorer, else the view as it was."""
    entry = widgets[json.loads(view[1])["model_id"]]
    traits = entry["state"]
    if traits.get("_anywidget_id") != EXPLORER:
        return view[0]
    (block,) = (one["data"] for one in entry["buffers"] if one["path"] == ["block"])
    own = ("layout", "tabbable", "tooltip")
    state = {name: value for name, value in traits.items() if name[0] != "_" and name not in own}
    name = f"{Path(page).name}-{_digest(block)}.js"
    _write(app, name, browser.block_script(name, block))
    return figure("explorer", state | {"data": name, "scripts": _weights(app)})


def _weights(app: Sphinx) -> dict[str, str]:
    """Scripts of the models that draw in the page, by cell."""
    scripts = {}
    for name, run in recording.find_cells(app.config.dcrw_drawing_cells).items():
        script = portable.weights_script(name, recording.load_writer(run))
        scripts[name] = f"weights-{name}-{_digest(script)}.js"
        _write(app, scripts[name], script)
    return scripts


def _leave_out_manager(context: dict[str, Any], files: dict[str, Any]) -> None:
    """Drop the scripts of widgets, which myst_nb has added to the page."""
    paths = {path for name, (path, _) in files.items() if name.startswith(MANAGER) and path}
    state = files["ipywidgets_state"][1]["body"]

    def wanted(script: Any) -> bool:
        filename = str(getattr(script, "filename", script) or "")
        inline = getattr(script, "attributes", {}).get("body")
        return inline != state and not any(filename.endswith(path) for path in paths)

    scripts = context["script_files"]
    scripts[:] = [script for script in scripts if wanted(script)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _write(app: Sphinx, name: str, script: str) -> str:
    """Write a script of the book's; returns its address below `_static`."""
    path = Path(app.outdir, FOLDER, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, encoding="utf-8")
    return f"dcrw/{name}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_config_value("dcrw_drawing_cells", [], "html", list)
    app.connect("html-page-context", place_figures, priority=900)  # after myst_nb has added scripts
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
