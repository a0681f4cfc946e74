"""How often each verdict rule says that it holds when the truth is known: simulated from the
spreads over seeds of the committed runs. Claim a's fall over iterations has no such rule.

As a command, `python -m study.claims.power` writes
results/grid/tables/operating_characteristics.csv.
Values are normal over seeds, and different ones are independent: L_x of L_z, too, and one variant
of the other unless a rule takes differences by seed. The means and spreads of the cells, estimated
from few seeds, stand for the true ones. R repetitions, n seeds.
"""

import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from dcrw.training.files import project_root, read_record, read_table, write_table
from study import numbers
from study.claims import judge
from study.claims.scenarios import Known, scenarios

REPETITIONS = 20_000
SEED = 20261127
SEEDS = (3, 5, 10)  # n
PILOT = (0, 1, 2)  # seeds whose spreads are used; further ones are judged by rules and change none
JUDGE = "Judge the claims again (notebooks/claims.ipynb)."
OUTPUT = "results/grid/tables/operating_characteristics.csv"


def operating_characteristics(known: Known, repetitions: int = REPETITIONS) -> pd.DataFrame:
    """One row per test, truth and number of seeds: the share of repetitions in which it holds.

    A scenario's random numbers depend on its own words alone, so that another changes none.
    """
    rows = []
    for scenario in scenarios(known, repetitions):
        words = "|".join((scenario.rule, scenario.truth, scenario.source))
        for n in SEEDS:
            draws = np.random.default_rng([SEED, zlib.crc32(words.encode()), n])
            for test, held in scenario.simulate(draws, n).items():
                rows.append(
                    {
                        "rule": scenario.rule,
                        "test": test,
                        "truth": scenario.truth,
                        "n": n,
                        "accepts": round(float(held.mean()), 3),
                        "source": scenario.source,
                    }
                )
    return pd.DataFrame(rows)


def load(project: Path) -> Known:
    """What the simulation starts from, from the committed files of a project: pilot seeds alone."""
    results = project / "results" / "grid"
    reference = read_record(results / "classifier" / "reference.json", "Measure the digits again.")
    published = numbers.read(project / "book" / "published.json")
    losses, measures = (
        read_table(results / "tables" / f"{name}.csv", {"cell": str, "seed": int}, JUDGE)
        for name in ("runs", "measures")
    )
    return Known(
        losses[losses.seed.isin(PILOT)],
        measures[measures.seed.isin(PILOT)],
        judge.registered(project / "book" / "claims.yaml"),
        {key: number.value for key, number in published.items()},
        reference["measures"]["two_sample.accuracy"]["value"],
    )


def write(project: Path) -> Path:
    """Write the table of operating characteristics; returns its path."""
    path = project / OUTPUT
    write_table(path, operating_characteristics(load(project)))
    return path


if __name__ == "__main__":
    print(write(project_root()))
