"""Scripts come to the pages that hold a figure, and to no others."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("myst_parser")

from tiny_sites import build_site

ROOT = Path(__file__).resolve().parents[2]


def build(folder: Path, kind: str) -> tuple[str, str, str]:
    """The page with a figure, one without, and the warnings."""
    (folder / "index.md").write_text(
        f'# A\n\n<div class="dcrw-live" data-kind="{kind}"></div>\n\n```{{toctree}}\nother\n```\n'
    )
    (folder / "other.md").write_text("# B\n")
    settings = {
        "extensions": ["myst_parser", "dcrw_live"],
        "source_suffix": {".md": "markdown"},
        "html_static_path": [str(ROOT / "book" / "assets")],
    }
    warnings = build_site(folder, settings)
    first, second = ((folder / "out" / f"{name}.html").read_text() for name in ("index", "other"))
    return first, second, warnings


def test_a_page_gets_the_scripts_of_its_figures(tmp_path: Path) -> None:
    page, other, warnings = build(tmp_path, "dial")
    assert page.index("figures/base.js") < page.index("figures/dial.js")
    assert "figures/figures.css" in page
    assert "figures/" not in other
    assert warnings == ""
    assert (tmp_path / "out/_static/figures/dial.js").is_file()


def test_an_unknown_kind_is_a_warning(tmp_path: Path) -> None:
    *_, warnings = build(tmp_path, "unheard-of")
    assert "no script book/assets/figures/unheard-of.js" in warnings
