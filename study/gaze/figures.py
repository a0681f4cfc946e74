"""Pictures of where trained models look, from `tables` alone."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from dcrw.model.architectures import FACTS
from dcrw.model.config import Architecture
from dcrw.training.files import write_table
from study.gaze.measure import ALL
from study.style import PALETTE, STYLE, save_figure

# Lines differ by colour, line style and marker.
PART_LINES: dict[str, Any] = {
    "read": {"color": PALETTE[0], "ls": "-", "marker": "o"},
    "write": {"color": PALETTE[3], "ls": "--", "marker": "s"},
}
NOISE_LINES: dict[str, Any] = {
    "fresh": {"color": "0.15", "ls": "-", "marker": "o", "mfc": "0.15"},
    "shared": {"color": PALETTE[2], "ls": "-.", "marker": "D", "mfc": "white"},
}
BRIGHTEST = 4.0  # of the heat maps; borders can have far more
COLUMNS = 5  # classes in a row of small panels


SIZES = {"extent": "side (pixels)", "area": "area (pixels)"}  # quantities to axis labels
TITLES = {  # a panel stands without the text in which "with attention" means DCRW, in read
    "dcrw": "DCRW, attention in read",
    "dcrw-write-only": "DCRW, no attention in read",
}


def save(figure: Figure, table: pd.DataFrame, path: Path) -> Path:
    """Write a figure as `path`.png and `path`.svg, the table behind it as `path`.csv; returns the
    PNG's path."""
    save_figure(figure, path)
    write_table(path.with_suffix(".csv"), table)
    return path.with_suffix(".png")


def title_of(architecture: Architecture) -> str:
    """What a panel of one model is called."""
    return TITLES.get(architecture, FACTS[architecture].title)


def paths_figure(
    paths: pd.DataFrame, classes: NDArray[Any], mean_images: NDArray[np.uint8]
) -> Figure:
    """Mean centres of one model's windows from step to step, a panel per class, fresh noise above
    shared.

    paths: rows of `tables.paths`; classes: (K,) and mean_images: (K, A, A), drawn faintly
    beneath.
    """
    noises = list(paths.noise.unique())
    rows = -(-len(classes) // COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 1.45 * rows * len(noises) + 0.75), layout="constrained")
        blocks = figure.subfigures(len(noises), 1, squeeze=False, hspace=0.02)[:, 0]
        for noise, block in zip(noises, blocks, strict=True):
            block.suptitle(f"{noise} noise", fontsize=9, x=0.01, ha="left")
            axes = block.subplots(rows, COLUMNS).ravel()
            for axis in axes[len(classes) :]:
                axis.axis("off")
            for axis, label, image in zip(axes, classes, mean_images, strict=False):
                chosen = paths[(paths.noise == noise) & (paths["class"] == str(label))]
                _paths_panel(axis, chosen, image)
                axis.set_title(f"digit {label}", fontsize=8, pad=2)
        figure.legend(
            handles=list(_path_handles(list(paths.part.unique()))),
            loc="outside lower center",
            ncols=6,
            frameon=False,
            fontsize=7.5,
        )
    return figure


def sizes_figure(table: pd.DataFrame, image_size: int) -> Figure:
    """Means over images of windows' sizes by step, with bands of one standard deviation: a column a
    model, a row a quantity and noise. The image's own side and area are dotted.

    table: rows of `tables.by_step` with the quantities of `SIZES`; image_size: A, pixels.
    """
    limits = {"extent": image_size, "area": image_size**2}
    every = table[table["class"] == ALL]
    models, noises = every.architecture.unique(), every.noise.unique()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 1.55 * len(SIZES) * len(noises) + 0.5), layout="constrained")
        rows = [(quantity, noise) for quantity in SIZES for noise in noises]
        axes = figure.subplots(len(rows), len(models), sharex=True, squeeze=False)
        for quantity in SIZES:
            own = [row for row, (name, _) in zip(axes, rows, strict=True) if name == quantity]
            _share_y([axis for row in own for axis in row])
        for (quantity, noise), row in zip(rows, axes, strict=True):
            chosen = every[(every.quantity == quantity) & (every.noise == noise)]
            for model, axis in zip(models, row, strict=True):
                axis.axhline(limits[quantity], color="0.5", ls=":", lw=1.2)
                for part, line in chosen[chosen.architecture == model].groupby("part"):
                    _step_line(axis, line, PART_LINES[str(part)])
            row[0].set_ylabel(f"{noise} noise\n{SIZES[quantity]}", fontsize=8)
        _finish_steps(axes, every, [title_of(model) for model in models])
        parts = [
            Line2D([], [], ms=3.5, lw=1.2, label=f"{part} window", **PART_LINES[part])
            for part in sorted(every.part.unique())
        ]
        parts.append(Line2D([], [], color="0.5", ls=":", lw=1.2, label="the whole image"))
        figure.legend(
            handles=parts, loc="outside lower center", ncols=3, frameon=False, fontsize=7.5
        )
    return figure


def latent_figure(table: pd.DataFrame) -> Figure:
    """Mean KL of each step, a panel per model, bands of one standard deviation.

    table: rows of `tables.by_step`.
    """
    every = table[table["class"] == ALL]
    models = every.architecture.unique()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 2.5), layout="constrained")
        axes = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)
        for axis, model in zip(axes[0], models, strict=True):
            for noise, line in every[every.architecture == model].groupby("noise"):
                _step_line(axis, line, NOISE_LINES[str(noise)])
        axes[0, 0].set_ylabel("KL (nats a step)")
        _finish_steps(axes, every, [title_of(model) for model in models])
        noises = [
            Line2D([], [], ms=3.5, lw=1.2, label=f"{noise} noise", **NOISE_LINES[noise])
            for noise in every.noise.unique()
        ]
        figure.legend(
            handles=noises, loc="outside lower center", ncols=2, frameon=False, fontsize=7.5
        )
    return figure


def maps_figure(maps: pd.DataFrame) -> Figure:
    """Attention of each pixel over that of even attention, one row per cell and window, one column
    per step and one for their mean.

    maps: `tables.maps`.
    """
    steps = list(maps.step.unique())
    lines = list(maps.groupby(["architecture", "noise", "part"], sort=False))
    pixels = [name for name in maps if str(name).removeprefix("c").isdigit()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 0.83 * len(lines) + 0.9), layout="constrained")
        axes = figure.subplots(len(lines), len(steps), squeeze=False)
        for axis, step in zip(axes[0], steps, strict=True):
            axis.set_title("all steps" if step == ALL else f"$t = {step}$", fontsize=8)
        for ((model, noise, part), chosen), row in zip(lines, axes, strict=True):
            for axis, step in zip(row, steps, strict=True):
                heat = chosen[chosen.step == step].sort_values("row")[pixels]
                shown = axis.imshow(
                    heat, cmap="cividis", vmin=0, vmax=BRIGHTEST, interpolation="none"
                )
                _bare(axis)
            name = title_of(model).replace(", ", ",\n")
            label = f"{name}\n{noise} noise, {part}"
            row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7.5)
        figure.colorbar(
            shown,
            ax=axes,
            location="bottom",
            aspect=50,
            fraction=0.02,
            pad=0.01,
            extend="max",
            label="attention of a pixel over that of even attention",
        )
    return figure


def _paths_panel(axis: Axes, paths: pd.DataFrame, image: NDArray[np.uint8]) -> None:
    axis.imshow(image, cmap="gray_r", vmin=0, vmax=600, interpolation="none")
    for part, path in paths.sort_values("step").groupby("part", sort=True):
        style = PART_LINES[str(part)]
        axis.errorbar(
            path.x, path.y, path.y_sd, path.x_sd, fmt="none", ecolor=style["color"], elinewidth=0.6,
            alpha=0.45,
        )  # fmt: skip
        axis.plot(path.x, path.y, style["ls"], color=style["color"], lw=1.3)
        for end, face in ((0, "white"), (-1, style["color"])):
            axis.plot(
                path.x.iloc[end], path.y.iloc[end], style["marker"], ms=5, mfc=face,
                mec=style["color"], mew=1.2,
            )  # fmt: skip
    axis.set_xlim(-0.5, image.shape[1] - 0.5)
    axis.set_ylim(image.shape[0] - 0.5, -0.5)
    _bare(axis)


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set(visible=True, color="0.7", lw=0.6)


def _path_handles(parts: list[str]) -> Iterator[Line2D]:
    for part in sorted(parts):
        style = PART_LINES[part]
        yield Line2D([], [], color=style["color"], ls=style["ls"], lw=1.3, label=f"{part} window")
        for face, end in (("white", "first"), (style["color"], "last")):
            yield Line2D(
                [], [], ls="none", marker=style["marker"], ms=5, mfc=face, mec=style["color"],
                mew=1.2, label=f"{end} step",
            )  # fmt: skip


def _step_line(axis: Axes, line: pd.DataFrame, style: Mapping[str, Any]) -> None:
    line = line.sort_values("step")
    axis.plot(line.step, line["mean"], ms=3.5, lw=1.2, **style)
    low, high = line["mean"] - line.sd, line["mean"] + line.sd
    axis.fill_between(line.step, low, high, color=style["color"], alpha=0.15, lw=0)


def _share_y(axes: Sequence[Axes]) -> None:
    for axis in axes[1:]:
        axis.sharey(axes[0])


def _finish_steps(axes: NDArray[Any], table: pd.DataFrame, titles: Sequence[str]) -> None:
    """Titles above, steps below, and every panel from 0."""
    last = int(table.step.max())
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    for axis in axes[-1]:
        axis.set_xlabel("step $t$")
        axis.set_xticks(range(1, last + 1, 1 if last <= 10 else last // 8))
    for axis in axes[:, 1:].ravel():
        axis.tick_params(labelleft=False)
    for axis in axes.ravel():
        axis.set_ylim(bottom=0)
