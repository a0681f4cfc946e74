"""The page on the registered claims: its verdicts, tables, figure and the numbers that the book
quotes from it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.model.config import ModelConfig
from dcrw.training.config import RunConfig
from dcrw.training.files import read_record, write_atomically, write_table
from study import numbers, statistics
from study.cells import cell_table, gathered, grid_numbers
from study.claims.figures import cells_figure
from study.claims.judge import Observed, Outcome, judge, limits, outcome_table, registered
from study.claims.tables import observe
from study.claims.verdicts import verdict_table, verdicts_page
from study.finished import Finished
from study.names import cell_in_words, model_in_words, test_in_words
from study.numbers import Number
from study.style import NARROW, save_figure

CLAIMS = "book/claims.yaml"
BESIDE = {  # claim to what is shown with it and not judged: measure to its name
    "c": {"reconstructed.sharpness": "reconstructions", "generated.sharpness": "samples"},
    "d": {
        "reconstructed.effective_area": "effective area",
        "reconstructed.changed_share": "share changed",
        "reconstructed.window_area": "window's area",
        "reconstructed.centre_distance": "move",
    },
    "f": {
        "two_sample.accuracy": "accuracy",
        "two_sample.binary_accuracy": "black and white",
        "frechet.generated": "Fréchet distance",
        "generated.entropy": "entropy",
    },
}
BRIDGES = (  # what the figure of claim b shows, top to bottom
    "dcrw-fresh",
    "dcrw-whole-image-fresh",
    "dcrw-stepwise-fresh",
    "dcrw-write-only-fresh",
    "draw-fresh",
    "conv-vae",
)
COMPARED = ("dcrw-fresh", "draw-fresh")  # whose cost stands beside claim h
VERDICT_COLUMNS = {"fresh": "fresh noise", "shared": "shared noise", "lineage": "settings of 2016"}
SHOWN = {  # columns of the table of cells
    "cell": "cell",
    "n": "seeds",
    "iterations": "iterations",
    "train_lx": "Lx",
    "train_lz": "Lz",
    "test_total": "test total",
    "fresh_total": "total under fresh noise",
}


class Page(NamedTuple):
    """The registered claims judged on all runs there are."""

    rules: dict[str, Any]  # book/claims.yaml
    done: list[Finished]
    missing: list[RunConfig]
    observed: Observed
    outcomes: list[Outcome]
    verdicts: pd.DataFrame  # of `verdict_table`


def judged(project: Path) -> Page:
    """Judge the claims. Raises `RunError` where a run was evaluated with other settings than its
    profile's."""
    rules = registered(project / CLAIMS)
    done, missing = gathered(project)
    observed = observe(done, numbers.read(project / "book" / "published.json"))
    outcomes = judge(rules, observed)
    titles = {claim: entry["title"] for claim, entry in rules["claims"].items()}
    return Page(rules, done, missing, observed, outcomes, verdict_table(outcomes, titles))


def write(page: Page, results: Path) -> None:
    """Write the tables, the figure of claim b, the start page's verdicts and the numbers."""
    losses = page.observed.losses
    tables = {
        "runs": losses,
        "measures": page.observed.measures,
        "claims": outcome_table(page.outcomes),
        "verdicts": page.verdicts,
        "cells": cell_table(losses),
    }
    for name, table in tables.items():
        write_table(results / "tables" / f"{name}.csv", table)
    write_atomically(results / "tables" / "verdicts.md", verdicts_page(page.verdicts).encode())
    source = f"results/{results.name}/tables"
    found = grid_numbers(losses, len(page.missing), f"{source}/runs.csv")
    found |= claim_numbers(page.outcomes, page.rules, page.observed.measures, source)
    numbers.write(results / "numbers" / "claims.json", found)
    shown, path = losses[losses.cell.isin(BRIDGES)], results / "figures" / "cells"
    there = {cell: model_in_words(cell) for cell in BRIDGES if cell in set(shown.cell)}
    save_figure(cells_figure(shown, there), path, cells_figure(shown, there, NARROW))
    write_table(path.with_suffix(".csv"), shown)


def reference(results: Path) -> dict[str, dict[str, float]]:
    """What training digits score in place of samples: `measures` of the classifier's
    reference.json."""
    return read_record(results / "classifier" / "reference.json", "Measure the digits again.")[
        "measures"
    ]


def shown_cells(losses: pd.DataFrame) -> pd.DataFrame:
    """The table of cells as a reader sees it, with the digits that seeds leave of each loss."""
    table = cell_table(losses)[list(SHOWN)]
    forms = {"iterations": "{:,}"} | {name: "{:,.1f}" for name in SHOWN if name.endswith("total")}
    for column, form in (forms | {"train_lx": "{:.1f}", "train_lz": "{:.2f}"}).items():
        table[column] = ["" if pd.isna(value) else form.format(value) for value in table[column]]
    return table.rename(columns=SHOWN)


def claim_numbers(
    outcomes: Iterable[Outcome], registered: Mapping[str, Any], measures: pd.DataFrame, source: str
) -> dict[str, Number]:
    """Every outcome as `claims.<claim>.<noise>.<test>.<subject>`, the registered limits and what
    the page says of the design; source: the folder of the tables."""
    design = registered["design"]
    found = {
        f"claims.{name}": Number(design[name], CLAIMS) for name in ("iterations", "batch_size")
    }
    found["claims.pixels"] = Number(ModelConfig().image_size ** 2, "dcrw/model/config.py")
    sharpness = measures["original.sharpness"].iloc[0]
    found["claims.sharpness.digits"] = Number(sharpness, f"{source}/measures.csv", 1000)
    for row in outcomes:
        if not np.isnan(row.value):
            subject = row.subject.replace(" ", "")
            interval = statistics.known_interval((row.low, row.high))
            found[f"claims.{row.claim}.{row.noise}.{row.test}.{subject}"] = Number(
                row.value, f"{source}/claims.csv", row.n, interval
            )
    rules = {f"claims.rule.{name}": value for name, value in limits(dict(registered)).items()}
    return found | {name: Number(value, CLAIMS) for name, value in rules.items()}


def claim_rules(outcomes: pd.DataFrame, claim: str) -> str:
    """The rules of a claim's tests as a Markdown list; outcomes: of `judge.outcome_table`."""
    rules = outcomes[outcomes.claim == claim][["test", "rule"]].drop_duplicates()
    return "\n".join(f"- *{test_in_words(row.test)}*: {row.rule}" for row in rules.itertuples())


def claim_outcomes(outcomes: pd.DataFrame, claim: str, precision: int = 2) -> pd.DataFrame:
    """A claim's outcomes as a reader sees them; intervals to `precision` digits."""
    chosen = outcomes[outcomes.claim == claim]
    words = chosen.holds.map({True: "yes", False: "no"}).fillna("untestable")
    columns = chosen[["noise", "test", "subject", "value", "n"]].assign(holds=words)
    interval = [
        "" if np.isnan(low) else f"{low:.{precision}f} to {high:.{precision}f}"
        for low, high in zip(chosen.low, chosen.high, strict=True)
    ]
    columns.insert(4, "interval", interval)
    return columns


def beside_claim(
    measures: pd.DataFrame, claim: str, digits: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """What is shown with a claim and not judged: means over the seeds of each cell, and the same of
    training digits in place of samples where they have it.

    measures: of `tables.measure_table`; digits: `measures` of the classifier's reference.json.
    """
    names, grouped = BESIDE[claim], measures.groupby("cell", sort=False)
    means = grouped[list(names)].mean().rename(columns=names)
    means.insert(0, "seeds", grouped.size().astype(str))
    known = {column: digits[name]["value"] for name, column in names.items() if name in digits}
    if known:
        means.loc["training digits"] = {"seeds": ""} | known
    return means.reset_index()


def cost_table(losses: pd.DataFrame, operations: Mapping[str, float]) -> pd.DataFrame:
    """What the models of claim h cost: parameters, minutes of training, and GFLOP per iteration.

    losses: of `cells.run_table`; operations: cell to floating-point operations per iteration.
    """
    cost = (
        losses[losses.cell.isin(operations)]
        .groupby("cell", sort=False)
        .agg(
            seeds=("seed", "size"), parameters=("parameters", "first"), minutes=("minutes", "mean")
        )
    )
    cost["GFLOP per iteration"] = [operations[str(cell)] / 1e9 for cell in cost.index]
    cost["parameters"] = [f"{count:,d}" for count in cost.parameters]
    return cost.reset_index()


def in_words(missing: Iterable[RunConfig]) -> str:
    """Runs that are still to be made: each cell with its number of seeds."""
    counts = Counter(config.name for config in missing)
    return (
        ", ".join(f"{cell_in_words(name)} ({count})" for name, count in counts.items())
        or "Nothing."
    )
