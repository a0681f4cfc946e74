"""What was measured on runs, as tables."""

import json

import numpy as np
import pandas as pd
import pytest
from finished_runs import make_project

from dcrw.training.files import project_root
from study import numbers, statistics
from study.cells import gathered
from study.claims.tables import measure_table, observe, paths_of, see, sharpness_table
from study.finished import Finished

RUNS = {
    "dcrw-fresh": {},
    "dcrw-write-only-fresh": {"model": {"architecture": "dcrw-write-only"}},
    "dcrw-shared": {"model": {"noise_correlation": 1.0}},
}


def leave_measures(entry: Finished, area: float, sharpness: np.ndarray) -> None:
    folder = entry.run.folder / "evaluation"
    measures = {"reconstructed.effective_area": {"value": area, "sd": 1.0, "n": 8}}
    (folder / "measures.json").write_text(json.dumps({"measures": measures}))
    np.savez(
        folder / "measures.npz",
        reconstructed_sharpness=sharpness,
        generated_sharpness=sharpness[::-1],
    )


@pytest.fixture
def entries(tmp_path, monkeypatch) -> list[Finished]:
    monkeypatch.chdir(tmp_path)
    training = {"iterations": 2000, "batch_size": 10}
    profile = {"seeds": [0, 1], "defaults": {"training": training}, "runs": RUNS}
    make_project(tmp_path, "paper", profile)
    done, _ = gathered(tmp_path, ["paper"])
    return done


def test_only_measured_runs_have_a_row(entries):
    assert measure_table(entries).columns.tolist() == ["cell", "seed"]
    leave_measures(entries[1], 30.0, np.ones(8))
    assert measure_table(entries).to_dict("records") == [
        {"cell": "dcrw-fresh", "seed": 1, "reconstructed.effective_area": 30.0}
    ]


def test_sharpness_is_compared_by_noise_and_seed(entries):
    assert sharpness_table(entries).empty
    draws = np.random.default_rng(0)
    ours, theirs = draws.normal(0.5, 0.1, 8), draws.normal(0.4, 0.1, 8)
    leave_measures(entries[0], 30.0, ours)  # dcrw-fresh, seed 0
    leave_measures(entries[2], 30.0, theirs)  # dcrw-write-only-fresh, seed 0
    leave_measures(entries[3], 30.0, theirs)  # its seed 1 has no partner
    leave_measures(entries[4], 30.0, ours)  # dcrw-shared, seed 0, neither
    table = sharpness_table(entries).set_index("mode")
    assert table.noise.tolist() == ["fresh"] * 2 and table.seed.tolist() == [0, 0]
    assert table.difference["reconstructed"] == pytest.approx((ours - theirs).mean())
    assert table.p["reconstructed"] == statistics.sign_flip_test(ours - theirs).p_value
    apart = statistics.two_sample_test(ours[::-1], theirs[::-1])
    assert table.loc["generated", ["difference", "p"]].tolist() == pytest.approx(list(apart))


def test_what_is_judged_is_read_from_the_runs(entries):
    published = numbers.read(project_root() / "book" / "published.json")
    found = observe(entries, published)
    assert len(found.losses) == 6 and set(found.blocks) == {
        (cell, seed) for cell in RUNS for seed in (0, 1)
    }
    rows = np.arange(40)
    expected = (110 - 0.9 * rows).reshape(2, 20).mean(1)
    np.testing.assert_allclose(found.blocks["dcrw-fresh", 0], expected)
    assert found.published["paper.table1.attention.lx"] == 70.168
    assert found.sharpness.empty and isinstance(found.measures, pd.DataFrame)


def test_the_second_round_sees_each_loss(entries):
    found = see(entries, digits=0.53)
    rows = np.arange(40).reshape(2, 20)
    blocks = found.blocks["dcrw-fresh", 0]
    np.testing.assert_allclose(blocks.lx, (100 - rows).mean(1))
    np.testing.assert_allclose(blocks.lz, (10 + 0.1 * rows).mean(1))
    assert len(found.losses) == 6 and found.digits == 0.53


def test_paths_are_by_seed(entries):
    found = paths_of(entries, "dcrw-shared")
    assert list(found) == [0, 1]
    pd.testing.assert_frame_equal(found[1], entries[5].run.metrics())
    assert paths_of(entries, "nobody") == {}
