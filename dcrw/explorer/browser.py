"""What the browser is given: arrays as one block of bytes with a catalogue, and the scripts as one
module."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcrw.explorer.gallery import COLUMNS, Gallery
from dcrw.model.attention import conventions
from dcrw.model.config import ModelConfig

FOLDER = Path(__file__).parent / "widgets"
BASE = ("page.js", "controls.js", "pictures.js")  # what figures of a page share
MODULES = (  # of the explorer; each imports earlier ones alone
    "rebuild.js",
    *BASE,
    "model.js",
    "own.js",
    "pad.js",
    "export.js",
    "live.js",
    "links.js",
    "sheet.js",
    "cards.js",
    "keys.js",
    "share.js",
    "explorer.js",
)
PAGE_MODULES = (*MODULES, "explorer_page.js")  # of the explorer without a kernel
IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z_]+\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
DEFAULT = re.compile(r"^export default .*;\n", re.MULTILINE)


class Block:
    """Arrays one after another in one block of bytes, each aligned to four, and where they lie."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.arrays: dict[str, dict[str, Any]] = {}  # name to offset in bytes, shape and type

    def add(self, name: str, values: NDArray[Any]) -> None:
        """Append an array; `widgets/rebuild.js` reads float16, float32 and uint8."""
        self.bytes.extend(bytes(-len(self.bytes) % 4))
        self.arrays[name] = {
            "offset": len(self.bytes),
            "shape": list(values.shape),
            "type": str(values.dtype),
        }
        self.bytes.extend(np.ascontiguousarray(values).tobytes())


def pack(gallery: Gallery) -> tuple[dict[str, Any], bytes]:
    """A gallery for the browser: a catalogue, and the block of bytes that it points into."""
    block = Block()
    block.add("images", gallery.images)
    if gallery.sketch is not None:
        block.add("sketch", gallery.sketch)
    for recording in gallery.recordings:
        block.add(f"{recording.name}/initial_canvas", recording.initial_canvas)
        for mode, tracks in recording.modes.items():
            for key, values in tracks.items():
                block.add(f"{recording.name}/{mode}/{key}", values)
    catalogue = {
        "steps": gallery.steps,
        "imageSize": gallery.images.shape[1],
        "columns": COLUMNS,
        "labels": _labels(gallery),
        "pairs": gallery.pairs.tolist(),
        "models": [
            {
                "name": recording.name,
                "title": heading,
                "reads": "read_window" in recording.modes.get("reconstruct", {}),
                **describe_windows(recording.config),
            }
            for recording, heading in zip(gallery.recordings, _headings(gallery), strict=True)
        ],
        "arrays": block.arrays,
    }
    return catalogue, bytes(block.bytes)


def describe_windows(config: ModelConfig) -> dict[str, Any]:
    """What `widgets/rebuild.js` needs to know of a model to rebuild its filters (Eq. 13-20)."""
    rules = conventions(config)
    return {
        "readSize": config.read_size,
        "writeSize": config.write_size,
        "firstIndex": 1 if rules.indexing == "one-based" else 0,
        "wholeNumbers": rules.indexing == "mixed-integer",
        "normaliser": rules.normaliser,
        "exponent": rules.exponent,
    }


def bundle(folder: Path = FOLDER, modules: Iterable[str] = MODULES) -> str:
    """Scripts as the one module that anywidget takes: imports of each other go."""
    scripts = [(folder / name).read_text(encoding="utf-8") for name in modules]
    return "\n".join(IMPORT.sub("", script) for script in scripts)


def classic(folder: Path = FOLDER, modules: Iterable[str] = PAGE_MODULES) -> str:
    """Scripts as one that a page can load from a folder, where a browser takes no modules."""
    module = DEFAULT.sub("", EXPORT.sub("", bundle(folder, modules)))
    return f'(() => {{\n"use strict";\n{module}}})();\n'


def block_script(name: str, block: str) -> str:
    """The script that puts a block of bytes, in base64, into a page; it keeps it by that name."""
    return (
        "window.dcrwBlocks = window.dcrwBlocks || {};\n"
        f"window.dcrwBlocks[{json.dumps(name)}] = {json.dumps(block)};\n"
    )


def _labels(gallery: Gallery) -> list[Any]:
    """The images' classes: their names where these were kept, else numbers."""
    names = gallery.about.get("data", {}).get("classes")
    numbers = gallery.labels.tolist()
    return [names[label] for label in numbers] if names else numbers


def _headings(gallery: Gallery) -> list[str]:
    """Models in words, with their names where the words are the same."""
    words = [recording.title for recording in gallery.recordings]
    return [
        f"{heading} ({recording.name})" if words.count(heading) > 1 else heading
        for heading, recording in zip(words, gallery.recordings, strict=True)
    ]
