"""Runs of all profiles as one table, and the ablations among them."""

import pytest
from finished_runs import config, constant_run

from dcrw.training.files import RunError
from study.ablations import ablation_table, seed_differences


def test_ablations_stand_beside_the_reference_at_their_last_iteration(tmp_path):
    reference = config("dcrw-fresh", 10_000)
    entries = [
        constant_run(tmp_path, reference, {2000: (200, 5), 3000: (100, 20), 10_000: (80, 22)}),
        constant_run(
            tmp_path, config("dcrw-shared", 10_000, noise_correlation=1.0), {10_000: (1, 1)}
        ),
        constant_run(
            tmp_path, config("dcrw-z5", 3000, latent_size=5), {2000: (0, 0), 3000: (90, 15)}
        ),
        constant_run(tmp_path, config("dcrw-z5", 3000, seed=1, latent_size=5), {3000: (9, 1)}),
    ]
    (row,) = ablation_table(entries).to_dict("records")
    assert row["change"] == "latent_size = 5" and row["iterations"] == 3000
    assert (row["lx"], row["lz"]) == (90, 15)
    assert (row["reference_lx"], row["reference_lz"]) == (100, 20)
    assert row["difference"] == pytest.approx(-15)
    assert ablation_table(entries[:2]).empty
    with pytest.raises(RunError, match="dcrw-fresh, seed 0"):
        ablation_table(entries[1:])


def test_seeds_differ_at_the_iteration_of_the_ablations(tmp_path):
    paths = {0: (100, 20), 1: (90, 25), 2: (103, 20)}
    entries = [
        constant_run(
            tmp_path, config("dcrw-fresh", 10_000, seed=seed), {3000: losses, 10_000: (80, 22)}
        )
        for seed, losses in paths.items()
    ]
    entries.append(constant_run(tmp_path, config("draw-fresh", 10_000, seed=3), {10_000: (1, 1)}))
    assert seed_differences(entries, 3000) == pytest.approx([-5, 3])
    assert seed_differences(entries[:1], 3000) == []
