"""Finished, evaluated runs as the rest of the study reads them: from files under results/ alone."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.training.config import EvaluationConfig, RunConfig
from dcrw.training.files import RunError, project_root
from dcrw.training.profiles import Profile, load_profile
from dcrw.training.run import Run, run_for


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

    Raises `RunError` where it is unfinished, or was evaluated with other settings.
    """
    provenance, folder = run.provenance, run.folder / "evaluation"
    if not (folder / "evaluation.json").exists():
        raise RunError(f"{folder}: not evaluated yet (notebooks/evaluate.ipynb)")
    measured = json.loads((folder / "evaluation.json").read_text())["settings"]
    if measured != settings.model_dump():
        raise RunError(
            f"{folder}: evaluated with {measured}; the profile asks for {settings.model_dump()}. "
            "Evaluate again (make reevaluate)"
        )
    return Finished(config, run, pd.read_csv(folder / "losses.csv"), provenance)


def cells(results: Path) -> dict[str, list[Finished]]:
    """The runs by label: one cell is one setting with its seeds."""
    return {
        label: list(members)
        for label, members in groupby(finished(results), lambda entry: entry.config.name)
    }


def traces(entry: Finished) -> dict[str, np.ndarray]:
    """The run's drawings: `evaluation/traces.npz`."""
    with np.load(entry.run.folder / "evaluation" / "traces.npz", allow_pickle=False) as file:
        return dict(file)


def split_row(entry: Finished, split: str, correlation: float) -> pd.Series:
    """The row of losses.csv for a split under one correlation of the noise."""
    rows = entry.losses[
        (entry.losses.split == split) & np.isclose(entry.losses.noise_correlation, correlation)
    ]
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
