"""Tables and numbers from finished, evaluated runs: from files under results/ alone.

As a command: `python -m dcrw.report headline|readme|your-run|numbers PROFILE`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw import numbers, runs
from dcrw.config import Profile, RunConfig, load_profile
from dcrw.numbers import Number
from dcrw.runs import Run, run_for

VARIANTS = {
    "dcrw": "with attention",
    "dcrw-write-only": "without attention in read",
    "draw": "DRAW",
    "conv-vae": "convolutional VAE",
}
PAPER_ROWS = {"dcrw": "attention", "dcrw-write-only": "write_only"}
TABLE_1 = "tables/table_1.csv"
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
    """All runs of the profile, in its order. Raises `RunError` where one is unfinished."""
    return [_finished(config, run_for(config, results)) for config in profile_of(results).configs()]


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


def final_minibatches(metrics: pd.DataFrame, count: int) -> pd.DataFrame:
    """Mean and standard error of L_x and L_z over the last `count` training minibatches.

    Index `reconstruction`, `latent`; columns `mean`, `se`, `n`. The standard error takes
    minibatches for independent.
    """
    widths = metrics.iteration.diff().fillna(metrics.iteration.iloc[0])
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
    count = profile_of(results).evaluation.final_iterations
    return pd.DataFrame(
        [_table_1_row(label, members, count) for label, members in cells(results).items()]
    )


def table_1_numbers(results: Path) -> dict[str, Number]:
    """The table's entries and each cell's cost, with n and 95% intervals, for the book's prose."""
    source = str(Path("results") / results.name / TABLE_1)
    count = profile_of(results).evaluation.final_iterations
    found: dict[str, Number] = {}
    for row in table_1(results).to_dict("records"):
        members = cells(results)[row["cell"]]
        for key, number in _cell_numbers(row, members, count, source):
            found[f"table1.{row['cell']}.{key}"] = number
    return found


def headline(results: Path) -> str:
    """Table I in a few columns, for a terminal."""
    table = table_1(results)
    lines = [f"{'nats an image':34s} {'paper':>16s} {'training':>16s} {'test':>16s}", "-" * 85]
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
    """Table I as Markdown, for the README."""
    lines = ["| | $L_x$ | $L_z$ | Test total |", "|---|---|---|---|"]
    for architecture, rows in table_1(results).groupby("architecture", sort=False):
        paper = rows.iloc[0]
        title = VARIANTS[str(architecture)].capitalize()
        lines.append(f"| **{title}: paper** | {paper.paper_lx:.2f} | {paper.paper_lz:.2f} | |")
        for row in rows.to_dict("records"):
            total = row["test_lx"] + row["test_lz"]
            losses = f"{row['train_lx']:.2f} | {row['train_lz']:.2f} | {total:.2f}"
            lines.append(f"| ours, {row['noise']} noise | {losses} |")
    return "\n".join([*lines, "", _what_was_run(results)])


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
            f"({found['device']['threads']} thread(s)), finished {found['finished']}."
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


def _what_was_run(results: Path) -> str:
    entries = finished(results)
    training = entries[0].config.training
    seeds = len({entry.config.training.seed for entry in entries})
    devices = sorted({entry.provenance["device"]["type"].upper() for entry in entries})
    return (
        f"{training.iterations:,} iterations of batch {training.batch_size} on MNIST, "
        f"{seeds} seed(s) a row, trained on {', '.join(devices)}. "
        f"From `results/{results.name}/{TABLE_1}`."
    )


def _finished(config: RunConfig, run: Run) -> Finished:
    path = run.folder / "evaluation" / "losses.csv"
    provenance = run.provenance
    if not path.exists():
        raise runs.RunError(f"{path}: missing; evaluate the run first (notebooks/evaluate.ipynb)")
    return Finished(config, run, pd.read_csv(path), provenance)


def _split(entry: Finished, split: str, correlation: float) -> pd.Series:
    rows = entry.losses[
        (entry.losses.split == split) & np.isclose(entry.losses.noise_correlation, correlation)
    ]
    return rows.iloc[0]


def _table_1_row(label: str, members: list[Finished], count: int) -> dict[str, Any]:
    model, paper = members[0].config.model, paper_values(members[0].config)
    train = [final_minibatches(entry.run.metrics(), count)["mean"] for entry in members]
    test = [_split(entry, "test", model.noise_correlation) for entry in members]
    fresh = [_split(entry, "test", 0.0) for entry in members]
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
    made = members[0].provenance
    last = final_minibatches(members[0].run.metrics(), count)
    for loss, name in (("lx", "reconstruction"), ("lz", "latent")):
        value = row[f"train_{loss}"]
        yield (
            f"train.{loss}",
            _number(value, last.se[name], int(last.n[name]), source, alone=len(members) == 1),
        )
        for prefix, correlation in (
            ("test", members[0].config.model.noise_correlation),
            ("test_fresh", 0.0),
        ):
            measured = _split(members[0], "test", correlation)
            error, n = measured[f"{name}_se"], int(measured["images"])
            yield (
                f"{prefix}.{loss}",
                _number(row[f"{prefix}_{loss}"], error, n, source, alone=len(members) == 1),
            )
        if not np.isnan(row[f"paper_{loss}"]):
            difference = row[f"difference_{loss}"]
            yield f"difference.{loss}", Number(difference, source)
            yield (
                f"difference_percent.{loss}",
                Number(100 * difference / row[f"paper_{loss}"], source),
            )
    for prefix in ("test", "test_fresh"):
        yield f"{prefix}.total", Number(row[f"{prefix}_lx"] + row[f"{prefix}_lz"], source)
    yield "seeds", Number(len(members), source)
    for key, value in (
        ("iterations", made["iterations"]),
        ("parameters", made["parameters"]),
        ("wall_minutes", made["wall_seconds"] / 60),
        ("iterations_per_second", made["iterations_per_second"]),
        ("threads", made["device"]["threads"]),
    ):
        yield (
            key,
            Number(
                value,
                str(
                    Path("results")
                    / source.split("/")[1]
                    / "runs"
                    / made["run"]
                    / "provenance.json"
                ),
            ),
        )


def _number(value: float, error: float, n: int, source: str, alone: bool) -> Number:
    interval = (float(value - 1.96 * error), float(value + 1.96 * error)) if alone else None
    return Number(float(value), source, n, interval)


def _merge_numbers(results: Path) -> str:
    numbers.merge(sorted((results / "numbers").glob("*.json")), results / "numbers.json")
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
