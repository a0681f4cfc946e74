"""Table I, and the curves of Fig. 6: the paper's losses beside ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcrw.model.architectures import FACTS, noise_in_words
from dcrw.model.config import ModelConfig
from dcrw.training.config import RunConfig
from dcrw.training.files import project_root
from study import numbers
from study.finished import (
    Finished,
    cells,
    final_minibatches,
    finished,
    profile_of,
    split_row,
)
from study.numbers import Number

PAPER_ROWS = {"dcrw": "attention", "dcrw-write-only": "write_only"}
MNIST_TRAINING_IMAGES = 55_000  # the last 5,000 are the validation split
TABLE_1 = "tables/table_1.csv"


def paper_values(config: RunConfig) -> dict[str, float]:
    """Table I's `lx` and `lz` for a run's model; empty where it has no row or the data differ."""
    row = PAPER_ROWS.get(config.model.architecture)
    if row is None or config.data.dataset != "mnist":
        return {}
    published = numbers.read(project_root() / "book" / "published.json")
    return {loss: published[f"paper.table1.{row}.{loss}"].value for loss in ("lx", "lz")}


def paper_levels(results: Path) -> dict[str, tuple[float, float]]:
    """Table I's (L_x, L_z) by variant, for the profile's variants that it has a row for."""
    levels = {}
    for entry in finished(results):
        values = paper_values(entry.config)
        if values:
            levels[FACTS[entry.config.model.architecture].title] = (values["lx"], values["lz"])
    return levels


def loss_curves(results: Path) -> dict[str, dict[str, pd.DataFrame]]:
    """Metrics of each cell's first seed: variant to {curve: table}, the paper's variants only.

    A curve is named after its noise, or its cell where two have the same.
    """
    curves: dict[str, dict[str, pd.DataFrame]] = {}
    for label, members in cells(results).items():
        config = members[0].config
        if config.model.architecture in PAPER_ROWS:
            named = curves.setdefault(FACTS[config.model.architecture].title, {})
            noise = f"{noise_in_words(config.model.noise_correlation)} noise"
            named[label if noise in named else noise] = members[0].run.metrics()
    return curves


def start_table(
    curves: dict[str, dict[str, pd.DataFrame]], iterations: tuple[int, ...]
) -> pd.DataFrame:
    """L_x + L_z of each curve at some iterations: columns `variant`, `start`, `iteration`, `total`.

    curves: variant to {start: metrics.csv}.
    """
    rows = []
    for variant, named in curves.items():
        for start, table in named.items():
            indexed = table.set_index("iteration")
            for iteration in iterations:
                row = indexed.loc[iteration]
                total = row.reconstruction + row.latent
                rows.append(
                    {"variant": variant, "start": start, "iteration": iteration, "total": total}
                )
    return pd.DataFrame(rows)


def start_numbers(table: pd.DataFrame, results: Path) -> dict[str, Number]:
    """The table's entries as `start.<architecture>.<start>.<iteration>`."""
    architectures = {facts.title: name for name, facts in FACTS.items()}
    source = f"results/{results.name}/figures/fast_start.csv"
    return {
        f"start.{architectures[row.variant]}.{row.start}.{row.iteration}": Number(row.total, source)
        for row in table.itertuples()
    }


def table_1(results: Path) -> pd.DataFrame:
    """Table I: the paper's losses beside ours, one row a cell, means over its seeds. Losses in nats
    an image."""
    count = profile_of(results).final_iterations
    return pd.DataFrame(
        [_table_1_row(label, members, count) for label, members in cells(results).items()]
    )


def table_1_numbers(results: Path) -> dict[str, Number]:
    """The table's entries and each cell's cost, with n and 95% intervals, for the book's prose."""
    source = str(Path("results") / results.name / TABLE_1)
    count = profile_of(results).final_iterations
    found: dict[str, Number] = {}
    for row in table_1(results).to_dict("records"):
        members = cells(results)[row["cell"]]
        for key, number in _cell_numbers(row, members, count, source):
            found[f"table1.{row['cell']}.{key}"] = number
    found["table1.final_iterations"] = Number(count, f"configs/{results.name}.yaml")
    return found


def _table_1_row(label: str, members: list[Finished], count: int) -> dict[str, Any]:
    model, paper = members[0].config.model, paper_values(members[0].config)
    train = [final_minibatches(entry.run.metrics(), count)["mean"] for entry in members]
    test = [split_row(entry, "test", model.noise_correlation) for entry in members]
    fresh = [split_row(entry, "test", 0.0) for entry in members]
    row: dict[str, Any] = {
        "cell": label,
        "architecture": model.architecture,
        "noise": noise_in_words(members[0].config.model.noise_correlation),
        "hidden_size": model.hidden_size,
        "read_size": model.read_size if model.architecture != "dcrw-write-only" else "",
        "write_size": model.write_size,
        "dataset": members[0].config.data.dataset,
        "iterations": members[0].config.training.iterations,
        "seeds": len(members),
    }
    for prefix, sources in (("train", train), ("test", test), ("test_fresh", fresh)):
        row[f"{prefix}_lx"] = np.mean([source["reconstruction"] for source in sources])
        row[f"{prefix}_lz"] = np.mean([source["latent"] for source in sources])
    for loss in ("lx", "lz"):
        row[f"paper_{loss}"] = paper.get(loss, np.nan)
        row[f"difference_{loss}"] = row[f"train_{loss}"] - row[f"paper_{loss}"]
    return row


def _cell_numbers(
    row: dict[str, Any], members: list[Finished], count: int, source: str
) -> Iterator[tuple[str, Number]]:
    yield from _loss_numbers(row, members, count, source)
    yield from _total_numbers(row, members[0].config.model, source)
    yield "seeds", Number(len(members), source)
    made, training = members[0].provenance, members[0].config.training
    folder = Path("results") / source.split("/")[1] / "runs" / made["run"]
    for key, value in {
        "iterations": made["iterations"],
        "epochs": made["iterations"] * training.batch_size / MNIST_TRAINING_IMAGES,
        "parameters": made["parameters"],
        "wall_minutes": made["wall_seconds"] / 60,
        "iterations_per_second": made["iterations_per_second"],
        "threads": made["device"]["threads"],
    }.items():
        yield key, Number(value, str(folder / "provenance.json"))


def _loss_numbers(
    row: dict[str, Any], members: list[Finished], count: int, source: str
) -> Iterator[tuple[str, Number]]:
    """Each loss with its interval over images or minibatches, where one seed stands alone."""
    alone, own = len(members) == 1, members[0].config.model.noise_correlation
    last = final_minibatches(members[0].run.metrics(), count)
    for loss, name in (("lx", "reconstruction"), ("lz", "latent")):
        value, error, n = row[f"train_{loss}"], last.se[name], int(last.n[name])
        yield f"train.{loss}", _number(value, error, n, source, alone)
        for prefix, correlation in (("test", own), ("test_fresh", 0.0)):
            measured = split_row(members[0], "test", correlation)
            error, n = measured[f"{name}_se"], int(measured["images"])
            yield f"{prefix}.{loss}", _number(row[f"{prefix}_{loss}"], error, n, source, alone)
        if not np.isnan(row[f"paper_{loss}"]):
            difference = row[f"difference_{loss}"]
            percent = 100 * difference / row[f"paper_{loss}"]
            yield f"difference.{loss}", Number(difference, source)
            yield f"difference_percent.{loss}", Number(percent, source)


def _total_numbers(
    row: dict[str, Any], model: ModelConfig, source: str
) -> Iterator[tuple[str, Number]]:
    """L_x + L_z, and the bound where there is one.

    One noise sample for all steps makes one latent of the model without attention in read, whose
    divergence counts once: L_x + L_z / T. With attention in read there is no such bound.
    """
    for prefix in ("test", "test_fresh"):
        yield f"{prefix}.total", Number(row[f"{prefix}_lx"] + row[f"{prefix}_lz"], source)
    if model.noise_correlation == 0:
        yield "test.bound", Number(row["test_lx"] + row["test_lz"], source)
    elif model.noise_correlation == 1 and model.architecture == "dcrw-write-only":
        yield "test.bound", Number(row["test_lx"] + row["test_lz"] / model.steps, source)


def _number(value: float, error: float, n: int, source: str, alone: bool) -> Number:
    interval = (float(value - 1.96 * error), float(value + 1.96 * error)) if alone else None
    return Number(float(value), source, n, interval)
