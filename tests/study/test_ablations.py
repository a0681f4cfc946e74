"""Runs of all profiles as one table, and the ablations among them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcrw.training.config import RunConfig, make_config
from dcrw.training.files import RunError
from dcrw.training.run import Run
from study.ablations import ablation_table, seed_differences
from study.finished import Finished


def finished(folder: Path, config: RunConfig, losses: dict[int, tuple[float, float]]) -> Finished:
    """A run whose losses are constant up to each iteration named."""
    run = Run(folder / config.folder_name)
    run.folder.mkdir()
    last = config.training.iterations
    table = pd.DataFrame({"iteration": np.arange(50, last + 1, 50)})
    starts = sorted(losses)
    at = np.searchsorted(starts, table.iteration)  # the first named iteration not before it
    for column, part in (("reconstruction", 0), ("latent", 1)):
        table[column] = [losses[starts[index]][part] for index in at]
        table[f"{column}_std"] = 1.0
    table.to_csv(run.folder / "metrics.csv", index=False)
    return Finished(config, run, pd.DataFrame(), {})


def config(name: str, iterations: int, seed: int = 0, **model: object) -> RunConfig:
    training = {"iterations": iterations, "seed": seed}
    return make_config({"name": name, "model": model, "training": training})


def test_ablations_stand_beside_the_reference_at_their_last_iteration(tmp_path):
    reference = config("dcrw-fresh", 10_000)
    entries = [
        finished(tmp_path, reference, {2000: (200, 5), 3000: (100, 20), 10_000: (80, 22)}),
        finished(tmp_path, config("dcrw-shared", 10_000, noise_correlation=1.0), {10_000: (1, 1)}),
        finished(tmp_path, config("dcrw-z5", 3000, latent_size=5), {2000: (0, 0), 3000: (90, 15)}),
        finished(tmp_path, config("dcrw-z5", 3000, seed=1, latent_size=5), {3000: (9, 1)}),
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
        finished(
            tmp_path, config("dcrw-fresh", 10_000, seed=seed), {3000: losses, 10_000: (80, 22)}
        )
        for seed, losses in paths.items()
    ]
    entries.append(finished(tmp_path, config("draw-fresh", 10_000, seed=3), {10_000: (1, 1)}))
    assert seed_differences(entries, 3000) == pytest.approx([-5, 3])
    assert seed_differences(entries[:1], 3000) == []
