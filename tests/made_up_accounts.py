"""Made-up tables of accounts whose answers are known."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import yaml

from study.claims.accounts import MEASURES, REDUCTIONS
from study.claims.judge import Observed
from study.claims.second_round import Seen

Evidence = TypeVar("Evidence", Observed, Seen)
PROJECT = Path(__file__).parents[1]
REGISTERED: dict[str, Any] = yaml.safe_load((PROJECT / "book" / "claims.yaml").read_text())
PRINTED = {
    "attention_lx": 70.168,
    "attention_lz": 1.5468,
    "write_only_lx": 147.24,
    "write_only_lz": 31.065,
}
PUBLISHED = {
    f"paper.table1.{row}.{loss}": PRINTED[f"{row}_{loss}"]
    for row in ("attention", "write_only")
    for loss in ("lx", "lz")
}


def rows_of(
    cell: str,
    lx: list[float],
    lz: list[float],
    first_seed: int = 0,
    sd: tuple[float, float] = (2.0, 0.1),
) -> list[dict[str, Any]]:
    """One run for each value, the same in every measure; T = z = 10."""
    return [
        {"cell": cell, "seed": first_seed + number, "iterations": 10_000, "measure": measure}
        | {"lx": one, "lz": other}
        | {"lx_sd": np.nan if measure == "test" else sd[0]}
        | {"lz_sd": np.nan if measure == "test" else sd[1]}
        | dict(zip(REDUCTIONS, (0.1, 0.1, 0.01), strict=True))
        for number, (one, other) in enumerate(zip(lx, lz, strict=True))
        for measure in MEASURES
    ]


def pair(name: str, off: float = 1.0, n: int = 5, first_seed: int = 0) -> list[dict[str, Any]]:
    """Both cells of an account whose means are `off` times the printed values; name: after the
    model's."""
    nudge = np.linspace(-0.01, 0.01, n) + off
    found = []
    for model, row in (("dcrw", "attention"), ("dcrw-write-only", "write_only")):
        values = ((PRINTED[f"{row}_{loss}"] * nudge).tolist() for loss in ("lx", "lz"))
        found += rows_of(f"{model}-{name}", *values, first_seed=first_seed)
    return found


def table(*rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([row for part in rows for row in part])


def first_seed(found: Evidence) -> Evidence:
    """What a claim is judged on, of seed 0 alone."""
    return found._replace(
        losses=found.losses[found.losses.seed == 0],
        blocks={key: value for key, value in found.blocks.items() if key[1] == 0},
        measures=found.measures[found.measures.seed == 0],
        sharpness=found.sharpness[found.sharpness.seed == 0],
    )
