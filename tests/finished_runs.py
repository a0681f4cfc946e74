"""A project with made-up runs that count as trained and evaluated."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from dcrw.training.config import RunConfig, make_config
from dcrw.training.files import project_root, write_record
from dcrw.training.profiles import load_profile
from dcrw.training.run import Run, run_for
from study.finished import Finished

EVALUATION = {"batch_size": 100, "seed": 1, "noise_draws": 1, "digits": 4}
PROVENANCE = {
    "parameters": 123,
    "device": {"type": "cpu", "threads": 2},
    "wall_seconds": 90.0,
    "iterations_per_second": 8.0,
    "finished": "2026-01-02T03:04:05+00:00",
    "software": {"commit": "abc"},
}


def make_project(folder: Path, name: str, profile: dict) -> Path:
    """A project with one profile, all of whose runs are finished; returns its results' folder."""
    for part in ("configs", "dcrw", "book"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    shutil.copy(project_root(Path(__file__)) / "book" / "published.json", folder / "book")
    path = folder / "configs" / f"{name}.yaml"
    path.write_text(json.dumps({"profile": name, "evaluation": EVALUATION} | profile))
    results = folder / "results" / name
    for number, config in enumerate(load_profile(path).configs()):
        make_run(run_for(config, results), config, shift=number)
    return results


def make_run(run: Run, config, shift: float = 0.0, **provenance) -> Run:
    """Losses: L_x falls by 1 nat and L_z rises by 0.1 each 50 iterations, from 100 and 10."""
    (run.folder / "evaluation").mkdir(parents=True)
    rows = range(config.training.iterations // 50)
    pd.DataFrame(
        {
            "iteration": [50 * (row + 1) for row in rows],
            "reconstruction": [100.0 + shift - row for row in rows],
            "latent": [10.0 + 0.1 * row for row in rows],
            "reconstruction_std": 2.0,
            "latent_std": 0.5,
        }
    ).to_csv(run.folder / "metrics.csv", index=False)
    made = PROVENANCE | {"run": run.folder.name, "iterations": config.training.iterations}
    made |= {"batch_size": config.training.batch_size}
    made |= {"config_digest": config.digest}
    write_record(run.folder / "provenance.json", made | provenance, [run.folder / "metrics.csv"])
    (run.folder / "config.yaml").write_text(config.to_yaml())
    losses = [
        {"split": split, "noise_correlation": correlation, "images": 100}
        | {"reconstruction": 80.0 + shift + 10 * correlation, "reconstruction_se": 0.5}
        | {"latent": 20.0, "latent_se": 0.2, "total": 100.0 + shift + 10 * correlation}
        | {"total_se": 0.6}
        for split in ("validation", "test")
        for correlation in (0.0, 0.5, 1.0)
    ]
    path = run.folder / "evaluation" / "losses.csv"
    pd.DataFrame(losses).to_csv(path, index=False)
    write_record(path.with_name("evaluation.json"), {"settings": EVALUATION}, [path])
    return run


def constant_run(
    folder: Path, config: RunConfig, losses: dict[int, tuple[float, float]]
) -> Finished:
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
