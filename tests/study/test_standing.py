"""Tables and numbers of the page on where DCRW stands."""

import math

import numpy as np
import pandas as pd
import pytest
from common import ROOT

from study import standing
from study.cells import LOSSES


def runs() -> pd.DataFrame:
    """Two runs of DRAW, one of DCRW, and one that the page leaves out."""
    rows = []
    for cell, seed, test in (
        ("draw-fresh", 0, 100.0),
        ("draw-fresh", 1, 110.0),
        ("dcrw-fresh", 0, 90.5),
        ("dcrw-shared", 0, 1.0),
    ):
        row = dict.fromkeys(LOSSES, 50.0) | {"cell": cell, "seed": seed, "test_total": test}
        row |= {"train_total": test - 4.0, "iterations": 10, "parameters": 12345}
        rows.append(row | {"minutes": 10.0 + 10 * seed})
    return pd.DataFrame(rows)


@pytest.fixture
def table() -> pd.DataFrame:
    bounds = pd.DataFrame(
        {
            "cell": ["draw-fresh", "draw-fresh", "draw-fresh"],
            "seed": [0, 0, 1],
            "samples": [1, 500, 500],
            "bound": [99.0, 95.0, 1.0],
        }
    )
    steps = pd.DataFrame(
        {
            "cell": ["draw-fresh", "draw-fresh", "draw-fresh"],
            "seed": [0, 0, 1],
            "active": [3, 4, 100],
        }
    )
    return standing.standing_table(runs(), bounds, steps)


def test_models_stand_in_the_pages_order_with_what_was_measured(table):
    assert table.cell.tolist() == ["dcrw-fresh", "draw-fresh"]
    ours, draw = table.to_dict("records")
    assert draw["test_total"] == 105 and draw["gap"] == pytest.approx(4) and draw["minutes"] == 15
    assert draw["bound"] == 95 and draw["active"] == 7
    assert math.isnan(ours["bound"]) and math.isnan(ours["active"])
    assert ours["n"] == 1 and math.isnan(ours["test_total_low"])


def test_a_reader_sees_intervals_where_there_are_two_seeds(table):
    shown = standing.losses_in_words(table)
    assert shown.model.tolist() == ["with attention in read", "DRAW"]
    reach = 12.706204736 * np.std([100, 110], ddof=1) / np.sqrt(2)  # Student's t, one degree
    assert shown["95%"].tolist() == ["", f"{105 - reach:.1f} to {105 + reach:.1f}"]
    cost = standing.cost_in_words(table)
    assert cost.parameters.tolist() == ["12,345"] * 2 and cost.minutes.tolist() == [10, 15]


def test_latent_losses_by_step_are_of_recurrent_models_under_fresh_noise():
    rows = [
        {"cell": cell, "seed": seed, "split": split, "noise_correlation": r, "step": step}
        | {"latent": step + 10 * seed}
        for cell in ("draw-fresh", "conv-vae", "dcrw-shared", "dcrw-fresh")
        for seed in (0, 1)
        for split in ("test", "train")
        for r in (0.0, 1.0)
        for step in (1, 2)
    ]
    chosen = standing.latent_by_step(pd.DataFrame(rows))
    assert set(chosen.cell) == {"draw-fresh", "dcrw-fresh"} and len(chosen) == 8
    assert set(chosen.split) == {"test"} and set(chosen.noise_correlation) == {0.0}
    (curves,) = standing.latent_curves(chosen).values()
    assert list(curves) == ["dcrw", "draw"]
    for curve in curves.values():
        assert curve.value.tolist() == [6, 7]
        assert curve.low.tolist() == [1, 2] and curve.high.tolist() == [11, 12]


def test_ablations_are_quoted_beside_what_seeds_do():
    ablations = pd.DataFrame(
        {"cell": ["dcrw-z5", "dcrw-sgd"], "iterations": [3000, 3000], "difference": [-1.5, 40.0]}
    )
    found = standing.ablation_numbers(ablations, [2.5, 1.0])
    assert {key: number.value for key, number in found.items()} == {
        "ablation.dcrw-z5": -1.5,
        "ablation.dcrw-sgd": 40.0,
        "ablation.iterations": 3000,
        "ablation.seeds.low": 0,
        "ablation.seeds.high": 2.5,
    }
    assert found["ablation.seeds.low"].n == 2 and found["ablation.dcrw-z5"].n == 1
    mixed = ablations.assign(iterations=[3000, 2000])
    with pytest.raises(ValueError, match=r"2000.*3000.*expected one length"):
        standing.ablation_numbers(mixed, [])


def test_runs_on_binarised_images_that_are_not_there_say_so():
    table = standing.binarised_table(ROOT)
    ours = table[table.by == "ours"]
    assert ours.model.tolist() == ["DRAW", "with attention in read"]
    assert set(ours.binarised) == {"by sampling, once"}
    assert (ours["T"] == 10).all() and (ours.z == 10).all()
    assert set(ours.iterations) == {"25,000"}
    for cell, test in zip(("draw", "dcrw"), ours.test, strict=True):
        there = list(ROOT.glob(f"results/binarised/runs/{cell}-binarised-*/evaluation"))
        assert (test == "not yet run") == (not there)
    others = table[table.by != "ours"]
    assert others.test.tolist() == ["80.97", "87.40"] and set(others.iterations) == {"not given"}
