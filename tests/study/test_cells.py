"""Runs of all profiles as one table, a row a run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_runs import make_project

from dcrw.training.files import RunError, write_record
from study.cells import (
    EVERY_PROFILE,
    block_means,
    cell_table,
    evaluation_tables,
    gathered,
    grid_numbers,
    loss_blocks,
    own_seconds,
    run_table,
    seed_of,
)


def test_block_means_weigh_rows_by_their_width_and_drop_the_rest():
    metrics = pd.DataFrame(
        {
            "iteration": [500, 1000, 1500, 2000, 2500],
            "reconstruction": [4.0, 2.0, 2.0, 0.0, 9.0],
            "latent": [1.0, 1.0, 1.0, 1.0, 1.0],
        }
    )
    np.testing.assert_allclose(block_means(metrics), [4.0, 2.0])


def test_hours_of_runs_side_by_side_are_shared():
    alone = {"wall_seconds": 90.0}
    resumed = alone | {"segments": [{"seconds": 60.0, "side_by_side": 3}, {"seconds": 30.0}]}
    assert own_seconds(alone) == 90.0
    assert own_seconds(resumed) == 50.0


def test_losses_of_blocks_are_apart():
    rng = np.random.default_rng(0)
    metrics = pd.DataFrame({"iteration": np.arange(50, 5001, 50)})
    metrics["reconstruction"], metrics["latent"] = rng.random((2, 100))
    blocks = loss_blocks(metrics)
    np.testing.assert_allclose(blocks.lx, metrics.reconstruction.to_numpy().reshape(5, 20).mean(1))
    np.testing.assert_allclose(blocks.lz, metrics.latent.to_numpy().reshape(5, 20).mean(1))
    np.testing.assert_allclose(blocks.lx + blocks.lz, block_means(metrics))


PROFILE = {
    "defaults": {"training": {"iterations": 2000, "batch_size": 10}},
    "runs": {"dcrw-fresh": {}, "draw-fresh": {"model": {"architecture": "draw"}}},
}


def project(folder: Path) -> Path:
    """Seed 0 in `paper`, seeds 1 and 2 of dcrw in `grid` and 3 in `round2`."""
    for name, seeds in (("paper", [0]), ("grid", [1, 2]), ("round2", [3])):
        stages = {"all": {"dcrw-fresh": seeds, "draw-fresh": seeds}}
        make_project(folder, name, PROFILE | {"stages": stages})
    return folder


def test_runs_are_gathered_from_the_first_round_or_from_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, missing = gathered(project(tmp_path))
    assert [seed_of(entry) for entry in done] == [0, 0, 1, 2, 1, 2] and missing == []
    done, _ = gathered(tmp_path, EVERY_PROFILE)
    assert [seed_of(entry) for entry in done] == [0, 0, 1, 2, 1, 2, 3, 3]
    (done[0].run.folder / "evaluation" / "evaluation.json").unlink()
    done, missing = gathered(tmp_path, EVERY_PROFILE)
    assert [config.name for config in missing] == ["dcrw-fresh"] and len(done) == 7


def test_a_row_has_a_runs_losses_and_cost(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, _ = gathered(project(tmp_path))
    row = run_table(done).iloc[0]
    tail = np.arange(20, 40)  # the last 1,000 iterations, 50 a row
    assert row.train_lx == pytest.approx((100 - tail).mean())
    assert row.train_lx_sd == pytest.approx(np.sqrt(2.0**2 + tail.var()))
    assert row.train_total == pytest.approx(row.train_lx + (10 + 0.1 * tail).mean())
    assert (row.test_lx, row.fresh_total, row.validation_total) == (80, 100, 100)
    assert (row.minutes, row.threads, row.commit) == (1.5, 2, "abc")
    assert row.data == "mnist, grey"


def test_a_cell_is_a_mean_with_students_interval(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, missing = gathered(project(tmp_path))
    table = run_table(done)
    cells = cell_table(table).set_index("cell")
    values = table[table.cell == "dcrw-fresh"].test_lx
    reach = 4.302652729911275 * values.std() / np.sqrt(3)
    row = cells.loc["dcrw-fresh"]
    assert (row.n, row.test_lx) == (3, pytest.approx(values.mean()))
    assert row.data == "mnist, grey"
    assert row.test_lx_high == pytest.approx(values.mean() + reach)
    found = grid_numbers(table, len(missing), "runs.csv")
    assert found["grid.dcrw-fresh.test.lx"].interval == pytest.approx(
        (values.mean() - reach, values.mean() + reach)
    )
    assert found["grid.runs.done"].value == 6 and found["grid.runs.owed"].value == 0
    assert found["grid.hours"].value == pytest.approx(6 * 1.5 / 60)


def test_tables_of_an_evaluation_are_joined(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, _ = gathered(project(tmp_path))
    path = done[1].run.folder / "evaluation" / "bounds.csv"
    path.write_text("bound\n5.0\n")
    write_record(path.with_name("forensics.json"), {}, [path])
    table = evaluation_tables(done, "bounds")
    assert table.to_dict("records") == [{"cell": "draw-fresh", "seed": 0, "bound": 5.0}]
    with pytest.raises(RunError, match=r"nothing\.csv: no run has one"):
        evaluation_tables(done, "nothing")
