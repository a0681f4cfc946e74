"""Tables and numbers from finished, evaluated runs: from files under results/ alone.

As a command: `python -m dcrw.report headline|readme|your-run|numbers PROFILE`.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw import numbers, runs
from dcrw.config import EvaluationConfig, ModelConfig, Profile, RunConfig, load_profile
from dcrw.numbers import Number
from dcrw.runs import Run, run_for

VARIANTS = {
    "dcrw": "with attention",
    "dcrw-write-only": "without attention in read",
    "draw": "DRAW",
    "conv-vae": "convolutional VAE",
}
PAPER_ROWS = {"dcrw": "attention", "dcrw-write-only": "write_only"}
MNIST_TRAINING_IMAGES = 55_000  # the last 5,000 are the validation split
TABLE_1 = "tables/table_1.csv"
OVER_SEEDS = "grid/numbers/claims.json"  # means over the seeds of every cell
RUNS = "grid/tables/runs.csv"
NO_EVIDENCE = "A quick run on small embedded images: its numbers are no evidence about the paper."


class Finished(NamedTuple):
    """A trained and evaluated run."""

    config: RunConfig
    run: Run
    losses: pd.DataFrame  # evaluation/losses.csv
    provenance: dict[str, Any]


def profile_of(results: Path) -> Profile:
    """The profile whose results a folder holds. Raises `ConfigError`."""
    return load_profile(runs.project_root() / "configs" / f"{results.name}.yaml")


def finished(results: Path) -> list[Finished]:
    """All runs of the profile, in its order.

    Raises `RunError` where one is unfinished, or was evaluated with other settings.
    """
    profile = profile_of(results)
    return [
        finished_run(config, run_for(config, results), profile.evaluation)
        for config in profile.configs()
    ]


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


def noise_name(config: RunConfig) -> str:
    """fresh, shared, or the correlation between them."""
    correlation = config.model.noise_correlation
    return {0.0: "fresh", 1.0: "shared"}.get(correlation, f"r = {correlation:g}")


def paper_values(config: RunConfig) -> dict[str, float]:
    """Table I's `lx` and `lz` for a run's model; empty where it has no row or the data differ."""
    row = PAPER_ROWS.get(config.model.architecture)
    if row is None or config.data.dataset != "mnist":
        return {}
    published = numbers.read(runs.project_root() / "book" / "published.json")
    return {loss: published[f"paper.table1.{row}.{loss}"].value for loss in ("lx", "lz")}


def paper_levels(results: Path) -> dict[str, tuple[float, float]]:
    """Table I's (L_x, L_z) by variant, for the profile's variants that it has a row for."""
    levels = {}
    for entry in finished(results):
        values = paper_values(entry.config)
        if values:
            levels[VARIANTS[entry.config.model.architecture]] = (values["lx"], values["lz"])
    return levels


def loss_curves(results: Path) -> dict[str, dict[str, pd.DataFrame]]:
    """Metrics of each cell's first seed: variant to {curve: table}, the paper's variants only.

    A curve is named after its noise, or its cell where two have the same.
    """
    curves: dict[str, dict[str, pd.DataFrame]] = {}
    for label, members in cells(results).items():
        config = members[0].config
        if config.model.architecture in PAPER_ROWS:
            named = curves.setdefault(VARIANTS[config.model.architecture], {})
            noise = f"{noise_name(config)} noise"
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
    architectures = {title: name for name, title in VARIANTS.items()}
    source = f"results/{results.name}/figures/fast_start.csv"
    return {
        f"start.{architectures[row.variant]}.{row.start}.{row.iteration}": Number(row.total, source)
        for row in table.itertuples()
    }


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


def headline(results: Path) -> str:
    """Table I in a few columns, for a terminal."""
    table = table_1(results)
    lines = [
        f"{'L_x + L_z, nats an image':34s} {'paper':>16s} {'training':>16s} {'test':>16s}",
        "-" * 85,
    ]
    for row in table.to_dict("records"):
        paper = (
            "-" if np.isnan(row["paper_lx"]) else f"{row['paper_lx']:.1f} + {row['paper_lz']:.1f}"
        )
        train = f"{row['train_lx']:.1f} + {row['train_lz']:.1f}"
        test = f"{row['test_lx']:.1f} + {row['test_lz']:.1f}"
        lines.append(
            f"{VARIANTS[row['architecture']]}, {row['noise']:12s}"[:34].ljust(34)
            + f" {paper:>16s} {train:>16s} {test:>16s}"
        )
    return "\n".join(lines)


def readme_table(results: Path) -> str:
    """Table I as Markdown, for the README: the cells of `results/paper` over all their seeds.

    Raises `ValueError` for another profile.
    """
    if results.name != "paper":
        raise ValueError(f"{results}: the README shows the profile paper; expected results/paper")
    found = numbers.read(results.parent / OVER_SEEDS)
    lines = ["| | $L_x$ | $L_z$ | Test total |", "|---|---|---|---|"]
    for architecture, rows in table_1(results).groupby("architecture", sort=False):
        paper = rows.iloc[0]
        title = VARIANTS[str(architecture)].capitalize()
        lines.append(f"| **{title}: paper** | {paper.paper_lx:.2f} | {paper.paper_lz:.2f} | |")
        for row in rows.to_dict("records"):
            keys = (f"grid.{row['cell']}.{name}" for name in ("train.lx", "train.lz", "test.total"))
            losses = " | ".join(with_reach(found[key]) for key in keys)
            lines.append(f"| ours, {row['noise']} noise | {losses} |")
    made = pd.read_csv(results.parent / RUNS)
    return "\n".join([*lines, "", _what_was_run(made[made.cell.isin(cells(results))])])


def with_reach(number: Number) -> str:
    """A mean over seeds, and how far its 95% interval reaches where there is one."""
    reach = "" if number.interval is None else f" ± {np.ptp(number.interval) / 2:.2f}"
    return f"{number.value:.2f}{reach}"


def with_table(readme: str, table: str) -> str:
    """The README with its headline table replaced. Raises `ValueError` where the markers are
    missing."""
    pattern = r"(<!-- headline table: begin -->\n).*?(\n<!-- headline table: end -->)"
    replaced, count = re.subn(
        pattern, lambda found: found[1] + table + found[2], readme, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError("README.md has no pair of `headline table` markers")
    return replaced


def your_run(results: Path) -> str:
    """The fragment of the page "Your run", image paths relative to the results' folder."""
    entries = finished(results)
    lines = [f"**{NO_EVIDENCE}**", ""]
    for entry in entries:
        found, config = entry.provenance, entry.config
        lines.append(
            f"- `{entry.run.folder.name}`: data set `{config.data.dataset}`, "
            f"{found['iterations']} iterations of batch "
            f"{found['batch_size']}, {found['wall_seconds']:.0f} s on "
            f"{found['device']['type'].upper()} "
            f"(threads: {found['device']['threads']}), finished {found['finished']}."
        )
    lines += ["", "```text", headline(results), "```", ""]
    for name, caption in (
        ("figure_4", "Your Fig. 4: with attention in read and write."),
        ("figure_5", "Your Fig. 5: without attention in read."),
        ("figure_6", "Your Fig. 6: losses by iteration."),
    ):
        alt = f"{caption} From your quick run."
        lines += [":::{figure-md}", f"![{alt}](figures/{name}.png)", "", caption, ":::", ""]
    return "\n".join(lines)


def _what_was_run(made: pd.DataFrame) -> str:
    """made: rows of the table of runs."""
    seeds = made.groupby("cell").size()
    fewest, most = seeds.min(), seeds.max()
    devices = ", ".join(sorted(made.device.str.upper().unique()))
    return (
        f"Training runs (seeds) a row: {fewest if fewest == most else f'{fewest} to {most}'}; where"
        " there are several, means with 95% intervals (Student's t)."
        f" {made.iterations.iloc[0]:,} iterations on MNIST, trained on {devices}."
        f" From `results/{OVER_SEEDS}`."
    )


def number_files(results: Path) -> list[Path]:
    """What a profile's numbers are joined from. The book reads those of the profile `paper`, which
    take in what goes beyond it."""
    own = sorted((results / "numbers").glob("*.json"))
    if results.name != "paper":
        return own
    beyond = sorted((results.parent / "grid" / "numbers").glob("*.json"))
    measured = results.parent / "benchmarks" / "numbers.json"
    return [*own, *beyond, *([measured] if measured.exists() else [])]


def finished_run(config: RunConfig, run: Run, settings: EvaluationConfig) -> Finished:
    """A run with what was measured of it.

    Raises `RunError` where it is unfinished, or was evaluated with other settings.
    """
    provenance, folder = run.provenance, run.folder / "evaluation"
    if not (folder / "evaluation.json").exists():
        raise runs.RunError(f"{folder}: not evaluated yet (notebooks/evaluate.ipynb)")
    measured = json.loads((folder / "evaluation.json").read_text())["settings"]
    if measured != settings.model_dump():
        raise runs.RunError(
            f"{folder}: evaluated with {measured}; the profile asks for {settings.model_dump()}. "
            "Evaluate again (make reevaluate)"
        )
    return Finished(config, run, pd.read_csv(folder / "losses.csv"), provenance)


def split_row(entry: Finished, split: str, correlation: float) -> pd.Series:
    """The row of losses.csv for a split under one correlation of the noise."""
    rows = entry.losses[
        (entry.losses.split == split) & np.isclose(entry.losses.noise_correlation, correlation)
    ]
    return rows.iloc[0]


def _table_1_row(label: str, members: list[Finished], count: int) -> dict[str, Any]:
    model, paper = members[0].config.model, paper_values(members[0].config)
    train = [final_minibatches(entry.run.metrics(), count)["mean"] for entry in members]
    test = [split_row(entry, "test", model.noise_correlation) for entry in members]
    fresh = [split_row(entry, "test", 0.0) for entry in members]
    row: dict[str, Any] = {
        "cell": label,
        "architecture": model.architecture,
        "noise": noise_name(members[0].config),
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


def _merge_numbers(results: Path) -> str:
    numbers.merge(number_files(results), results / "numbers.json")
    return ""


def _write_your_run(results: Path) -> str:
    runs.write_atomically(results / "your_run.md", your_run(results).encode())
    return ""


def _write_readme(results: Path) -> str:
    readme = runs.project_root() / "README.md"
    runs.write_atomically(readme, with_table(readme.read_text(), readme_table(results)).encode())
    return ""


COMMANDS: dict[str, Callable[[Path], str]] = {
    "headline": headline,
    "readme": _write_readme,
    "your-run": _write_your_run,
    "numbers": _merge_numbers,
}


def main(arguments: list[str]) -> None:
    """Run one of the commands on a profile's results."""
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        raise SystemExit(f"usage: python -m dcrw.report {'|'.join(COMMANDS)} PROFILE")
    print(
        COMMANDS[arguments[0]](runs.project_root() / "results" / arguments[1]),
        end="\n" if arguments[0] == "headline" else "",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
