"""Pictures of where trained models look, from `tables` alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from study.gaze.measure import ALL
from study.names import model_in_words
from study.style import NARROW, PALETTE, STYLE, WIDE

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
COLUMNS = {WIDE: 5, NARROW: 4}  # classes in a row of small panels


SIZES = {"extent": "side (pixels)", "area": "area (pixels)"}  # quantities to axis labels


def paths_figure(
    paths: pd.DataFrame,
    classes: NDArray[Any],
    mean_images: NDArray[np.uint8],
    width: float = WIDE,
) -> Figure:
    """Mean centres of one model's windows from step to step, a panel per class, fresh noise above
    shared.

    paths: rows of `tables.paths`; classes: (K,) and mean_images: (K, A, A), drawn faintly
    beneath.
    """
    noises = list(paths.noise.unique())
    columns = COLUMNS[width]
    rows = -(-len(classes) // columns)
    height = (width / columns + 0.05) * rows * len(noises) + 0.75
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        blocks = figure.subfigures(len(noises), 1, squeeze=False, hspace=0.02)[:, 0]
        for noise, block in zip(noises, blocks, strict=True):
            block.suptitle(f"{noise} noise", fontsize=9, x=0.01, ha="left")
            axes = block.subplots(rows, columns).ravel()
            for axis in axes[len(classes) :]:
                axis.axis("off")
            for axis, label, image in zip(axes, classes, mean_images, strict=False):
                chosen = paths[(paths.noise == noise) & (paths["class"] == str(label))]
                _paths_panel(axis, chosen, image)
                axis.set_title(f"digit {label}", fontsize=8, pad=2)
        figure.legend(
            handles=list(_path_handles(list(paths.part.unique()))),
            loc="outside lower center",
            ncols=6 if width == WIDE else 3,
            frameon=False,
            fontsize=8,
        )
    return figure


def sizes_figure(table: pd.DataFrame, image_size: int, width: float = WIDE) -> Figure:
    """Means over images of windows' sizes by step, with bands of one standard deviation: a column a
    model, a row a quantity and noise; at `NARROW` a column a quantity, a row a model and noise. The
    image's own side and area are dotted.

    table: rows of `tables.by_step` with the quantities of `SIZES`; image_size: A, pixels.
    """
    limits = {"extent": image_size, "area": image_size**2}
    every = table[table["class"] == ALL]
    models, noises = every.architecture.unique(), every.noise.unique()
    with mpl.rc_context(STYLE):
        if width == WIDE:
            height = 1.55 * len(SIZES) * len(noises) + 0.5
            figure = Figure(figsize=(width, height), layout="constrained")
            axes = figure.subplots(len(SIZES) * len(noises), len(models), squeeze=False)
            places = axes.reshape(len(SIZES), len(noises), len(models))
        else:
            height = 1.5 * len(models) * len(noises) + 0.8
            figure = Figure(figsize=(width, height), layout="constrained")
            axes = figure.subplots(len(models) * len(noises), len(SIZES), squeeze=False)
            places = axes.reshape(len(models), len(noises), len(SIZES)).transpose(2, 1, 0)
        for block, quantity in zip(places, SIZES, strict=True):
            _share_y(list(block.ravel()))
            for row, noise in zip(block, noises, strict=True):
                for axis, model in zip(row, models, strict=True):
                    own = (every.quantity == quantity) & (every.noise == noise)
                    axis.axhline(limits[quantity], color="0.5", ls=":", lw=1.2)
                    for part, line in every[own & (every.architecture == model)].groupby("part"):
                        _step_line(axis, line, PART_LINES[str(part)])
        _finish_steps(axes, every)
        if width == WIDE:
            rows = [f"{noise} noise\n{size}" for size in SIZES.values() for noise in noises]
            _name(axes, rows, [model_in_words(model) for model in models])
            for axis in axes[:, 1:].ravel():
                axis.tick_params(labelleft=False)
        else:
            rows = [f"{_broken(model)},\n{noise} noise" for model in models for noise in noises]
            _name(axes, rows, list(SIZES.values()))
        parts = [
            Line2D([], [], ms=3.5, lw=1.2, label=f"{part} window", **PART_LINES[part])
            for part in sorted(every.part.unique())
        ]
        parts.append(Line2D([], [], color="0.5", ls=":", lw=1.2, label="the whole image"))
        _legend(figure, parts, 3 if width == WIDE else 2)
    return figure


def latent_figure(table: pd.DataFrame, width: float = WIDE) -> Figure:
    """Mean KL of each step, a panel per model, bands of one standard deviation.

    table: rows of `tables.by_step`.
    """
    every = table[table["class"] == ALL]
    models = every.architecture.unique()
    rows, columns = (1, len(models)) if width == WIDE else (len(models), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 2 * rows + 0.5), layout="constrained")
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axis, model in zip(axes.ravel(), models, strict=True):
            for noise, line in every[every.architecture == model].groupby("noise"):
                _step_line(axis, line, NOISE_LINES[str(noise)])
            axis.set_title(model_in_words(model))
        for axis in axes[:, 0]:
            axis.set_ylabel("KL (nats a step)")
        _finish_steps(axes, every)
        noises = [
            Line2D([], [], ms=3.5, lw=1.2, label=f"{noise} noise", **NOISE_LINES[noise])
            for noise in every.noise.unique()
        ]
        _legend(figure, noises, 2)
    return figure


def maps_figure(maps: pd.DataFrame, width: float = WIDE) -> Figure:
    """Attention of each pixel over that of even attention, one row per cell and window, one column
    per step and one for their mean; at `NARROW` a row is named above itself.

    maps: `tables.maps`.
    """
    steps = list(maps.step.unique())
    lines = list(maps.groupby(["architecture", "noise", "part"], sort=False))
    pixels = [name for name in maps if str(name).removeprefix("c").isdigit()]
    with mpl.rc_context(STYLE):
        height = 0.83 if width == WIDE else 0.78
        figure = Figure(figsize=(width, height * len(lines) + 0.9), layout="constrained")
        if width == NARROW:
            figure.set_layout_engine("constrained", h_pad=0.1)
            figure.suptitle("mean attention over the test digits", x=0.04, ha="left")
        axes = figure.subplots(len(lines), len(steps), squeeze=False)
        for axis, step in zip(axes[0 if width == WIDE else -1], steps, strict=True):
            name = "all" if step == ALL else f"$t = {step}$"
            if width == WIDE:
                axis.set_title(name, fontsize=8)
            else:
                axis.set_xlabel(name, fontsize=8)
        for ((model, noise, part), chosen), row in zip(lines, axes, strict=True):
            for axis, step in zip(row, steps, strict=True):
                heat = chosen[chosen.step == step].sort_values("row")[pixels]
                shown = axis.imshow(
                    heat, cmap="cividis", vmin=0, vmax=BRIGHTEST, interpolation="none"
                )
                _bare(axis)
            if width == WIDE:
                label = f"{_broken(model)}\n{noise} noise, {part}"
                row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
            else:
                label = f"{model_in_words(model)}, {noise} noise, {part}"
                place: Any = {"transform": row[0].transAxes, "va": "bottom", "fontsize": 8}
                above = row[0].text(0, 1.04, label, **place)
                above.set_in_layout(False)  # it is wider than its panel
        figure.colorbar(
            shown,
            ax=axes,
            location="bottom",
            aspect=50 if width == WIDE else 30,
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


def _finish_steps(axes: NDArray[Any], table: pd.DataFrame) -> None:
    """Steps below, and every panel from 0."""
    last = int(table.step.max())
    for axis in axes.ravel():
        axis.set_xticks(range(1, last + 1, 1 if last <= 10 else last // 8))
        axis.set_ylim(bottom=0)
    for axis in axes[:-1].ravel():
        axis.tick_params(labelbottom=False)
    for axis in axes[-1]:
        axis.set_xlabel("step $t$")


def _name(axes: NDArray[Any], rows: Sequence[str], columns: Sequence[str]) -> None:
    """Names of rows at the left and of columns above."""
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name)
    for axis, name in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(name, fontsize=8)


def _broken(model: str) -> str:
    """A model in words, on two lines where it has many."""
    return model_in_words(model).replace(" in ", "\nin ")


def _legend(figure: Figure, handles: list[Line2D], columns: int) -> None:
    place: Any = {"loc": "outside lower center", "frameon": False, "fontsize": 8}
    figure.legend(handles=handles, ncols=columns, **place)
