"""Small Sphinx sites for tests of the book's extensions."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

EXTENSIONS = Path(__file__).resolve().parents[1] / "book" / "_ext"


def extension(name: str) -> ModuleType:
    """An extension of the book, imported anew."""
    spec = importlib.util.spec_from_file_location(name, EXTENSIONS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def build_site(
    folder: Path, settings: Mapping[str, Any], prepare: Callable[[Sphinx], Any] = lambda app: None
) -> str:
    """Build the pages of a folder into its `out`; returns the warnings. prepare: is given the
    application before it builds."""
    if str(EXTENSIONS) not in sys.path:
        sys.path.insert(0, str(EXTENSIONS))  # where Sphinx finds them
    warnings = io.StringIO()
    with docutils_namespace():
        app = Sphinx(
            srcdir=folder,
            confdir=None,
            outdir=folder / "out",
            doctreedir=folder / "doctrees",
            buildername="html",
            confoverrides={"html_theme": "basic", "exclude_patterns": ["out"], **settings},
            status=None,
            warning=warnings,
        )
        prepare(app)
        app.build()
    return warnings.getvalue()
