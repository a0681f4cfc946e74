"""The explorer: every step of a drawing, to scrub through in a page or in JupyterLab.

    gallery    what is kept of drawings, and its file
    recording  how it is made, from the weights of finished runs
    rebuild    canvases from what is kept, as `widgets/rebuild.js` computes them in the browser
    strip      a still picture of it, for print
    browser    what the browser is given: a gallery packed as bytes, and the scripts
    widget     the explorer in a notebook or a page
    standalone the explorer of one run as one HTML file: `python -m dcrw.explorer RUN`
    live       the same with its models at hand
    portable   a model's weights for `widgets/model.js`, which runs it without Python

The three names below are loaded when they are asked for: a gallery needs no anywidget.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcrw.explorer.gallery import Gallery
    from dcrw.explorer.live import LiveExplorer
    from dcrw.explorer.widget import Explorer

__all__ = ["Explorer", "Gallery", "LiveExplorer"]

_HOMES = {"Explorer": "widget", "Gallery": "gallery", "LiveExplorer": "live"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
