"""Table I, and the curves of Fig. 6: the paper's losses beside ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.model.architectures import FACTS, noise_in_words
from dcrw.model.config import ModelConfig
from dcrw.training.config import RunConfig
from dcrw.training.datasets.table import DATASETS
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
from study.reductions import latent_reduction

PAPER_ROWS = {"dcrw": "attention", "dcrw-write-only": "write_only"}
TABLE_1 = "tables/table_1.csv"


def paper_values(config: RunConfig) -> dict[str, float]:
    """Table I's `lx` and `lz` for a run's model; empty where it has no row or the data differ."""
    row = PAPER_ROWS.get(config.model.architecture)
    if row is None or (config.data.dataset, config.data.binarisation) != ("mnist", "none"):
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
    """Metrics of each cell's first seed: variant to {curve: table}, the paper's variants only, or
    all where the profile has none of these.

    A curve is named after its noise, or its cell where two have the same.
    """
    curves: dict[str, dict[str, pd.DataFrame]] = {}
    found = cells(results)
    there = {members[0].config.model.architecture for members in found.values()}
    for label, members in found.items():
        config = members[0].config
        if config.model.architecture in (there & PAPER_ROWS.keys() or there):
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
    """Table I: the paper's losses beside ours, one row per cell, means over its seeds. Losses in
    nats per image, L_z as the profile's `latent_reduction` says."""
    return pd.DataFrame([_row(cell) for cell in _cells(results)])


def table_1_numbers(results: Path) -> dict[str, Number]:
    """The table's entries and each cell's cost, with n and 95% intervals, for the book's prose.

    Totals and bounds are of L_z as it is trained, summed over steps and latents.
    """
    source = str(Path("results") / results.name / TABLE_1)
    found: dict[str, Number] = {}
    for cell in _cells(results):
        row = _row(cell)
        for part in (_loss_numbers(row, cell, source), _total_numbers(row, cell, source)):
            found |= {f"table1.{cell.label}.{key}": number for key, number in part}
        found |= {f"table1.{cell.label}.{key}": n for key, n in _cost_numbers(cell, results.name)}
        found[f"table1.{cell.label}.seeds"] = Number(len(cell.members), source)
    count = profile_of(results).final_iterations
    found["table1.final_iterations"] = Number(count, f"configs/{results.name}.yaml")
    return found


def training_images(entry: Finished) -> int:
    """How many images a run was trained on. The first runs' provenance does not say: they used
    their data set's whole training split."""
    sizes = DATASETS[entry.config.data.dataset].facts.sizes
    known = sizes.train if sizes else 0
    return int(entry.provenance.get("training_images", known))


class _Cell(NamedTuple):
    """One setting with its seeds, as Table I shows it."""

    label: str
    members: list[Finished]
    minibatches: int  # at the end of training, whose mean is shown
    factor: float  # of L_z, by which it is reported

    @property
    def model(self) -> ModelConfig:
        return self.members[0].config.model


def _cells(results: Path) -> list[_Cell]:
    profile = profile_of(results)
    return [
        _Cell(
            label,
            members,
            profile.final_iterations,
            latent_reduction(profile.latent_reduction, members[0].config.model),
        )
        for label, members in cells(results).items()
    ]


def _row(cell: _Cell) -> dict[str, Any]:
    members, model, config = cell.members, cell.model, cell.members[0].config
    paper = paper_values(config)
    train = [final_minibatches(entry.run.metrics(), cell.minibatches)["mean"] for entry in members]
    test = [split_row(entry, "test", model.noise_correlation) for entry in members]
    fresh = [split_row(entry, "test", 0.0) for entry in members]
    row: dict[str, Any] = {
        "cell": cell.label,
        "architecture": model.architecture,
        "noise": noise_in_words(model.noise_correlation),
        "hidden_size": model.hidden_size,
        "read_size": model.read_size if FACTS[model.architecture].reads else "",
        "write_size": model.write_size,
        "dataset": config.data.in_words,
        "iterations": config.training.iterations,
        "seeds": len(members),
    }
    for prefix, sources in (("train", train), ("test", test), ("test_fresh", fresh)):
        row[f"{prefix}_lx"] = np.mean([source["reconstruction"] for source in sources])
        row[f"{prefix}_lz"] = np.mean([source["latent"] for source in sources]) * cell.factor
    for loss in ("lx", "lz"):
        row[f"paper_{loss}"] = paper.get(loss, np.nan)
        row[f"difference_{loss}"] = row[f"train_{loss}"] - row[f"paper_{loss}"]
    return row


def _cost_numbers(cell: _Cell, profile: str) -> Iterator[tuple[str, Number]]:
    """What the cell's first seed took."""
    first = cell.members[0]
    made, batch_size = first.provenance, first.config.training.batch_size
    source = str(Path("results") / profile / "runs" / made["run"] / "provenance.json")
    for key, value in {
        "iterations": made["iterations"],
        "epochs": made["iterations"] * batch_size / training_images(first),
        "parameters": made["parameters"],
        "wall_minutes": made["wall_seconds"] / 60,
        "iterations_per_second": made["iterations_per_second"],
        "threads": made["device"]["threads"],
    }.items():
        yield key, Number(value, source)


def _loss_numbers(row: dict[str, Any], cell: _Cell, source: str) -> Iterator[tuple[str, Number]]:
    """Each loss with its interval over images or minibatches, where one seed stands alone."""
    first, alone = cell.members[0], len(cell.members) == 1
    last = final_minibatches(first.run.metrics(), cell.minibatches)
    for loss, name, factor in (("lx", "reconstruction", 1.0), ("lz", "latent", cell.factor)):
        value, error, n = row[f"train_{loss}"], last.se[name] * factor, int(last.n[name])
        yield f"train.{loss}", _number(value, error, n, source, alone)
        for prefix, correlation in (("test", cell.model.noise_correlation), ("test_fresh", 0.0)):
            measured = split_row(first, "test", correlation)
            error, n = measured[f"{name}_se"] * factor, int(measured["images"])
            yield f"{prefix}.{loss}", _number(row[f"{prefix}_{loss}"], error, n, source, alone)
        if not np.isnan(row[f"paper_{loss}"]):
            difference = row[f"difference_{loss}"]
            percent = 100 * difference / row[f"paper_{loss}"]
            yield f"difference.{loss}", Number(difference, source)
            yield f"difference_percent.{loss}", Number(percent, source)


def _total_numbers(row: dict[str, Any], cell: _Cell, source: str) -> Iterator[tuple[str, Number]]:
    """L_x + L_z, and the bound where there is one.

    One noise sample for all steps makes one latent of the model without attention in read, whose
    divergence counts once: L_x + L_z / T. With attention in read there is no such bound.
    """
    latent = {prefix: row[f"{prefix}_lz"] / cell.factor for prefix in ("test", "test_fresh")}
    for prefix, lz in latent.items():
        yield f"{prefix}.total", Number(row[f"{prefix}_lx"] + lz, source)
    if cell.model.noise_correlation == 0:
        yield "test.bound", Number(row["test_lx"] + latent["test"], source)
    elif cell.model.noise_correlation == 1 and cell.model.architecture == "dcrw-write-only":
        yield "test.bound", Number(row["test_lx"] + latent["test"] / cell.model.steps, source)


def _number(value: float, error: float, n: int, source: str, alone: bool) -> Number:
    interval = (float(value - 1.96 * error), float(value + 1.96 * error)) if alone else None
    return Number(float(value), source, n, interval)
