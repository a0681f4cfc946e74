"""How all figures look, and how they are saved."""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure

from dcrw.training.files import write_atomically

STYLE: Any = {
    "svg.hashsalt": "dcrw",
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
PALETTE = sns.color_palette("colorblind")
WIDE, NARROW = 7.0, 3.7  # inches: of a page, and of a phone, where text of 9 points stays legible


def save_figure(figure: Figure, path: Path, narrow: Figure | None = None) -> None:
    """Write `path`.png and `path`.svg; the same figure gives the same bytes. Raises `RunError`.

    narrow: the same drawn for a phone, written with `_narrow` at the end of its name.
    """
    _write(figure, path.with_suffix(".png"))
    _write(figure, path.with_suffix(".svg"))
    if narrow is not None:
        _write(narrow, path.with_name(f"{path.name}_narrow.png"))


def _write(figure: Figure, path: Path) -> None:
    kind = path.suffix.removeprefix(".")
    unsaid = {"png": "Software", "svg": "Date"}[kind]
    drawn = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(drawn, format=kind, metadata={unsaid: None})
    write_atomically(path, drawn.getvalue())


NOISE_STYLES = {
    "fresh": ("-", PALETTE[0]),
    "shared": ("--", PALETTE[1]),
    "lineage": (":", PALETTE[2]),
}
MODEL_STYLES = {  # of curves that are no single noise's
    "dcrw": ("-", PALETTE[0]),
    "dcrw-write-only": ("--", PALETTE[1]),
    "draw": (":", PALETTE[2]),
    "dcrw-whole-image": ("-.", PALETTE[4]),
    "dcrw-stepwise": ("-", PALETTE[7]),
}
MARKERS = {"dcrw": "o", "dcrw-write-only": "s", "draw": "^"}
BRIDGES = {"dcrw-whole-image": "P", "dcrw-stepwise": "X"}


def noise_of(cell: str) -> str:
    """The noise that a cell's name ends with; fresh where it names none."""
    return next((noise for noise in NOISE_STYLES if cell.endswith(noise)), "fresh")


def model_of(cell: str) -> str:
    """A cell's name without its noise."""
    return cell.removesuffix(f"-{noise_of(cell)}")
