"""The committed runs of all profiles as one table, a row a run, and what is still to be run."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dcrw import metrics, report, runs
from dcrw.config import RunConfig
from dcrw.numbers import Number
from dcrw.report import Finished
from dcrw.runs import run_for

PROFILES = ("paper", "grid")
FINAL = 1000  # minibatches at the end of training whose mean is judged
LOSSES = [
    f"{split}_{loss}" for split in ("train", "test", "fresh") for loss in ("lx", "lz", "total")
]


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

    `minutes` are those of its training, its share where it was trained side by side with others;
    `train` is the mean over the last 1,000 minibatches and `train_*_sd` their spread, `test` the
    test split under the noise of training, `fresh` the same weights under fresh noise.
    """
    return pd.DataFrame([_row(entry) for entry in entries])


def cell_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: its iterations, and means over its seeds with n and the 95% interval of each
    (Student's t)."""
    rows = []
    for cell, members in table.groupby("cell", sort=False):
        (iterations,) = members.iterations.unique()
        row: dict[str, Any] = {"cell": cell, "n": len(members), "iterations": iterations}
        for name in LOSSES:
            interval = student_interval(members[name].to_numpy())
            row |= {name: members[name].mean(), f"{name}_low": interval[0]}
            row[f"{name}_high"] = interval[1]
        rows.append(row | {"parameters": members.parameters.iloc[0]})
    return pd.DataFrame(rows)


def ablation_table(entries: Sequence[Finished], reference: str = "dcrw-fresh") -> pd.DataFrame:
    """One row for each run that is shorter than the reference: what else differs, and L_x and L_z
    at its end beside the reference's at that iteration (means over the last 1,000 minibatches up to
    there, seed 0).

    Raises `RunError` where the reference is missing.
    """
    base = [entry for entry in entries if (entry.config.name, _seed(entry)) == (reference, 0)]
    if not base:
        raise runs.RunError(f"{reference}, seed 0: not complete; ablations are compared with it")
    config, path = base[0].config, base[0].run.metrics()
    rows = []
    for entry in entries:
        length = entry.config.training.iterations
        if length >= config.training.iterations or _seed(entry) != 0:
            continue
        row: dict[str, Any] = {"cell": entry.config.name, "change": _change(entry.config, config)}
        row["iterations"] = length
        for prefix, table in (("", entry.run.metrics()), ("reference_", path)):
            means = _means_until(table, length)
            row |= {f"{prefix}lx": means["reconstruction"], f"{prefix}lz": means["latent"]}
        total = row["lx"] + row["lz"]
        rows.append(row | {"difference": total - row["reference_lx"] - row["reference_lz"]})
    columns = ["cell", "change", "iterations", "lx", "lz", "reference_lx", "reference_lz"]
    return pd.DataFrame(rows, columns=[*columns, "difference"])


def seed_differences(
    entries: Sequence[Finished], iterations: int, reference: str = "dcrw-fresh"
) -> list[float]:
    """L_x + L_z of the reference's other seeds less that of seed 0, each the mean over the 1,000
    minibatches before `iterations`: how far runs are apart that nothing was changed in."""
    totals = {}
    for entry in entries:
        if entry.config.name == reference:
            means = _means_until(entry.run.metrics(), iterations)
            totals[_seed(entry)] = means["reconstruction"] + means["latent"]
    return [total - totals[0] for seed, total in sorted(totals.items()) if seed]


def _means_until(path: pd.DataFrame, iteration: int) -> pd.Series:
    """Mean losses over the 1,000 minibatches up to an iteration."""
    return report.final_minibatches(path[path.iteration <= iteration], FINAL)["mean"]


def _seed(entry: Finished) -> int:
    return entry.config.training.seed


def _change(config: RunConfig, reference: RunConfig) -> str:
    """The settings that differ, besides name and length, as `name = value`."""
    own, other = config.parameters(), reference.parameters()
    return ", ".join(
        f"{name} = {value}"
        for name, value in own.items()
        if value != other[name] and name not in ("name", "iterations")
    )


def grid_numbers(table: pd.DataFrame, owed: int, source: str) -> dict[str, Number]:
    """Every cell's losses as `grid.<cell>.<loss>`, means over seeds with n and interval, and the
    compute of all runs.

    owed: runs of the profiles that are still to be trained; source: the file that holds the table.
    """
    found = {
        "grid.runs.done": Number(len(table), source),
        "grid.runs.owed": Number(owed, source),
        "grid.hours": Number(table.minutes.sum() / 60, source),
    }
    for cell, members in table.groupby("cell", sort=False):
        for name in LOSSES:
            values = members[name].to_numpy()
            key = f"grid.{cell}.{name.replace('_', '.', 1)}"
            found[key] = Number(
                values.mean(), source, len(values), _known(student_interval(values))
            )
        found[f"grid.{cell}.seeds"] = Number(len(members), source)
        found[f"grid.{cell}.parameters"] = Number(int(members.parameters.iloc[0]), source)
        found[f"grid.{cell}.minutes"] = Number(members.minutes.mean(), source, len(members))
    return found


def _known(interval: tuple[float, float]) -> tuple[float, float] | None:
    return None if np.isnan(interval[0]) else interval


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
    weights = report.row_widths(metrics)
    totals = (metrics.reconstruction + metrics.latent) * weights
    block = (metrics.iteration - 1) // width
    sums = pd.DataFrame({"total": totals, "weight": weights}).groupby(block).sum()
    full = sums[sums.weight >= width]
    return (full.total / full.weight).to_numpy()


def own_seconds(made: dict[str, Any]) -> float:
    """A run's seconds of training, from its provenance: its share, where several runs were trained
    side by side. The first runs were not, and have no list of segments."""
    if "segments" not in made:
        return made["wall_seconds"]
    return sum(part["seconds"] / part.get("side_by_side", 1) for part in made["segments"])


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
        "minutes": own_seconds(made) / 60,
        "device": made["device"]["type"],
        "threads": made["device"]["threads"],
        "commit": made["software"]["commit"],
        "run": made["run"],
    }


def measure_table(entries: Iterable[Finished]) -> pd.DataFrame:
    """One row a run that has been measured: `cell`, `seed`, and the scalars of measures.json."""
    rows = []
    for entry in entries:
        path = entry.run.folder / "evaluation" / "measures.json"
        if path.exists():
            scalars = json.loads(path.read_text())["measures"]
            values = {name: number["value"] for name, number in scalars.items()}
            rows.append({"cell": entry.config.name, "seed": entry.config.training.seed} | values)
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["cell", "seed"])


def evaluation_tables(entries: Iterable[Finished], name: str) -> pd.DataFrame:
    """One table of `<run>/evaluation/<name>.csv` of the runs that have one, with `cell` and `seed`
    in front."""
    parts = []
    for entry in entries:
        path = entry.run.folder / "evaluation" / f"{name}.csv"
        if path.exists():
            part = pd.read_csv(path)
            part.insert(0, "cell", entry.config.name)
            part.insert(1, "seed", entry.config.training.seed)
            parts.append(part)
    if not parts:
        raise runs.RunError(f"{name}.csv: no run has one yet (notebooks/forensics.ipynb)")
    return pd.concat(parts, ignore_index=True)


def sharpness_table(entries: Sequence[Finished]) -> pd.DataFrame:
    """How much sharper the variant with attention draws, by noise, seed and mode: mean difference
    and p of the registered permutation test (claim c).

    Reconstructions are paired by image, samples from the prior are not.
    """
    arrays = {}
    for entry in entries:
        path = entry.run.folder / "evaluation" / "measures.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as file:
                arrays[entry.config.name, entry.config.training.seed] = dict(file)
    rows = []
    for (cell, seed), ours in arrays.items():
        model, _, noise = cell.rpartition("-")
        theirs = arrays.get((f"dcrw-write-only-{noise}", seed))
        if model != "dcrw" or theirs is None:
            continue
        for mode in ("reconstructed", "generated"):
            pair = ours[f"{mode}_sharpness"], theirs[f"{mode}_sharpness"]
            paired = mode == "reconstructed"
            found = (
                metrics.sign_flip_test(pair[0] - pair[1])
                if paired
                else metrics.two_sample_test(*pair)
            )
            row = {"noise": noise, "seed": seed, "mode": mode}
            rows.append(row | {"difference": found.statistic, "p": found.p_value})
    return pd.DataFrame(rows, columns=["noise", "seed", "mode", "difference", "p"])
