"""Tables and numbers of the page on where DCRW stands."""

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from common import ROOT
from finished_runs import make_project

from dcrw.training.files import write_record
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
        row["data"] = "mnist, grey"
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


@pytest.fixture
def binarised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the profile `binarised`, whose two runs are evaluated but not taken apart."""
    profile = yaml.safe_load((ROOT / "configs/binarised.yaml").read_text())
    make_project(
        tmp_path, "binarised", {key: profile[key] for key in ("seeds", "defaults", "runs")}
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def take_apart(project: Path, bounds: dict[str, float]) -> None:
    for name, bound in bounds.items():
        (folder,) = project.glob(f"results/binarised/runs/{name}-binarised-*/evaluation")
        rows = {"images": 500, "samples": [1, 500], "bound": [bound + 9, bound]}
        pd.DataFrame(rows).to_csv(folder / "bounds.csv", index=False)
        write_record(folder / "forensics.json", {}, [folder / "bounds.csv"])


def test_runs_on_binarised_images_stand_beside_what_was_published(binarised):
    take_apart(binarised, {"draw": 91.25, "dcrw": 95.0})
    runs = standing.on_binarised(binarised)
    table = standing.binarised_table(runs, binarised)
    ours, others = table[:2], table[2:]
    assert ours.model.tolist() == ["DRAW", "DCRW with attention in read"]
    assert set(ours.binarised) == {"by sampling, once"}
    assert set(ours["T"]) == set(ours.z) == {"10"} and set(ours.iterations) == {"25,000"}
    assert ours.test.tolist() == ["100.00", "101.00"]  # as `make_run` has them
    assert ours.bound.tolist() == ["91.25", "95.00"]
    assert others.test.tolist() == ["80.97", "87.40"] and set(others.iterations) == {"not given"}
    assert others["T"].tolist() == ["64", "not given"]  # the paper gives sizes of one model
    assert others.z.tolist() == ["100", "not given"]
    caption = standing.binarised_caption(runs)
    assert "one run each, seed 0" in caption and "first 500 test images, 500 samples" in caption
    words = standing.binarised_in_words(runs)
    assert "DRAW at 100.0 and DCRW with attention in read at 101.0 nats" in words
    assert "bounds are 91.2 and 95.0" in words and "lie 1.0 nats apart" in words
    found = standing.binarised_numbers(runs)
    assert {key: number.value for key, number in found.items()} == {
        "binarised.draw.test": 100,
        "binarised.draw.bound": 91.25,
        "binarised.dcrw.test": 101,
        "binarised.dcrw.bound": 95,
    }


def test_what_is_not_there_on_binarised_images_is_said(binarised):
    take_apart(binarised, {"draw": 91.25})
    half = standing.on_binarised(binarised)
    assert standing.binarised_table(half, binarised).bound.tolist()[:2] == ["91.25", "not yet run"]
    assert standing.binarised_in_words(half).startswith("Not there yet: DCRW with attention")
    shutil.rmtree(binarised / "results/binarised")
    none = standing.on_binarised(binarised)
    table = standing.binarised_table(none, binarised)
    assert set(table.test[:2]) == set(table.bound[:2]) == {"not yet run"}
    assert "DRAW and DCRW with attention in read; `make binarised`" in (
        standing.binarised_in_words(none)
    )
    assert standing.binarised_numbers(none) == {}
    assert "samples" not in standing.binarised_caption(none)


def test_the_committed_runs_on_binarised_images_are_whole():
    """They are committed with all that the page shows of them, or not at all."""
    for run in standing.on_binarised(ROOT):
        assert (run.test is None) == (run.bound is None)
