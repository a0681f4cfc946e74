"""The explorer as a widget: the drawings of a gallery, and the view as traits."""

from typing import Any

import anywidget
import traitlets

from dcrw.explorer.browser import FOLDER, bundle, pack
from dcrw.explorer.gallery import ExplorerError, Gallery


class Explorer(anywidget.AnyWidget):
    """Scrub through drawings: the view is its traits, which other widgets can be linked to."""

    _esm = bundle()
    _css = (FOLDER / "explorer.css").read_text(encoding="utf-8")

    catalogue = traitlets.Dict().tag(sync=True)
    block = traitlets.Bytes().tag(sync=True)
    mode = traitlets.Unicode("reconstruct").tag(sync=True)
    digit = traitlets.Int(0, help="place in the contact sheet, from 0").tag(sync=True)
    step = traitlets.Int(1, help="t, from 1 to T").tag(sync=True)
    models = traitlets.List(traitlets.Unicode(), help="names of those shown").tag(sync=True)
    windows = traitlets.Bool(True, help="draw the windows").tag(sync=True)
    centres = traitlets.Bool(True, help="draw the filters' centres").tag(sync=True)
    error = traitlets.Bool(False, help="show the error image").tag(sync=True)
    difference = traitlets.Enum(
        ["none", "step", "input", "model"], "none", help="canvas minus what else"
    ).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)

    def __init__(self, gallery: Gallery, **view: Any):
        """view: any of the traits. Raises `ExplorerError` where the gallery has no such model."""
        catalogue, block = pack(gallery)
        names = [recording.name for recording in gallery.recordings]
        view.setdefault("models", names[:2])
        for name in set(view["models"]) - set(names):
            raise ExplorerError(f"models: {name} is not among {', '.join(names)}")
        super().__init__(catalogue=catalogue, block=block, **view)
