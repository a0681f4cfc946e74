"""Widgets of a notebook as figures of a page."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_sites import extension

ROOT = Path(__file__).resolve().parents[1]


dcrw_figures = extension("dcrw_figures")
EXPLORER = {
    "state": {
        "_anywidget_id": dcrw_figures.EXPLORER,
        "_esm": "</script>",
        "layout": "IPY_MODEL_0",
        "step": 5,
        "mode": "</script>",
    },
    "buffers": [{"path": ["block"], "encoding": "base64", "data": "AAEC"}],
}
SLIDER = {"state": {"_model_name": "IntSliderModel"}}


class Script(SimpleNamespace):
    filename: str | None
    attributes: dict[str, str]


class Page:
    """A page with views of widgets, and what the extension makes of it."""

    def __init__(self, folder: Path, widgets: dict[str, Any]) -> None:
        self.folder, self.added = folder / "_static", []
        state = json.dumps({"state": widgets})
        files = {
            "ipywidgets_state": (None, {"body": state}),
            "ipywidgets_0": ("widgets/require.js", {}),
        }
        self.app = SimpleNamespace(
            env=SimpleNamespace(nb_metadata={"book/page": {"js_files": files}}),
            builder=SimpleNamespace(format="html"),
            outdir=str(folder),
            config=SimpleNamespace(dcrw_drawing_cells=["paper/dcrw-fresh"]),
            add_js_file=lambda name, **_: self.added.append(name),
            add_css_file=self.added.append,
        )
        scripts = [
            Script(filename="_static/doctools.js", attributes={}),
            Script(filename="_static/widgets/require.js", attributes={}),
            Script(filename=None, attributes={"body": state}),
        ]
        views = [
            '<script type="application/vnd.jupyter.widget-view+json">'
            f"{json.dumps({'model_id': name})}</script>"
            for name in widgets
        ]
        self.context = {"body": f"<p>Text</p>{''.join(views)}", "script_files": scripts}
        dcrw_figures.place_figures(self.app, "book/page", "", self.context, None)
        self.scripts = [script.filename for script in self.context["script_files"]]


def test_an_explorer_becomes_a_figure_without_a_manager(tmp_path: Path) -> None:
    page = Page(tmp_path, {"one": EXPLORER})
    body = page.context["body"]
    assert body.startswith('<p>Text</p><div class="dcrw-figure" data-kind="explorer">')
    assert page.scripts == ["_static/doctools.js"]
    assert page.added == ["dcrw/explorer.js", "dcrw/explorer.css"]
    state = json.loads(body.partition('json">')[2].partition("</script>")[0])
    assert state["step"] == 5 and state["mode"] == "</script>"
    assert not {"layout", "_esm"} & state.keys()
    assert f'["{state["data"]}"] = "AAEC"' in (page.folder / "dcrw" / state["data"]).read_text()
    weights = (page.folder / "dcrw" / state["scripts"]["dcrw-fresh"]).read_text()
    assert 'window.dcrwWeights["dcrw-fresh"] = {' in weights


def test_other_widgets_keep_their_manager(tmp_path: Path) -> None:
    page = Page(tmp_path, {"one": EXPLORER, "two": SLIDER})
    assert "_static/widgets/require.js" in page.scripts
    assert '{"model_id": "two"}' in page.context["body"]
    assert 'data-kind="explorer"' in page.context["body"]


@pytest.mark.parametrize("body", ["<p>Text</p>", None])
def test_pages_without_figures_are_left_alone(tmp_path: Path, body: str | None) -> None:
    page = Page(tmp_path, {})
    context = {} if body is None else {"body": body, "script_files": []}
    page.app.env.nb_metadata = {}
    dcrw_figures.place_figures(page.app, "book/page", "", context, None)
    assert context.get("body") == body
    assert page.added == []


def test_other_figures_write_the_element_themselves() -> None:
    element = dcrw_figures.figure("explorer", {"text": "</script>"})
    assert element.count("</script>") == 1
