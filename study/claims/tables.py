"""What the claims are judged on, as tables, a row per run."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from dcrw.training.files import exists, read_arrays
from study import statistics
from study.cells import block_means, loss_blocks, run_table, seed_of
from study.claims.judge import Observed
from study.claims.second_round import Seen
from study.finished import Finished
from study.numbers import Number


def observe(entries: Sequence[Finished], published: Mapping[str, Number]) -> Observed:
    """What the registered claims are judged on; published: the paper's numbers."""
    blocks = {
        (entry.config.name, seed_of(entry)): block_means(entry.run.metrics()) for entry in entries
    }
    return Observed(
        run_table(entries),
        blocks,
        measure_table(entries),
        sharpness_table(entries),
        {key: number.value for key, number in published.items()},
    )


def see(entries: Sequence[Finished], digits: float) -> Seen:
    """What the second round's claims are judged on; digits: accuracy with which training digits are
    told from test digits."""
    blocks = {
        (entry.config.name, seed_of(entry)): loss_blocks(entry.run.metrics()) for entry in entries
    }
    return Seen(
        run_table(entries), blocks, measure_table(entries), sharpness_table(entries), digits
    )


def paths_of(entries: Iterable[Finished], cell: str) -> dict[int, pd.DataFrame]:
    """metrics.csv of each run of a cell, by seed."""
    return {seed_of(entry): entry.run.metrics() for entry in entries if entry.config.name == cell}


MEASURE = "Measure the run again (notebooks/measure.ipynb)."


def measure_table(entries: Iterable[Finished]) -> pd.DataFrame:
    """One row per run that has been measured: `cell`, `seed`, and the scalars of measures.json."""
    rows = []
    for entry in entries:
        path = entry.run.folder / "evaluation" / "measures.json"
        if exists(path):
            scalars = entry.run.measured(path.name, MEASURE)["measures"]
            values = {name: number["value"] for name, number in scalars.items()}
            rows.append({"cell": entry.config.name, "seed": entry.config.training.seed} | values)
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["cell", "seed"])


def sharpness_table(entries: Sequence[Finished]) -> pd.DataFrame:
    """How much sharper the variant with attention draws, by noise, seed and mode: mean difference
    and p of the registered permutation test (claim c).

    Reconstructions are paired by image, samples from the prior are not.
    """
    arrays = {}
    for entry in entries:
        path = entry.run.folder / "evaluation" / "measures.npz"
        if exists(path):
            checked = entry.run.evaluated(path.name, "measures.json")
            key = entry.config.name, entry.config.training.seed
            arrays[key] = read_arrays(checked, MEASURE)
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
                statistics.sign_flip_test(pair[0] - pair[1])
                if paired
                else statistics.two_sample_test(*pair)
            )
            row = {"noise": noise, "seed": seed, "mode": mode}
            rows.append(row | {"difference": found.statistic, "p": found.p_value})
    return pd.DataFrame(rows, columns=["noise", "seed", "mode", "difference", "p"])
