"""What each open choice does by itself: short runs against the first iterations of a reference."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dcrw.training.config import RunConfig
from dcrw.training.files import RunError
from study.cells import FINAL, seed_of
from study.finished import Finished, final_minibatches
from study.names import change_in_words


def ablation_table(entries: Sequence[Finished], reference: str = "dcrw-fresh") -> pd.DataFrame:
    """One row for each run that is shorter than the reference: what else differs, and L_x and L_z
    at its end beside the reference's at that iteration (means over the last 1,000 minibatches up to
    there, seed 0).

    Raises `RunError` where the reference is missing.
    """
    base = [entry for entry in entries if (entry.config.name, seed_of(entry)) == (reference, 0)]
    if not base:
        raise RunError(f"{reference}, seed 0: not complete; ablations are compared with it")
    config, path = base[0].config, base[0].run.metrics()
    rows = []
    for entry in entries:
        length = entry.config.training.iterations
        if length >= config.training.iterations or seed_of(entry) != 0:
            continue
        row: dict[str, Any] = {"cell": entry.config.name, "change": _change(entry.config, config)}
        row["iterations"] = length
        for prefix, table in (("", entry.run.metrics()), ("reference_", path)):
            means = _means_until(table, length)
            row |= {f"{prefix}lx": means["reconstruction"], f"{prefix}lz": means["latent"]}
        total = row["lx"] + row["lz"]
        rows.append(row | {"difference": total - row["reference_lx"] - row["reference_lz"]})
    columns = ["cell", "change", "iterations", "lx", "lz", "reference_lx", "reference_lz"]
    return pd.DataFrame(rows, columns=[*columns, "difference"])


def changes_in_words(ablations: pd.DataFrame) -> pd.DataFrame:
    """`ablation_table` as a reader sees it: each change in words and as it is set."""
    names = {"change": "set", "lx": "Lx", "lz": "Lz"}
    columns = ["change", "iterations", "lx", "lz", "difference"]
    shown = ablations[columns].rename(columns=names)
    shown.insert(0, "change", ablations.change.map(change_in_words))
    return shown


def seed_differences(
    entries: Sequence[Finished], iterations: int, reference: str = "dcrw-fresh"
) -> list[float]:
    """L_x + L_z of the reference's other seeds less that of seed 0, each the mean over the 1,000
    minibatches before `iterations`: how far runs are apart that nothing was changed in."""
    totals = {}
    for entry in entries:
        if entry.config.name == reference:
            means = _means_until(entry.run.metrics(), iterations)
            totals[seed_of(entry)] = means["reconstruction"] + means["latent"]
    return [total - totals[0] for seed, total in sorted(totals.items()) if seed]


def _means_until(path: pd.DataFrame, iteration: int) -> pd.Series:
    """Mean losses over the 1,000 minibatches up to an iteration."""
    return final_minibatches(path[path.iteration <= iteration], FINAL)["mean"]


def _change(config: RunConfig, reference: RunConfig) -> str:
    """The settings that differ, besides name and length, as `name = value`."""
    own, other = config.parameters(), reference.parameters()
    return ", ".join(
        f"{name} = {value}"
        for name, value in own.items()
        if value != other[name] and name not in ("name", "iterations")
    )
