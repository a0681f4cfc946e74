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


def save_figure(figure: Figure, path: Path) -> None:
    """Write `path`.png and `path`.svg; the same figure gives the same bytes. Raises `RunError`."""
    for kind, unsaid in (("png", "Software"), ("svg", "Date")):
        drawn = io.BytesIO()
        with mpl.rc_context(STYLE):
            figure.savefig(drawn, format=kind, metadata={unsaid: None})
        write_atomically(path.with_suffix(f".{kind}"), drawn.getvalue())


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
