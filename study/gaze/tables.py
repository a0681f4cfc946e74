"""Where trained models look, as tables and numbers: from the files that `measure` wrote, alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.io.formats.style import Styler
from scipy.special import entr

from dcrw.model.architectures import noise_in_words
from dcrw.training.config import RunConfig
from dcrw.training.files import RunError, exists, read_arrays, read_table
from dcrw.training.run import Run, run_for
from study.finished import profile_of
from study.gaze.measure import ALL, COLUMNS, GazeSettings
from study.names import model_in_words
from study.numbers import Number

SEED = 0
CELLS = {  # cell to profile
    "dcrw-fresh": "paper",
    "dcrw-shared": "paper",
    "draw-fresh": "grid",
    "draw-shared": "grid",
    "dcrw-write-only-fresh": "paper",
    "dcrw-write-only-shared": "paper",
}
MAP_STEPS = (1, 2, 4, 6, 8, 10)
WINDOWS = ("read", "write")
AVERAGED = ("extent", "sigma", "area", "move", "outside", "ink", "focus")  # over steps, in numbers


class Column(NamedTuple):
    """How a column of `summary` is shown."""

    heading: str
    form: str


PATH_COLUMNS = {
    "path": Column("path", "{:.1f}"),
    "spread": Column("spread", "{:.1f}"),
    "own_percent": Column("own (%)", "{:.0f}"),
    "class_percent": Column("class (%)", "{:.0f}"),
    "move": Column("move", "{:.1f}"),
}
SIZE_COLUMNS = {
    "extent": Column("side", "{:.1f}"),
    "sigma": Column("σ", "{:.1f}"),
    "area": Column("area", "{:.0f}"),
    "outside": Column("off", "{:.0%}"),
    "ink": Column("ink", "{:.0%}"),
    "focus": Column("focus", "{:.2f}"),
}


class Recorded(NamedTuple):
    """What `measure.record` found on a run."""

    config: RunConfig
    source: str  # gaze.csv, relative to the project
    table: pd.DataFrame  # gaze.csv, classes and steps as text
    arrays: dict[str, NDArray[Any]]  # gaze.npz

    @property
    def parts(self) -> list[str]:
        """The windows that the model has."""
        return [part for part in WINDOWS if part in self.arrays]

    @property
    def noise(self) -> str:
        """fresh or shared."""
        return noise_in_words(self.config.model.noise_correlation)


def collect(project: Path) -> dict[str, Recorded]:
    """Seed 0 of the cells above, in their order.

    Raises `RunError` where one is not trained, not measured, or measured with other settings than
    its profile's.
    """
    return {cell: _recorded(project, profile, cell) for cell, profile in CELLS.items()}


MEASURE = "Measure the run again (notebooks/gaze.ipynb)."


def read(folder: Path, settings: GazeSettings) -> tuple[pd.DataFrame, dict[str, NDArray[Any]]]:
    """gaze.csv and gaze.npz of a run's folder. Raises `RunError` as `collect`."""
    evaluation = folder / "evaluation"
    if not exists(evaluation / "gaze.json"):
        raise RunError(f"{evaluation}: windows not measured yet (notebooks/gaze.ipynb)")
    run = Run(folder)
    measured = run.measured("gaze.json", MEASURE).get("settings")
    if measured != settings.model_dump():
        raise RunError(
            f"{evaluation}: windows measured with {measured}; the profile asks for "
            f"{settings.model_dump()}. Measure again (notebooks/gaze.ipynb)"
        )
    arrays = read_arrays(run.evaluated("gaze.npz", "gaze.json"), MEASURE)
    table = run.evaluated("gaze.csv", "gaze.json")
    return read_table(table, COLUMNS, MEASURE), arrays


def of_architecture(recorded: Mapping[str, Recorded], architecture: str) -> dict[str, Recorded]:
    """The cells of one model, under all kinds of noise."""
    return {
        cell: entry
        for cell, entry in recorded.items()
        if entry.config.model.architecture == architecture
    }


def mean_digits(recorded: Mapping[str, Recorded]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The classes (K,) and their mean images (K, A, A), which are those of the test split."""
    arrays = next(iter(recorded.values())).arrays
    return arrays["classes"], arrays["mean_images"]


def paths(recorded: Mapping[str, Recorded]) -> pd.DataFrame:
    """Centres by class and step: `x`, `y` and their standard deviations, pixels."""
    tables = []
    for cell, entry in recorded.items():
        wide = _stepped(entry, ("x", "y")).pivot_table(
            index=["class", "part", "step", "images"], columns="quantity", values=["mean", "sd"]
        )
        wide.columns = [quantity if of == "mean" else f"{quantity}_sd" for of, quantity in wide]
        tables.append(_named(wide.reset_index(), cell, entry))
    return pd.concat(tables)


def by_step(recorded: Mapping[str, Recorded], quantities: tuple[str, ...]) -> pd.DataFrame:
    """Mean and standard deviation over images of some quantities, by class and step."""
    return pd.concat(
        _named(_stepped(entry, quantities), cell, entry) for cell, entry in recorded.items()
    )


def maps(recorded: Mapping[str, Recorded]) -> pd.DataFrame:
    """Heat maps at some steps and their mean over all steps: one line per row of pixels, `c0`,
    `c1`, ... the columns; attention of a pixel over that of even attention."""
    tables = []
    for cell, entry in recorded.items():
        for part in entry.parts:
            of_steps = entry.arrays[part].astype(np.float64)
            shown = {str(step): of_steps[step - 1] for step in MAP_STEPS if step <= len(of_steps)}
            for step, heat in (shown | {ALL: of_steps.mean(0)}).items():
                lines = pd.DataFrame(heat.round(3)).add_prefix("c")
                places = {"part": part, "step": step, "row": range(len(heat))}
                tables.append(_named(lines.assign(**places), cell, entry))
    joined = pd.concat(tables)
    first = ["cell", "architecture", "noise", "part", "step", "row"]
    return joined[first + [name for name in joined if name not in first]]


def summary(recorded: Mapping[str, Recorded]) -> pd.DataFrame:
    """One row per cell and window: what the numbers below hold of it."""
    found = gaze_numbers(recorded)
    rows = []
    for cell, entry in recorded.items():
        for part in entry.parts:
            prefix = f"gaze.{cell}.{part}."
            own = {
                key.removeprefix(prefix): number.value
                for key, number in found.items()
                if key.startswith(prefix)
            }
            model = model_in_words(entry.config.model.architecture)
            rows.append({"model": model, "noise": entry.noise, "window": part} | own)
    return pd.DataFrame(rows)


def styled(summary: pd.DataFrame, columns: Mapping[str, Column]) -> Styler:
    """Some columns of `summary` under the headings that a reader sees."""
    headings = {name: column.heading for name, column in columns.items()}
    forms = {column.heading: column.form for column in columns.values()}
    chosen = summary[["model", "noise", "window", *columns]].rename(columns=headings)
    return chosen.style.hide().format(forms).set_table_attributes('class="dataframe"')


def gaze_numbers(recorded: Mapping[str, Recorded]) -> dict[str, Number]:
    """`gaze.<cell>.<read|write|kl>.<quantity>` for the book's prose. Intervals are over images, for
    one training run.

    Of a window: means over steps of what `measure.of_windows` gives, and `wandering`. Of KL:
    `total`; `first` and `last`, at these steps; `steps`, exp of the entropy of the steps' shares: 1
    if one step has all, T if all have the same.
    """
    found = {}
    for cell, entry in recorded.items():
        for part in entry.parts:
            for key, number in _window_numbers(entry, part):
                found[f"gaze.{cell}.{part}.{key}"] = number
        for key, number in _kl_numbers(entry):
            found[f"gaze.{cell}.kl.{key}"] = number
    some = next(iter(recorded.values()))
    images = some.table.loc[some.table["class"] == ALL, "images"].iloc[0]
    found["gaze.images"] = Number(int(images), some.source)
    found["gaze.steps"] = Number(some.config.model.steps, some.source)
    return found


def wandering(table: pd.DataFrame, part: str) -> dict[str, float]:
    """How a window's centre varies, root mean squares in pixels.

    `path`: of the mean centre of each step around their mean; `spread`: of the images' centres
    around the mean of their step. Shares of both squares together: `step_percent`, the path's;
    `own_percent`, the spread's. `class_percent`: the share of the spread's square that lies between
    the means of the classes.
    """
    centres = table[(table.part == part) & table.quantity.isin(["x", "y"]) & (table.step != ALL)]
    every = centres[centres["class"] == ALL].set_index(["quantity", "step"])
    classes = centres[centres["class"] != ALL].set_index(["quantity", "step"])
    steps = every.index.get_level_values("step").nunique()
    squares = every["mean"] - every["mean"].groupby("quantity").transform("mean")
    path = (squares**2).sum() / steps
    spread = (every.sd**2).sum() / steps
    apart = (classes["mean"] - every["mean"].reindex(classes.index)) ** 2 * classes.images
    between = apart.sum() / every.images.iloc[0] / steps
    return {
        "path": float(np.sqrt(path)),
        "spread": float(np.sqrt(spread)),
        "step_percent": float(100 * path / (path + spread)),
        "own_percent": float(100 * spread / (path + spread)),
        "class_percent": float(100 * between / spread),
    }


def _recorded(project: Path, profile: str, cell: str) -> Recorded:
    results = project / "results" / profile
    planned = profile_of(results)
    chosen = [c for c in planned.configs() if c.name == cell and c.training.seed == SEED]
    if not chosen:
        raise RunError(f"configs/{profile}.yaml: no run {cell} with seed {SEED}")
    run = run_for(chosen[0], results)
    run.require_complete()
    settings = GazeSettings(batch_size=planned.evaluation.batch_size, seed=planned.evaluation.seed)
    table, arrays = read(run.folder, settings)
    source = run.folder.relative_to(project) / "evaluation" / "gaze.csv"
    return Recorded(chosen[0], str(source), table, arrays)


def _stepped(entry: Recorded, quantities: tuple[str, ...]) -> pd.DataFrame:
    """The rows of some quantities at single steps, which become numbers."""
    chosen = entry.table.quantity.isin(quantities) & (entry.table.step != ALL)
    return entry.table[chosen].astype({"step": int})


def _named(table: pd.DataFrame, cell: str, entry: Recorded) -> pd.DataFrame:
    """A cell's table, with the cell, its architecture and its noise as first columns."""
    head = {"cell": cell, "architecture": entry.config.model.architecture, "noise": entry.noise}
    named = table.assign(**head)
    return named[[*head, *table.columns]]


def _window_numbers(entry: Recorded, part: str) -> Iterator[tuple[str, Number]]:
    for quantity in AVERAGED:
        yield quantity, _number(entry, part, quantity, ALL)
    for key, value in wandering(entry.table, part).items():
        yield key, Number(value, entry.source)


def _kl_numbers(entry: Recorded) -> Iterator[tuple[str, Number]]:
    steps = entry.config.model.steps
    mean = _number(entry, "latent", "kl", ALL)
    assert mean.interval is not None
    total = (mean.interval[0] * steps, mean.interval[1] * steps)
    yield "total", Number(mean.value * steps, entry.source, mean.n, total)
    yield "first", _number(entry, "latent", "kl", "1")
    yield "last", _number(entry, "latent", "kl", str(steps))
    rows = entry.table[(entry.table.quantity == "kl") & (entry.table["class"] == ALL)]
    share = rows[rows.step != ALL]["mean"].to_numpy() / (mean.value * steps)
    yield "steps", Number(float(np.exp(entr(share).sum())), entry.source)


def _number(entry: Recorded, part: str, quantity: str, step: str) -> Number:
    """The mean over images, with its 95% interval."""
    table = entry.table
    chosen = (table["class"] == ALL) & (table.part == part) & (table.quantity == quantity)
    row = table[chosen & (table.step == step)].iloc[0]
    reach = 1.96 * row.sd / np.sqrt(row.images)
    interval = (float(row["mean"] - reach), float(row["mean"] + reach))
    return Number(float(row["mean"]), entry.source, int(row.images), interval)
