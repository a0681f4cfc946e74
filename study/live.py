"""Figures of the book that answer when touched: what one shows, as JSON in the page.

A notebook displays a `Live` figure; the book adds the scripts of its kind, `book/assets/figures`
(`book/_ext/dcrw_live.py`). What the same cell displays after it is its still, for print and where
scripts are off.
"""

import base64
import html
import io
import json
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LEVELS = 16  # grey levels of pictures: half the bits, and no difference that a reader sees
NO_SCRIPTS = "<noscript><p>This figure answers where scripts are allowed.</p></noscript>"


class Live(NamedTuple):
    """A figure of a kind that a script of the book draws from `state`."""

    kind: str  # names book/assets/figures/<kind>.js
    state: dict[str, Any]  # plain values and arrays; what is not finite becomes null

    def _repr_html_(self) -> str:
        """The element, as a notebook shows it."""
        text = json.dumps(plain(self.state), separators=(",", ":"), allow_nan=False)
        text = text.replace("<", chr(92) + "u003c")  # no markup can end the script
        inside = f'<script type="application/json" class="state">{text}</script>'
        kind = html.escape(self.kind)
        return f'<div class="dcrw-live" data-kind="{kind}">{inside}{NO_SCRIPTS}</div>'


class Still(NamedTuple):
    """A picture that a notebook shows beneath a figure."""

    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png


def pixels(address: str) -> NDArray[np.uint8]:
    """Grey values (height, width) of what `sheet` and `film` made."""
    data = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def plain(value: Any) -> Any:
    """Values as JSON has them: NumPy's as Python's, named tuples as objects, and None for what is
    not finite. Floats keep nine significant digits."""
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value


def sheet(images: NDArray[np.uint8], columns: int) -> str:
    """Pictures (n, A, A) in rows of `columns`, as the address of a PNG with 16 grey levels.

    Raises `ValueError` where `columns` does not divide n.
    """
    return film(images[None], columns)


def film(steps: NDArray[np.uint8], columns: int) -> str:
    """The same for every step of (T, n, A, A): T sheets side by side in one picture.

    Raises `ValueError` where `columns` does not divide n.
    """
    count, number, height, width = steps.shape
    if number % columns:
        raise ValueError(f"columns = {columns}: expected a divisor of the number, {number}")
    tiles = steps.reshape(count, number // columns, columns, height, width)
    sheets = tiles.transpose(1, 3, 0, 2, 4).reshape(number // columns * height, -1)
    step = 255 / (LEVELS - 1)
    levels = np.round(sheets / step).astype(np.uint8)
    picture = Image.fromarray(levels, mode="P")
    picture.putpalette([round(level * step) for level in range(LEVELS) for _ in "rgb"])
    written = io.BytesIO()
    picture.save(written, "PNG", bits=4, optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()
