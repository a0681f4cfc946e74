"""The moving picture of the start page: DCRW reads a digit and draws it, and draws samples under
fresh and under shared noise, from the `evaluation/traces.npz` of two runs.

Sizes: T steps, n images of A x A pixels.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from dcrw.model.config import ModelConfig
from dcrw.training.files import write_atomically
from study.paper.figures import sheet
from study.style import PALETTE, STYLE

READ, WRITTEN = PALETTE[9], PALETTE[1]  # the explorer's colours for the two windows
DIGIT = 1  # of the test images: a two
SAMPLES = 16  # of each noise, in rows of four
STEP, LAST = 500, 3000  # milliseconds for which a step stays, and the last one
ZOOM = 4  # pixels of the picture a pixel of a sample, so that edges stay sharp
LAYOUTS = {"wide": (1, 4), "narrow": (2, 2)}  # rows and columns of the four panels
INCHES, DOTS = 1.75, 160  # side of a panel, and dots an inch: sharp on a dense screen


class Panel(NamedTuple):
    """One of the four panels over all steps."""

    title: str  # may name {step} and {steps}
    images: NDArray[Any]  # (T, H, W) grey values 0 to 255
    windows: NDArray[Any] | None = None  # (T, 5) as `evaluation.pixel_windows`
    size: int = 0  # filters per axis
    colour: Any = None


def panels(
    fresh: Mapping[str, NDArray[Any]],
    shared: Mapping[str, NDArray[Any]],
    config: ModelConfig,
    digit: int,
) -> list[Panel]:
    """What is read, what is drawn, and samples under both kinds of noise.

    fresh, shared: `finished.traces` of a model with attention in read trained with each; digit:
    which image of `fresh` is drawn. Raises `IndexError` where there is none of that number.
    """
    canvas = fresh["reconstructed_canvas"][:, digit]
    image = np.broadcast_to(fresh["images"][digit], canvas.shape)
    read, written = (fresh[f"reconstructed_{kind}_window"][:, digit] for kind in ("read", "write"))
    samples = [
        np.stack([sheet(step[:SAMPLES], rows=4) for step in traces["generated_canvas"]])
        for traces in (fresh, shared)
    ]
    return [
        Panel("It looks …", image, read, config.read_size, READ),
        Panel("… and draws, step {step} of {steps}", canvas, written, config.write_size, WRITTEN),
        Panel("Samples: fresh noise", samples[0]),
        Panel("Samples: one noise reused", samples[1]),
    ]


def frames(shown: Sequence[Panel], layout: str) -> list[Image.Image]:
    """One picture a step, in one of the LAYOUTS."""
    rows, columns = LAYOUTS[layout]
    found = []
    for step in range(len(shown[0].images)):
        with mpl.rc_context(STYLE):
            figure = Figure((INCHES * columns, (INCHES + 0.2) * rows), dpi=DOTS)
            canvas = FigureCanvasAgg(figure)
            spaces = {"left": 0.002, "right": 0.998, "bottom": 0.01, "wspace": 0.04}
            top = 1 - 0.2 / figure.get_figheight()
            axes = figure.subplots(rows, columns, squeeze=False)
            figure.subplots_adjust(**spaces, top=top, hspace=0.14)
            for panel, axis in zip(shown, axes.flat, strict=True):
                _draw(axis, panel, step)
            canvas.draw()
            found.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    return found


def save(pictures: Sequence[Image.Image], path: Path) -> None:
    """Write a WebP that moves for ever, and its last frame as another, whose name ends in `_still`.

    path: without the ending. The same pictures give the same bytes.
    """
    durations = [STEP] * (len(pictures) - 1) + [LAST]
    moving = _webp(pictures[0], list(pictures[1:]), duration=durations, loop=0)
    write_atomically(path.with_suffix(".webp"), moving)
    write_atomically(path.with_name(f"{path.name}_still.webp"), _webp(pictures[-1], []))


def _webp(first: Image.Image, others: list[Image.Image], **settings: Any) -> bytes:
    file = io.BytesIO()
    further: dict[str, Any] = {"save_all": True, "append_images": others} if others else {}
    first.save(file, "WEBP", lossless=True, quality=80, method=6, **further, **settings)
    return file.getvalue()


def _draw(axis: Axes, panel: Panel, step: int) -> None:
    image = panel.images[step].repeat(ZOOM, 0).repeat(ZOOM, 1)
    height, width = panel.images[step].shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent)
    title = panel.title.format(step=step + 1, steps=len(panel.images))
    axis.set_title(title, loc="left", size=7.5, pad=3)
    axis.axis("off")
    if panel.windows is not None:
        x, y, stride, _, _ = panel.windows[step]
        side = (panel.size - 1) * stride
        corner = (x - side / 2, y - side / 2)
        axis.add_patch(Rectangle(corner, side, side, fill=False, ec=panel.colour, lw=1.6))
        axis.set(xlim=extent[:2], ylim=extent[2:])
