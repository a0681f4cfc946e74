"""A project of six tiny runs whose windows have been measured."""

import json
from pathlib import Path

import pytest
import torch

from dcrw.training.data import Dataset, Split
from dcrw.training.loop import train
from dcrw.training.profiles import load_profile
from dcrw.training.run import run_for
from study.gaze.measure import GazeSettings, record
from study.gaze.tables import CELLS, collect

CPU = torch.device("cpu")
PROFILE = """
profile: {name}
seeds: [0]
defaults:
  data: {{dataset: digits}}
  model: {{steps: 2, latent_size: 2, hidden_size: 5, read_size: 3, write_size: 2}}
  training: {{iterations: 2, batch_size: 2, metrics_interval: 1, checkpoint_interval: 2}}
runs: {runs}
evaluation: {{batch_size: 100, seed: 9, digits: 4}}
final_iterations: 1
"""


def split(images: int = 13, size: int = 9) -> Split:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (images, size, size), generator=generator, dtype=torch.uint8)
    return Split(pixels, torch.arange(images) % 3)


def settings_of(cell: str) -> dict[str, object]:
    architecture, _, noise = cell.rpartition("-")
    return {"model": {"architecture": architecture, "noise_correlation": float(noise == "shared")}}


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A project whose six tiny runs have been trained and measured."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "configs").mkdir()
    (folder / "dcrw").mkdir()
    images = split(30, 28)
    dataset = Dataset(images, images, images, name="digits")
    for name in ("paper", "grid"):
        runs = {cell: settings_of(cell) for cell, of in CELLS.items() if of == name}
        path = folder / "configs" / f"{name}.yaml"
        path.write_text(PROFILE.format(name=name, runs=json.dumps(runs)))
        for config in load_profile(path).configs():
            run = run_for(config, folder / "results" / name)
            train(run, config, dataset, device=CPU)
            record(run, dataset, GazeSettings(batch_size=100, seed=9), CPU, threads=1)
    return folder


@pytest.fixture
def recorded(project, monkeypatch):
    monkeypatch.chdir(project)
    return collect(project)
