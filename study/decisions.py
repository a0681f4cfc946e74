"""What each of the book's decisions does to the losses, from committed tables: the badge and the
effects of its card.

A change was run once, and two runs that differ in their seed alone are some way apart; an effect
that is not larger than that says nothing."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dcrw.model.config import ModelConfig
from dcrw.training.config import TrainingConfig
from dcrw.training.files import read_table
from study import numbers
from study.live import Live

ABLATIONS = "results/grid/figures/ablations.csv"  # short runs, one choice changed in each
RUNS = "results/grid/tables/runs.csv"
NUMBERS = "results/paper/numbers.json"
CHANGES = {"change": str, "difference": float, "iterations": int}  # columns that are read
LOSSES = {"cell": str, "seed": int, "iterations": int, "train_total": float}
FILES = (ABLATIONS, RUNS, NUMBERS)
NUMBER = re.compile(r"\[(\d+)\]$")  # of a decision, at the end of a field's description
NOISE = "noise_correlation"
WHOLE = {"dcrw-fresh": 0.0, "dcrw-shared": 1.0}  # cells that differ in the noise alone
BADGES = ("matters", "within the spread of seeds", "not measured")


class Effect(NamedTuple):
    """One change of a setting, one run, seed 0."""

    change: str  # as `window_parameters = four`
    difference: float  # of L_x + L_z from the default's, nats per image
    iterations: int
    reach: float  # how far two of the default's seeds are apart at this iteration, at most

    @property
    def matters(self) -> bool:
        """Beyond what seeds alone do."""
        return abs(self.difference) > self.reach


def decision_of() -> dict[str, int]:
    """Settings to the decision that their description names; what Table I gives is not open."""
    fields = ModelConfig.model_fields | TrainingConfig.model_fields
    words = {name: field.description or "" for name, field in fields.items()}
    found = {name: NUMBER.search(text) for name, text in words.items() if "Table I" not in text}
    return {name: int(match[1]) for name, match in found.items() if match}


def effects(ablations: pd.DataFrame, reach: float, runs: pd.DataFrame) -> dict[int, list[Effect]]:
    """Every measured change by decision.

    ablations: of `study.ablations.ablation_table`; reach: how far two of the default's seeds are
    apart at the ablations' iteration, at most; runs: of `study.cells.run_table`. A change of
    several settings belongs to the decision of its first.
    """
    owner, found = decision_of(), dict[int, list[Effect]]()
    for row in ablations.to_dict("records"):
        number = owner.get(str(row["change"]).split(" = ")[0])
        if number is not None:
            effect = Effect(row["change"], row["difference"], row["iterations"], reach)
            found.setdefault(number, []).append(effect)
    noise = _noise(runs)
    return found | ({owner[NOISE]: [noise]} if noise else {})


def _noise(runs: pd.DataFrame) -> Effect | None:
    """Shared against fresh noise with attention, whole runs; None where one is missing."""
    totals = {cell: runs[runs.cell == cell].set_index("seed").train_total for cell in WHOLE}
    if any(0 not in values.index for values in totals.values()):
        return None
    fresh, shared = totals.values()
    iterations = int(runs[runs.cell == "dcrw-fresh"].iterations.iloc[0])
    difference = float(shared[0] - fresh[0])
    return Effect(f"{NOISE} = 1", difference, iterations, float(fresh.max() - fresh.min()))


def badge(measured: Sequence[Effect]) -> str:
    """One of BADGES."""
    if not measured:
        return BADGES[2]
    return BADGES[0] if any(effect.matters for effect in measured) else BADGES[1]


def figure(project: Path) -> Live:
    """The cards' state, by decision; a page shows those that it has. Raises `RunError`."""
    known = numbers.read(project / NUMBERS)
    reach = known["ablation.seeds.high"].value - known["ablation.seeds.low"].value
    ablations = read_table(project / ABLATIONS, CHANGES, "Run notebooks/standing.ipynb.")
    runs = read_table(project / RUNS, LOSSES, "Run notebooks/claims.ipynb.")
    found = effects(ablations, reach, runs)
    cards: Mapping[str, Any] = {
        str(number): {"badge": badge(measured), "effects": measured}
        for number, measured in sorted(found.items())
    }
    return Live("decisions", {"cards": cards, "none": badge([])})
