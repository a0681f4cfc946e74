"""What the README, a terminal and the page "Your run" show of finished runs: text from files under
results/ alone.

As a command: `python -m study.pages headline|readme|your-run|numbers PROFILE`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dcrw.model.architectures import FACTS
from dcrw.model.config import ConfigError
from dcrw.training.files import (
    TEXT_LIMIT,
    RunError,
    project_root,
    read_bytes,
    read_table,
    write_atomically,
)
from study import numbers
from study.finished import cells, finished
from study.names import MODELS
from study.numbers import Number
from study.paper.table_1 import table_1

OVER_SEEDS = "grid/numbers/claims.json"  # means over the seeds of every cell
RUNS = "grid/tables/runs.csv"
NO_EVIDENCE = "A quick run on small embedded images: its numbers are no evidence about the paper."


def headline(results: Path) -> str:
    """Table I in a few columns, for a terminal."""
    table = table_1(results)
    lines = [
        f"{'L_x + L_z, nats per image':34s} {'paper':>16s} {'training':>16s} {'test':>16s}",
        "-" * 85,
    ]
    for row in table.to_dict("records"):
        paper = (
            "-" if np.isnan(row["paper_lx"]) else f"{row['paper_lx']:.1f} + {row['paper_lz']:.1f}"
        )
        train = f"{row['train_lx']:.1f} + {row['train_lz']:.1f}"
        test = f"{row['test_lx']:.1f} + {row['test_lz']:.1f}"
        lines.append(
            f"{FACTS[row['architecture']].title}, {row['noise']:12s}"[:34].ljust(34)
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
        title = MODELS[str(architecture)]
        title = title[0].upper() + title[1:]
        lines.append(f"| **{title}: paper** | {paper.paper_lx:.2f} | {paper.paper_lz:.2f} | |")
        for row in rows.to_dict("records"):
            keys = (f"grid.{row['cell']}.{name}" for name in ("train.lx", "train.lz", "test.total"))
            losses = " | ".join(with_reach(found[key]) for key in keys)
            lines.append(f"| ours, {row['noise']} noise | {losses} |")
    columns = {"cell": str, "device": str, "iterations": int}
    way_out = "Judge the claims again (notebooks/claims.ipynb)."
    made = read_table(results.parent / RUNS, columns, way_out)
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
            f"- `{entry.run.folder.name}`: data set `{config.data.in_words}`, "
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
        f" {made.iterations.iloc[0]:,} iterations on grey-scale MNIST, trained on {devices}."
        f" From `results/{OVER_SEEDS}`."
    )


def _merge_numbers(results: Path) -> str:
    numbers.merge(numbers.number_files(results), results / "numbers.json")
    return ""


def _write_your_run(results: Path) -> str:
    write_atomically(results / "your_run.md", your_run(results).encode())
    return ""


def _write_readme(results: Path) -> str:
    readme = project_root() / "README.md"
    text = read_bytes(readme, TEXT_LIMIT, "Put the file back.").decode()
    write_atomically(readme, with_table(text, readme_table(results)).encode())
    return ""


COMMANDS: dict[str, Callable[[Path], str]] = {
    "headline": headline,
    "readme": _write_readme,
    "your-run": _write_your_run,
    "numbers": _merge_numbers,
}


def main(arguments: list[str]) -> None:
    """Run one of the commands on a profile's results. Raises `SystemExit` with a line for another
    command, or for a documented error."""
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        raise SystemExit(f"usage: python -m study.pages {'|'.join(COMMANDS)} PROFILE")
    try:
        text = COMMANDS[arguments[0]](project_root() / "results" / arguments[1])
    except (RunError, ConfigError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    print(text, end="\n" if arguments[0] == "headline" else "")


if __name__ == "__main__":
    main(sys.argv[1:])
