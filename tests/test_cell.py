"""One cell of a profile in one process: trained side by side, evaluated, taken up again."""

from pathlib import Path

import pytest
from common import Killed, kill_at

from dcrw.training.profiles import Profile, load_profile
from workflow import cell

TEXT = """
profile: tiny
stages: {first: {a: [0, 1], b: [0]}, second: {a: [2]}}
defaults:
  data: {dataset: digits}
  model: {steps: 2, latent_size: 2, hidden_size: 8, read_size: 3, write_size: 2}
  training: {iterations: 6, batch_size: 4, metrics_interval: 2, checkpoint_interval: 2}
runs: {a: {}, b: {model: {architecture: draw}}}
evaluation: {batch_size: 150, digits: 4}
"""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "tiny.yaml").write_text(TEXT)
    return load_profile(tmp_path / "tiny.yaml")


def test_a_cell_is_trained_evaluated_and_taken_up_again(
    tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = cell.cell_configs(profile, "first", "a")
    assert [config.training.seed for config in configs] == [0, 1]
    with monkeypatch.context() as patch:
        kill_at(patch, 4)
        with pytest.raises(Killed):
            cell.complete(tmp_path, profile, configs, "cpu")
    runs = cell.complete(tmp_path, profile, configs, "cpu")
    assert [run.folder.parent for run in runs] == [tmp_path / "results/tiny/runs"] * 2
    for run in runs:
        assert [part["to"] for part in run.provenance["segments"]] == [4, 6]
        assert run.evaluated("losses.csv").exists()
    names = [run.folder / name for run in runs for name in ("provenance.json", cell.EVALUATION)]
    before = [path.stat().st_mtime_ns for path in names]
    (runs[1].folder / cell.EVALUATION).unlink()  # stopped between two evaluations
    cell.complete(tmp_path, profile, configs, "cpu")
    after = [path.stat().st_mtime_ns for path in names]
    assert after[:3] == before[:3] and after[3] > before[3]


def test_a_single_run_is_trained_as_alone(tmp_path: Path, profile: Profile) -> None:
    (run,) = cell.complete(tmp_path, profile, cell.cell_configs(profile, "first", "b"), "cpu")
    assert "side_by_side" not in run.provenance["segments"][0]
    assert run.evaluated("losses.csv").exists()
