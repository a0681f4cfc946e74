"""The explorer as a widget: a gallery packed for the browser, and the view as traits."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from dcrw.explorer.gallery import COLUMNS, ExplorerError, Gallery, Recording, title
from dcrw.model.attention import conventions

FOLDER = Path(__file__).parent / "widgets"
MODULES = (  # each imports earlier ones alone
    "rebuild.js",
    "pictures.js",
    "controls.js",
    "export.js",
    "live.js",
    "links.js",
    "sheet.js",
    "cards.js",
    "explorer.js",
)

IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z]+\.js";\n', re.MULTILINE)


# ---- the widget ------------------------------------------------------------------------------


def pack(gallery: Gallery) -> tuple[dict[str, Any], bytes]:
    """A gallery for the browser: a catalogue, and one block of bytes that it points into."""
    block, arrays = bytearray(), {}

    def add(name: str, values: NDArray[Any]) -> None:
        block.extend(bytes(-len(block) % 4))
        arrays[name] = {
            "offset": len(block),
            "shape": list(values.shape),
            "type": str(values.dtype),
        }
        block.extend(np.ascontiguousarray(values).tobytes())

    add("images", gallery.images)
    if gallery.sketch is not None:
        add("sketch", gallery.sketch)
    for recording in gallery.recordings:
        add(f"{recording.name}/initial_canvas", recording.initial_canvas)
        for mode, tracks in recording.modes.items():
            for key, values in tracks.items():
                add(f"{recording.name}/{mode}/{key}", values)
    catalogue = {
        "steps": gallery.steps,
        "imageSize": gallery.images.shape[1],
        "columns": COLUMNS,
        "labels": gallery.labels.tolist(),
        "pairs": gallery.pairs.tolist(),
        "models": [
            _describe(recording) | {"title": heading}
            for recording, heading in zip(gallery.recordings, _headings(gallery), strict=True)
        ],
        "arrays": arrays,
    }
    return catalogue, bytes(block)


def bundle(folder: Path = FOLDER, modules: Iterable[str] = MODULES) -> str:
    """The widget's scripts as the one module that anywidget takes: imports of each other go."""
    scripts = [(folder / name).read_text(encoding="utf-8") for name in modules]
    return "\n".join(IMPORT.sub("", script) for script in scripts)


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


def _describe(recording: Recording) -> dict[str, Any]:
    """What rebuilding needs to know of a model."""
    config, rules = recording.config, conventions(recording.config)
    return {
        "name": recording.name,
        "readSize": config.read_size,
        "writeSize": config.write_size,
        "reads": "read_window" in recording.modes.get("reconstruct", {}),
        "firstIndex": 1 if rules.indexing == "one-based" else 0,
        "wholeNumbers": rules.indexing == "mixed-integer",
        "normaliser": rules.normaliser,
        "exponent": rules.exponent,
    }


def _headings(gallery: Gallery) -> list[str]:
    """Models in words, with their names where the words are the same."""
    words = [title(recording.config) for recording in gallery.recordings]
    return [
        f"{heading} ({recording.name})" if words.count(heading) > 1 else heading
        for heading, recording in zip(words, gallery.recordings, strict=True)
    ]
