"""What Snakemake costs as a grid grows: `python -m benchmarks.grids`.

Profiles of 10 to 10,000 runs, none of them trained. CPU seconds, since a busy machine changes them
least. `plan_seconds`: the command that submits, up to its list of jobs (a dry run). `job_seconds`:
the start of one job's Snakemake, which reads the profile again; on a cluster each job starts two.
Writes results/benchmarks/grids.csv and grids.json, the numbers of the book's page, after each size.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from dcrw.training.files import project_root, write_table
from dcrw.training.profiles import load_profile
from dcrw.training.run import run_for
from study.numbers import Number, write

SIZES = (10, 100, 1_000, 10_000)
SEEDS = 10
SOURCE = "results/benchmarks/grids.csv"
LINKED = ("dcrw", "study", "notebooks", "workflow", "configs/paper.yaml", "configs/grid.yaml")


def profile(runs: int) -> str:
    """The text of a profile of so many runs, `SEEDS` seeds a cell."""
    cells = {
        f"cell-{number}": {"training": {"learning_rate": round(1e-4 + number * 1e-6, 9)}}
        for number in range(runs // SEEDS)
    }
    seeds = list(range(SEEDS))
    return yaml.safe_dump({"profile": "many", "seeds": seeds, "runs": cells}, sort_keys=False)


def measured(folder: Path, runs: int) -> dict[str, float]:
    """A row of the table, for a project that is made below a folder."""
    root = project_root()
    for name in LINKED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(root / name)
    path = folder / "configs/many.yaml"
    path.write_text(profile(runs), encoding="utf-8")
    (configs,) = load_profile(path).stage_configs().values()
    results = Path("results/many")
    targets = [str(run_for(config, results).folder / "provenance.json") for config in configs]
    plan = _cpu_seconds(folder, targets)
    return {"runs": runs, "plan_seconds": plan, "job_seconds": _cpu_seconds(folder, targets[:1])}


def _cpu_seconds(folder: Path, targets: Sequence[str]) -> float:
    """CPU time of a dry run."""
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", "workflow/Snakefile"]
    command += ["--cores", "1", "--rerun-triggers", "mtime", "--dry-run", "--quiet", "all"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def numbers(table: pd.DataFrame) -> dict[str, Number]:
    """The table as numbers of the book."""
    return {
        f"grids.{int(row['runs'])}.{name}": Number(float(row[name]), SOURCE)
        for _, row in table.iterrows()
        for name in ("plan_seconds", "job_seconds")
    }


def main(sizes: Sequence[int] = SIZES) -> None:
    """Measure, print and write."""
    rows = []
    for runs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured(Path(folder), runs))
        print(rows[-1], flush=True)
        written(pd.DataFrame(rows))


def written(table: pd.DataFrame) -> None:
    """Write the table and its numbers."""
    write_table(project_root() / SOURCE, table)
    write(project_root() / "results/benchmarks/grids.json", numbers(table))


if __name__ == "__main__":
    main()
