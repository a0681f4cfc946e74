"""Tables of the page on reused noise, from tables of finished runs. Losses in nats per image.

The paper's rows are handed in as `Rows`: name to (L_x, L_z), with attention in read first.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dcrw.training.files import read_record
from study.cells import seed_of
from study.finished import Finished, data_levels, recorded_table
from study.style import MARKERS

STEPS = 10  # T of every cell of the page
LATENT = 10  # z of every cell but the rival's
NOISES = ("fresh", "shared", "lineage")
CELLS = [f"{model}-{noise}" for noise in NOISES for model in MARKERS]
NO_LINEAGE = [cell for cell in CELLS if not cell.endswith("lineage")]
PUBLISHED = {"with attention in read": "attention", "without attention in read": "write_only"}
SMOOTHED = 10  # rows of metrics.csv whose mean is compared with a row of Table I
LOSSES = {"lx": "Lx", "lz": "Lz"}
ANSWERS = {True: "yes", False: "no"}
NO_ANSWER = "cannot be judged yet"
KINDS = {"predicts": "prediction", "refuted_by": "would refute it"}

BOUND = "Bound the curve again (notebooks/rate_distortion_lower.ipynb)."
ESTIMATE = "Estimate the curve again (notebooks/rate_distortion.ipynb)."

Rows = Mapping[str, tuple[float, float]]


def rows_of_table_1(published: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The paper's rows, from its values by key."""
    keys = {name: f"paper.table1.{row}" for name, row in PUBLISHED.items()}
    return {name: (published[f"{key}.lx"], published[f"{key}.lz"]) for name, key in keys.items()}


def own_row(cell: str) -> int:
    """Which row of Table I a cell is compared with, counted from 0; DRAW has none of its own and
    stands beside the variant with attention."""
    return 1 if "write-only" in cell else 0


def levels(results: Path) -> dict[str, float]:
    """Levels of L_x on the training images that need no model, from the results' `data.csv`. Raises
    `RunError`."""
    train = data_levels(results).loc["train"]
    return {"perfect reconstruction": train.entropy, "mean image, no latent": train.mean_image}


def curve(path: Path) -> pd.DataFrame:
    """The table of `rate_distortion.estimate` from its file. Raises `RunError`."""
    columns = {"size": int, "slope": float, "rate": float, "distortion": float, "hull": bool}
    return recorded_table(path, columns, ESTIMATE)


def lower_side(path: Path) -> tuple[pd.DataFrame, int]:
    """The lines of `rate_distortion_dual.lower_bound` from their file, and how many starts the
    search for each had. Raises `RunError`."""
    columns = {"slope": float, "rate": float, "distortion": float, "starts": int}
    table = recorded_table(path, columns, BOUND)
    return table, int(table.starts.iloc[0])


def images(path: Path) -> int:
    """How many images a file of settings, as `rate_distortion.json`, says were used."""
    return read_record(path, ESTIMATE)["images"]


def training_paths(entries: Iterable[Finished]) -> dict[str, dict[int, pd.DataFrame]]:
    """metrics.csv of the page's runs, by cell and seed."""
    found: dict[str, dict[int, pd.DataFrame]] = {cell: {} for cell in CELLS}
    for entry in entries:
        if entry.config.name in found:
            found[entry.config.name][seed_of(entry)] = entry.run.metrics()
    return {cell: seeds for cell, seeds in found.items() if seeds}


def against_table_1(losses: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """Each cell's training losses, means over seeds, and their differences from both rows of
    Table I in percent.

    losses: a row per run, of `study.cells.run_table`.
    """
    by_cell = losses[losses.cell.isin(CELLS)].groupby("cell")
    all_means, found = by_cell[["train_lx", "train_lz"]].mean(), []
    for cell in (cell for cell in CELLS if cell in all_means.index):
        means = dict(zip(LOSSES.values(), all_means.loc[cell], strict=True))
        row: dict[str, Any] = {"cell": cell, "seeds": len(by_cell.get_group(cell))} | means
        for number, printed in enumerate(rows.values(), 1):
            for (name, mean), value in zip(means.items(), printed, strict=True):
                row[f"row {number}: {name}, %"] = 100 * (mean / value - 1)
        found.append(row)
    return pd.DataFrame(found)


def nearest_iteration(paths: Mapping[str, Mapping[int, pd.DataFrame]], rows: Rows) -> pd.DataFrame:
    """Where each run comes nearest to its cell's row of Table I: the iteration at which the larger
    of the two relative differences is smallest, a row per run.

    paths: metrics.csv by cell and seed. Losses are means over ten rows of it, the last of which is
    the iteration named. `worse of both, %` is the larger difference.
    """
    targets = list(rows.values())
    return pd.DataFrame(
        [
            {"cell": cell, "seed": seed} | _nearest(metrics, *targets[own_row(cell)])
            for cell, seeds in paths.items()
            for seed, metrics in seeds.items()
        ]
    )


def _nearest(metrics: pd.DataFrame, lx: float, lz: float) -> dict[str, Any]:
    """Of one run and its row: the iteration, the losses there and the larger difference."""
    smooth = metrics.rolling(SMOOTHED, min_periods=SMOOTHED).mean()
    gaps = pd.DataFrame({"lx": smooth.reconstruction / lx - 1, "lz": smooth.latent / lz - 1})
    worse = gaps.abs().max(axis=1)
    best = worse.idxmin()
    return {
        "iteration": metrics.iteration[best],
        "Lx": smooth.reconstruction[best],
        "Lz": smooth.latent[best],
        "worse of both, %": 100 * worse[best],
    }


def nearest_shares(nearest: pd.DataFrame) -> pd.DataFrame:
    """`nearest_iteration` as the registered hypothesis is judged on it: `cell`, and `worse`, the
    larger relative difference as a share."""
    return pd.DataFrame({"cell": nearest.cell, "worse": nearest["worse of both, %"] / 100})


def of_first_seed(table: pd.DataFrame, cells: Sequence[str] = CELLS) -> pd.DataFrame:
    """Rows of some cells' seed 0."""
    return table[(table.seed == 0) & table.cell.isin(cells)]


def readings_of_the_constant(mechanism: pd.DataFrame) -> pd.DataFrame:
    """L_z of the same posteriors under three readings of Eq. 27's constant, seed 0.

    mechanism: `mechanism.csv` of all runs, with `cell` and `seed`.
    """
    columns = {
        "cell": "cell",
        "latent": "exact",
        "latent_half_t_each_step": "T/2 a step",
        "latent_as_printed": "as printed",
    }
    drawn = of_first_seed(mechanism[mechanism.condition == "as drawn"])
    return drawn[list(columns)].rename(columns=columns)


def rival_in_words(judged: pd.DataFrame) -> pd.DataFrame:
    """The rival's outcomes as a reader sees them; judged: a row per test, with `test`, `subject`,
    `value`, `n`, `rule` and `holds`."""
    return judged.assign(
        loss=judged.test.map({"rival_lx": "Lx", "rival_lz": "Lz"}),
        holds=judged.holds.map(ANSWERS).fillna(NO_ANSWER),
    )[["subject", "loss", "value", "n", "rule", "holds"]].rename(columns={"subject": "cell"})


def answers_in_words(answers: pd.DataFrame) -> pd.DataFrame:
    """Which parts of the hypothesis held, as a reader sees them.

    answers: of `judge.hypothesis`, columns `kind`, `statement`, `came`.
    """
    return pd.DataFrame(
        {
            "kind": answers.kind.map(KINDS),
            "statement": answers.statement,
            "answer": [ANSWERS.get(answer, NO_ANSWER) for answer in answers.came],
        }
    )


def dose_table(losses: pd.DataFrame) -> pd.DataFrame:
    """Losses of models trained at each correlation of the noise, seed 0, by model and correlation.

    losses: a row per run, of `study.cells.run_table`.
    """
    named = losses.cell.str.fullmatch(r"dcrw(-write-only)?-(fresh|shared|r\d+)")
    chosen = losses[(losses.seed == 0) & named].rename(columns={"architecture": "model"})
    columns = ["cell", "model", "noise_correlation", "train_lx", "train_lz"]
    chosen = chosen[[*columns, "test_total", "fresh_total"]]
    return chosen.sort_values(["model", "noise_correlation"])


def dose_in_words(dose: pd.DataFrame) -> pd.DataFrame:
    """`dose_table` as a reader sees it."""
    columns = {"model": "model", "noise_correlation": "r", "train_lx": "Lx", "train_lz": "Lz"}
    columns |= {"fresh_total": "total, fresh noise"}
    return dose[list(columns)].rename(columns=columns)


def bounds_in_words(bounds: pd.DataFrame) -> pd.DataFrame:
    """The importance-weighted bound by number of samples, a row per cell, with the 95% interval
    over images and the effective samples of the largest.

    bounds: `bounds.csv` of runs of one seed, with `cell`.
    """
    wide = bounds.pivot(index="cell", columns="samples", values="bound")
    wide = wide.rename(columns={size: f"k = {size}" for size in wide.columns})
    most = bounds[bounds.samples == bounds.samples.max()].set_index("cell")
    wide = wide.assign(**{"±": 1.96 * most.bound_se, "effective": most.effective_samples})
    return wide.loc[list(dict.fromkeys(bounds.cell))].reset_index()


def replaced_table(mechanism: pd.DataFrame) -> pd.DataFrame:
    """What a latent replaced by a draw from the prior, or all by the first, adds to L_x, seed 0.

    mechanism: `mechanism.csv` of all runs, with `cell` and `seed`.
    """
    by_condition = of_first_seed(mechanism).pivot(
        index="cell", columns="condition", values="reconstruction"
    )
    drawn = by_condition["as drawn"]
    conditions = {
        "first": "step 1 replaced",
        "fifth": "step 5 replaced",
        "last": f"step {STEPS} replaced",
        "all by the first": "first repeated",
    }
    added = {name: by_condition[condition] - drawn for name, condition in conditions.items()}
    table = pd.DataFrame({"Lx as drawn": drawn} | added)
    return table.loc[[cell for cell in CELLS if cell in table.index]].reset_index()
