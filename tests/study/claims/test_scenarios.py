"""What is simulated, and from which spreads."""

import math
from pathlib import Path

import numpy as np
import pytest

from study.claims import power, scenarios

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def known() -> scenarios.Known:
    return power.load(PROJECT)


def test_error_of_sharpness_is_the_largest_of_the_runs():
    errors = []
    for ours in PROJECT.glob("results/*/runs/dcrw-[fs]*-s[0-9]-*/evaluation/measures.npz"):
        cell, seed = ours.parents[1].name.rsplit("-", 2)[:2]
        other = cell.replace("dcrw-", "dcrw-write-only-")
        found = list(PROJECT.glob(f"results/*/runs/{other}-{seed}-*/evaluation/measures.npz"))
        if cell not in ("dcrw-fresh", "dcrw-shared") or not found:
            continue
        with np.load(ours) as one, np.load(found[0]) as two:
            paired = one["reconstructed_sharpness"] - two["reconstructed_sharpness"]
            errors.append(paired.std(ddof=1) / math.sqrt(len(paired)))
            samples = one["generated_sharpness"], two["generated_sharpness"]
            errors.append(math.sqrt(sum(each.var(ddof=1) / len(each) for each in samples)))
    assert len(errors) == 12
    assert max(errors) == pytest.approx(scenarios.SHARPNESS_ERROR, abs=5e-5)


def test_scenarios_have_their_own_random_numbers(known):
    words = [(s.rule, s.truth, s.source) for s in scenarios.scenarios(known, 10)]
    assert len(words) == len(set(words)) > 50
