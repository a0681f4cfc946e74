"""The committed runs of all profiles as one table, a row per run, and what is still to be run."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcrw.training.config import RunConfig
from dcrw.training.files import RunError, exists, project_root, read_table
from dcrw.training.run import EVALUATE, run_for
from study.finished import (
    Finished,
    final_minibatches,
    finished_run,
    profile_of,
    row_widths,
    split_row,
)
from study.numbers import Number
from study.statistics import known_interval, student_interval

PROFILES = ("paper", "grid")  # of the first round: the pages on the grid show these
EVERY_PROFILE = (*PROFILES, "round2")
FINAL = 1000  # minibatches at the end of training whose mean is judged
LOSSES = [
    f"{split}_{loss}" for split in ("train", "test", "fresh") for loss in ("lx", "lz", "total")
]


def gathered(
    project: Path | None = None, profiles: Sequence[str] = PROFILES
) -> tuple[list[Finished], list[RunConfig]]:
    """Complete and evaluated runs of the profiles in their order, and the runs still to be made.

    profiles: those of the first round, or EVERY_PROFILE. Raises `RunError` where a run was
    evaluated with other settings than its profile's.
    """
    project = project or project_root()
    done: list[Finished] = []
    missing: list[RunConfig] = []
    for name in profiles:
        results = project / "results" / name
        profile = profile_of(results)
        for config in profile.configs():
            run = run_for(config, results)
            if exists(run.folder / "evaluation" / "evaluation.json"):
                done.append(finished_run(config, run, profile.evaluation))
            else:
                missing.append(config)
    return done, missing


def run_table(entries: Iterable[Finished]) -> pd.DataFrame:
    """One row per run: losses in nats per image, cost, and what it was made with.

    `minutes` are those of its training, its share where it was trained side by side with others;
    `train` is the mean over the last 1,000 minibatches and `train_*_sd` their spread, `test` the
    test split under the noise of training, `fresh` the same weights under fresh noise.
    """
    return pd.DataFrame([_row(entry) for entry in entries])


def cell_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: its iterations and data, and means over its seeds with n and the 95%
    interval of each (Student's t)."""
    rows = []
    for cell, members in table.groupby("cell", sort=False):
        (iterations,), (data,) = members.iterations.unique(), members.data.unique()
        row: dict[str, Any] = {"cell": cell, "n": len(members), "iterations": iterations}
        row["data"] = data
        for name in LOSSES:
            interval = student_interval(members[name].to_numpy())
            row |= {name: members[name].mean(), f"{name}_low": interval[0]}
            row[f"{name}_high"] = interval[1]
        rows.append(row | {"parameters": members.parameters.iloc[0]})
    return pd.DataFrame(rows)


def seed_of(entry: Finished) -> int:
    """The seed of a run."""
    return entry.config.training.seed


def grid_numbers(table: pd.DataFrame, missing: int, source: str) -> dict[str, Number]:
    """Every cell's losses as `grid.<cell>.<loss>`, means over seeds with n and interval, and the
    compute of all runs.

    missing: how many runs of the profiles are still to be trained; source: the table's file.
    """
    found = {
        "grid.runs.done": Number(len(table), source),
        "grid.runs.owed": Number(missing, source),
        "grid.hours": Number(table.minutes.sum() / 60, source),
    }
    for cell, members in table.groupby("cell", sort=False):
        for name in LOSSES:
            values = members[name].to_numpy()
            key = f"grid.{cell}.{name.replace('_', '.', 1)}"
            found[key] = Number(
                values.mean(), source, len(values), known_interval(student_interval(values))
            )
        found[f"grid.{cell}.seeds"] = Number(len(members), source)
        found[f"grid.{cell}.parameters"] = Number(int(members.parameters.iloc[0]), source)
        found[f"grid.{cell}.minutes"] = Number(members.minutes.mean(), source, len(members))
    return found


def block_means(metrics: pd.DataFrame, width: int = FINAL) -> np.ndarray:
    """Mean training total (stretches,) of each stretch of `width` iterations, nats; an unfinished
    last one is left out."""
    totals = pd.DataFrame({"total": metrics.reconstruction + metrics.latent})
    return _blocks(totals, metrics, width).total.to_numpy()


def loss_blocks(metrics: pd.DataFrame, width: int = FINAL) -> pd.DataFrame:
    """The same of `lx` and `lz`, a row per stretch."""
    losses = pd.DataFrame({"lx": metrics.reconstruction, "lz": metrics.latent})
    return _blocks(losses, metrics, width)


def _blocks(values: pd.DataFrame, metrics: pd.DataFrame, width: int) -> pd.DataFrame:
    weights = row_widths(metrics)
    block = (metrics.iteration - 1) // width
    sums = values.mul(weights, axis=0).assign(weight=weights).groupby(block).sum()
    full = sums[sums.weight >= width]
    return full[list(values.columns)].div(full.weight, axis=0).reset_index(drop=True)


def own_seconds(made: dict[str, Any]) -> float:
    """A run's seconds of training, from its provenance: its share, where several runs were trained
    side by side. The first runs were not, and have no list of segments."""
    if "segments" not in made:
        return made["wall_seconds"]
    return sum(part["seconds"] / part.get("side_by_side", 1) for part in made["segments"])


def _row(entry: Finished) -> dict[str, Any]:
    config, made = entry.config, entry.provenance
    final = final_minibatches(entry.run.metrics(), FINAL)
    row: dict[str, Any] = {
        "cell": config.name,
        "architecture": config.model.architecture,
        "noise_correlation": config.model.noise_correlation,
        "seed": config.training.seed,
        "iterations": config.training.iterations,
        "data": config.data.in_words,
    }
    for loss, name in (("lx", "reconstruction"), ("lz", "latent")):
        row[f"train_{loss}"] = final["mean"][name]
        row[f"train_{loss}_sd"] = final.se[name] * np.sqrt(final.n[name])
    row["train_total"] = row["train_lx"] + row["train_lz"]
    for prefix, correlation in (("test", config.model.noise_correlation), ("fresh", 0.0)):
        measured = split_row(entry, "test", correlation)
        row[f"{prefix}_lx"], row[f"{prefix}_lz"] = measured.reconstruction, measured.latent
        row[f"{prefix}_total"] = measured.total
    row["validation_total"] = split_row(entry, "validation", config.model.noise_correlation).total
    return row | {
        "parameters": made["parameters"],
        "minutes": own_seconds(made) / 60,
        "device": made["device"]["type"],
        "threads": made["device"]["threads"],
        "commit": made["software"]["commit"],
        "run": made["run"],
    }


RECORDS = {  # of the tables that are not written with evaluation.json
    "measures": "measures.json",
    "gaze": "gaze.json",
} | dict.fromkeys(("bounds", "correlations", "mechanism", "mechanism_steps"), "forensics.json")


def evaluation_tables(entries: Iterable[Finished], name: str) -> pd.DataFrame:
    """One table of `<run>/evaluation/<name>.csv` of the runs that have one, with `cell` and `seed`
    in front. Raises `RunError` where no run has one, or one is not what its record says."""
    parts = []
    for entry in entries:
        path = entry.run.folder / "evaluation" / f"{name}.csv"
        if exists(path):
            checked = entry.run.evaluated(path.name, RECORDS.get(name, "evaluation.json"))
            part = read_table(checked, {}, EVALUATE)
            part.insert(0, "cell", entry.config.name)
            part.insert(1, "seed", entry.config.training.seed)
            parts.append(part)
    if not parts:
        raise RunError(f"{name}.csv: no run has one yet; measure one (notebooks/forensics.ipynb)")
    return pd.concat(parts, ignore_index=True)
