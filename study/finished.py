"""Finished, evaluated runs as the rest of the study reads them: from files under results/ alone."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.training.config import EvaluationConfig, RunConfig
from dcrw.training.files import (
    RunError,
    exists,
    listed_digest,
    project_root,
    read_arrays,
    read_record,
    read_table,
    recorded_digest,
)
from dcrw.training.profiles import Profile, load_profile
from dcrw.training.run import EVALUATE, Run, run_for

LOSSES = {
    "split": str,
    "noise_correlation": float,
    "images": int,
    "reconstruction": float,
    "latent": float,
    "total": float,
}
LEVELS = {"split": str, "images": int, "entropy": float, "mean_image": float}  # of data.csv


class Finished(NamedTuple):
    """A trained and evaluated run."""

    config: RunConfig
    run: Run
    losses: pd.DataFrame  # evaluation/losses.csv
    provenance: dict[str, Any]


def profile_of(results: Path) -> Profile:
    """The profile whose results a folder holds. Raises `ConfigError`."""
    return load_profile(project_root() / "configs" / f"{results.name}.yaml")


def finished(results: Path) -> list[Finished]:
    """All runs of the profile, in its order.

    Raises `RunError` where one is unfinished, or was evaluated with other settings.
    """
    profile = profile_of(results)
    return [
        finished_run(config, run_for(config, results), profile.evaluation)
        for config in profile.configs()
    ]


def finished_run(config: RunConfig, run: Run, settings: EvaluationConfig) -> Finished:
    """A run with what was measured of it.

    Raises `RunError` where it is unfinished, where the folder holds another run, or where it was
    evaluated with other settings.
    """
    run.require(config)
    provenance, folder = run.provenance, run.folder / "evaluation"
    if not exists(folder / "evaluation.json"):
        raise RunError(f"{folder}: not evaluated yet (notebooks/evaluate.ipynb)")
    measured = run.measured().get("settings")
    if measured != settings.model_dump():
        raise RunError(
            f"{folder}: evaluated with {measured}; the profile asks for {settings.model_dump()}. "
            "Evaluate again (make reevaluate)"
        )
    losses = read_table(run.evaluated("losses.csv"), LOSSES, EVALUATE)
    return Finished(config, run, losses, provenance)


def cells(results: Path) -> dict[str, list[Finished]]:
    """The runs by label: one cell is one setting with its seeds."""
    return {
        label: list(members)
        for label, members in groupby(finished(results), lambda entry: entry.config.name)
    }


def traces(entry: Finished) -> dict[str, np.ndarray]:
    """The run's drawings, `evaluation/traces.npz`: arrays as `dcrw.training.evaluation.traces`
    makes them. Raises `RunError` where the file is missing, changed or lacks one that is shown."""
    names = ("images", "labels", "generated_canvas", "reconstructed_canvas")
    return read_arrays(entry.run.evaluated("traces.npz"), EVALUATE, names=names)


def recorded_table(path: Path, columns: Mapping[str, Any], way_out: str) -> pd.DataFrame:
    """A table `x.csv` with its record `x.json` beside it, or one that the manifest of committed
    results holds. Raises `RunError` where it is missing, changed, damaged, or held by neither."""
    record = path.with_suffix(".json")
    digest = recorded_digest(read_record(record, way_out), path.name) if exists(record) else None
    if digest is None and listed_digest(path) is None:
        raise RunError(f"{path}: there is no {record.name} beside it that holds it. {way_out}")
    return read_table(path, columns, way_out, digest)


def data_levels(results: Path) -> pd.DataFrame:
    """`data.csv` of a profile, by split: levels of L_x that need no model. Raises `RunError`."""
    way_out = "Look at the data again (notebooks/data.ipynb)."
    levels = recorded_table(results / "data.csv", LEVELS, way_out).set_index("split")
    if "train" not in levels.index:
        raise RunError(f"{results / 'data.csv'}: has no row train. {way_out}")
    return levels


def split_row(entry: Finished, split: str, correlation: float) -> pd.Series:
    """The row of losses.csv for a split under one correlation of the noise. Raises `RunError`."""
    rows = entry.losses[
        (entry.losses.split == split) & np.isclose(entry.losses.noise_correlation, correlation)
    ]
    if rows.empty:
        raise RunError(
            f"{entry.run.folder}: losses.csv has no row of split {split} under noise of "
            f"correlation {correlation}. {EVALUATE}"
        )
    return rows.iloc[0]


def row_widths(metrics: pd.DataFrame) -> pd.Series:
    """How many iterations each row of metrics.csv averages."""
    return metrics.iteration.diff().fillna(metrics.iteration.iloc[0])


def final_minibatches(metrics: pd.DataFrame, count: int) -> pd.DataFrame:
    """Mean and standard error of L_x and L_z over the last `count` training minibatches.

    Index `reconstruction`, `latent`; columns `mean`, `se`, `n`. The standard error takes
    minibatches for independent.
    """
    widths = row_widths(metrics)
    last = metrics.iteration > metrics.iteration.iloc[-1] - count
    tail, weights = metrics[last], widths[last] / widths[last].sum()
    rows = {}
    for name in ("reconstruction", "latent"):
        mean = (weights * tail[name]).sum()
        variance = (weights * (tail[f"{name}_std"] ** 2 + (tail[name] - mean) ** 2)).sum()
        rows[name] = {
            "mean": mean,
            "se": np.sqrt(variance / widths[last].sum()),
            "n": int(widths[last].sum()),
        }
    return pd.DataFrame(rows).T
