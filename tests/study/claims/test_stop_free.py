"""Crossings of trailing means, against loops and on curves whose answers are known."""

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_accounts import PRINTED, PROJECT, REGISTERED

from study.claims import stop_free
from study.claims.stop_free import Crossing, common_iterations, first_below, first_from_below


def metrics(lx, lz, interval: int = 50) -> pd.DataFrame:
    lx, lz = (np.broadcast_to(values, np.broadcast(lx, lz).shape) for values in (lx, lz))
    ends = interval * np.arange(1, len(lx) + 1)
    return pd.DataFrame({"iteration": ends, "reconstruction": lx, "latent": lz})


def means(iteration, lx, lz) -> pd.DataFrame:
    return pd.DataFrame({"iteration": iteration, "lx": lx, "lz": lz})


def test_trailing_means_again_in_loops():
    rng = np.random.default_rng(0)
    table = metrics(*rng.random((2, 60)))
    found = stop_free.trailing_means(table)
    assert found.iteration.tolist() == list(range(1000, 3001, 50))
    for row in found.itertuples():
        stretch = table[
            (table.iteration > row.iteration - 1000) & (table.iteration <= row.iteration)
        ]
        assert len(stretch) == 20
        assert row.lx == pytest.approx(stretch.reconstruction.mean())
        assert row.lz == pytest.approx(stretch.latent.mean())


def test_rows_weigh_by_how_many_iterations_they_average():
    table = pd.DataFrame(
        {"iteration": [4, 8, 10], "reconstruction": [1.0, 2.0, 5.0], "latent": [0.0, 0.0, 6.0]}
    )
    found = stop_free.trailing_means(table, count=6)
    # a stretch of six from 8 back takes in both rows of four
    assert found.iteration.tolist() == [8, 10]
    assert found.lx.tolist() == pytest.approx([1.5, (4 * 2 + 2 * 5) / 6])
    assert found.lz.tolist() == pytest.approx([0, 2])


def test_a_run_that_is_too_short_has_no_trailing_mean():
    assert stop_free.trailing_means(metrics(np.ones(19), 1.0)).empty


def test_first_falls_to():
    table = means([1000, 1050, 1100, 1150], [80.0, 70.0, 75.0, 60.0], [3.0, 2.0, 1.5, 1.0])
    assert first_below(table, 70.0) == Crossing(1050, 2.0)
    assert first_below(table, 69.0) == Crossing(1150, 1.0)
    assert first_below(table, 50.0) is None


def test_first_reaches_from_below():
    table = means([1000, 1050, 1100, 1150], [200.0, 190.0, 160.0, 150.0], [40.0, 20.0, 30.0, 35.0])
    assert first_from_below(table, 31.0) == Crossing(1150, 150.0)  # not the first row's 40
    assert first_from_below(table, 30.0) == Crossing(1100, 160.0)
    assert first_from_below(table, 36.0) is None
    assert first_from_below(table.iloc[1:], 10.0) is None  # begins above


def test_a_rows_crossing_is_held_against_its_other_value():
    one = {0: means([1000], [70.0], [1.6])}
    assert stop_free.crossings("attention", one, PRINTED) == {0: Crossing(1000, 1.6)}
    assert stop_free.target("attention", PRINTED) == 1.5468
    other = {0: means([1000, 1050], [155.0, 150.0], [30.0, 31.1]), 1: means([1000], [99.0], [2.0])}
    found = stop_free.crossings("write_only", other, PRINTED)
    assert found == {0: Crossing(1050, 150.0), 1: None}
    assert stop_free.target("write_only", PRINTED) == 147.24
    assert stop_free.reached(found) == ([150.0], 1)


def test_a_common_iteration_has_all_four_values():
    iterations = [1000, 1050, 1100]
    one = means(iterations, [90.0, 77.0, 70.0], [1.5, 1.5, 1.5])
    other = means(iterations, [147.0, 147.0, 147.0], [31.0, 31.0, 35.0])
    found = common_iterations({0: one, 1: one}, {0: other, 2: other}, PRINTED, 0.1)
    assert found == {0: [1050]}  # 77 is within 10% of 70.168; 90 is not, nor is 35 of 31.065
    far = {0: means(iterations, [147.0] * 3, [40.0] * 3)}
    assert common_iterations({0: one}, far, PRINTED, 0.1) == {0: []}


def test_iterations_that_only_one_run_has_do_not_count():
    one, other = means([1000, 1050], [70.0] * 2, [1.5] * 2), means([1050], [147.0], [31.0])
    assert common_iterations({5: one}, {5: other}, PRINTED, 0.1) == {5: [1050]}


def test_long_runs_are_those_of_three_accounts():
    stages = yaml.safe_load((PROJECT / "configs" / "round2.yaml").read_text())["stages"]
    entries = REGISTERED["second_round"]["accounts"]
    cells = [cell for name in ("tensorflow2016", "shared", "lineage2016") for cell in entries[name]]
    assert set(map(stop_free.long_cell, cells)) == set(stages["long"])
