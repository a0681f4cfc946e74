"""The explorer's drawings as one still picture, for print. Its only module with matplotlib."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from dcrw.explorer.gallery import Gallery, Recording
from dcrw.explorer.rebuild import rebuild_canvas

READ_COLOUR, WRITE_COLOUR = "#56b4e9", "#de8f05"  # of seaborn's palette "colorblind"


class StripRow(NamedTuple):
    """One image a step, each with the window that is read or written there."""

    title: str
    images: NDArray[Any]  # (T, A, A) in [0, 1]
    windows: NDArray[Any]  # (T, 5) as `evaluation.pixel_windows`
    size: int  # filters per axis
    reads: bool


def strip_rows(gallery: Gallery, names: Collection[str], digit: int) -> list[StripRow]:
    """How the models of those names draw one image of a gallery, in the gallery's order: a row for
    what is read, where they read through a window, and one for the canvas."""
    chosen = [recording for recording in gallery.recordings if recording.name in names]
    image = gallery.images[digit] / 255
    return [row for recording in chosen for row in _rows_of(recording, image, digit)]


def strip_figure(rows: Sequence[StripRow]) -> Figure:
    """Drawings step by step, one column a step: read windows blue and dashed, write windows orange
    and solid, around the outermost filters' centres, their bands as wide as sigma."""
    steps = len(rows[0].images)
    figure = Figure(figsize=(7, 0.9 * len(rows)), dpi=100)
    spaces = {"left": 0, "right": 1, "bottom": 0.05, "top": 0.95, "wspace": 0.05, "hspace": 0.3}
    axes = figure.subplots(len(rows), steps, squeeze=False, gridspec_kw=spaces)
    for row, line in zip(rows, axes, strict=True):
        for image, window, axis in zip(row.images, row.windows, line, strict=True):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            _draw_window(axis, window, row)
            axis.axis("off")
        line[0].set_title(row.title, loc="left", size=7, pad=2)
    for step, axis in enumerate(axes[-1], start=1):
        axis.text(0.5, -0.06, f"{step}", transform=axis.transAxes, ha="center", va="top", size=7)
    return figure


def _rows_of(recording: Recording, image: NDArray[Any], digit: int) -> Iterator[StripRow]:
    tracks, config = recording.modes["reconstruct"], recording.config
    if "read_window" in tracks:
        seen = tracks["read_window"][:, digit]
        shown = np.broadcast_to(image, (len(seen), *image.shape))
        yield StripRow(f"{recording.title}: read", shown, seen, config.read_size, True)
    canvas = rebuild_canvas(recording, "reconstruct")[:, digit].sigmoid().numpy()
    written = tracks["write_window"][:, digit]
    yield StripRow(f"{recording.title}: canvas", canvas, written, config.write_size, False)


def _draw_window(axis: Axes, window: NDArray[Any], row: StripRow) -> None:
    x, y, stride, sigma, _ = window
    side = (row.size - 1) * stride
    colour, style = (READ_COLOUR, "dashed") if row.reads else (WRITE_COLOUR, "solid")
    pixel = axis.get_window_extent().width / row.images.shape[2] * 72 / axis.figure.dpi  # in points
    corner = (x - side / 2, y - side / 2)
    band = {"lw": sigma * pixel, "alpha": 0.35}
    for line in (band, {"lw": 0.9, "ls": style}):
        axis.add_patch(Rectangle(corner, side, side, fill=False, ec=colour, **line))
