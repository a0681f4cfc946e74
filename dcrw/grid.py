"""The committed runs of all profiles as one table, a row a run, and what is still to be run."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dcrw import report, runs
from dcrw.config import RunConfig
from dcrw.report import Finished
from dcrw.runs import run_for

PROFILES = ("paper", "grid")
FINAL = 1000  # minibatches at the end of training whose mean is judged


def gathered(project: Path | None = None) -> tuple[list[Finished], list[RunConfig]]:
    """Complete and evaluated runs of the profiles in their order, and the runs still owed.

    Raises `RunError` where a run was evaluated with other settings than its profile's.
    """
    project = project or runs.project_root()
    done: list[Finished] = []
    owed: list[RunConfig] = []
    for name in PROFILES:
        results = project / "results" / name
        profile = report.profile_of(results)
        for config in profile.configs():
            run = run_for(config, results)
            if (run.folder / "evaluation" / "evaluation.json").exists():
                done.append(report.finished_run(config, run, profile.evaluation))
            else:
                owed.append(config)
    return done, owed


def run_table(entries: Iterable[Finished]) -> pd.DataFrame:
    """One row a run: losses in nats an image, cost, and what it was made with.

    `train` is the mean over the last 1,000 minibatches and `train_*_sd` their spread, `test` the
    test split under the noise of training, `fresh` the same weights under fresh noise.
    """
    return pd.DataFrame([_row(entry) for entry in entries])


def cell_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: means over its seeds with n and the 95% interval of each (Student's t)."""
    rows = []
    for cell, members in table.groupby("cell", sort=False):
        row: dict[str, Any] = {"cell": cell, "n": len(members)}
        for name in members.columns[members.columns.str.match("(train|test|fresh)_")]:
            interval = student_interval(members[name].to_numpy())
            row |= {name: members[name].mean(), f"{name}_low": interval[0]}
            row[f"{name}_high"] = interval[1]
        rows.append(row | {"parameters": members.parameters.iloc[0]})
    return pd.DataFrame(rows)


def student_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """95% interval of a mean over seeds (Student's t); not a number below two seeds."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    reach = student(len(values)) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - reach, values.mean() + reach


def student(n: int) -> float:
    """The factor of a 95% interval over n seeds. Raises `ValueError` below two."""
    if n < 2:
        raise ValueError(f"n = {n}: expected at least 2 seeds")
    return float(stats.t.ppf(0.975, n - 1))


def block_means(metrics: pd.DataFrame, width: int = FINAL) -> np.ndarray:
    """Mean training total of each stretch of `width` iterations; an unfinished last one is left
    out."""
    weights = metrics.iteration.diff().fillna(metrics.iteration.iloc[0])
    totals = (metrics.reconstruction + metrics.latent) * weights
    block = (metrics.iteration - 1) // width
    sums = pd.DataFrame({"total": totals, "weight": weights}).groupby(block).sum()
    full = sums[sums.weight >= width]
    return (full.total / full.weight).to_numpy()


def _row(entry: Finished) -> dict[str, Any]:
    config, made = entry.config, entry.provenance
    final = report.final_minibatches(entry.run.metrics(), FINAL)
    row: dict[str, Any] = {
        "cell": config.name,
        "architecture": config.model.architecture,
        "noise_correlation": config.model.noise_correlation,
        "seed": config.training.seed,
        "iterations": config.training.iterations,
    }
    for loss, name in (("lx", "reconstruction"), ("lz", "latent")):
        row[f"train_{loss}"] = final["mean"][name]
        row[f"train_{loss}_sd"] = final.se[name] * np.sqrt(final.n[name])
    row["train_total"] = row["train_lx"] + row["train_lz"]
    for prefix, correlation in (("test", config.model.noise_correlation), ("fresh", 0.0)):
        measured = report.split_row(entry, "test", correlation)
        row[f"{prefix}_lx"], row[f"{prefix}_lz"] = measured.reconstruction, measured.latent
        row[f"{prefix}_total"] = measured.total
    row["validation_total"] = report.split_row(
        entry, "validation", config.model.noise_correlation
    ).total
    return row | {
        "parameters": made["parameters"],
        "wall_minutes": made["wall_seconds"] / 60,
        "device": made["device"]["type"],
        "threads": made["device"]["threads"],
        "commit": made["software"]["commit"],
        "run": made["run"],
    }


def measures_of(entry: Finished) -> dict[str, Any]:
    """What `measures.json` holds of a run. Raises `RunError` where it is not measured yet."""
    path = entry.run.folder / "evaluation" / "measures.json"
    if not path.exists():
        raise runs.RunError(f"{path}: not measured yet (notebooks/measure.ipynb)")
    return json.loads(path.read_text())
