"""Training: kill and resume, run folders, provenance, and errors that lose nothing."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from common import Killed, kill_at
from tiny_runs import STATE, assert_same_weights, dataset, tiny

from dcrw.training import loop
from dcrw.training.config import Keeping
from dcrw.training.data import DataError
from dcrw.training.engine import Engine
from dcrw.training.files import RunError
from dcrw.training.loop import Interrupted, TrainingError, train, train_seeds
from dcrw.training.run import Run, run_for

__all__ = ["dataset"]  # a fixture

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """Bit-identity is promised there; a GPU, where there is one, has a test of its own."""
    monkeypatch.setattr(loop, "resolve_device", lambda name: torch.device("cpu"))


@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "draw"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_killed_run_ends_bit_identical(tmp_path, monkeypatch, dataset, architecture, optimizer):
    config = tiny(model={"architecture": architecture}, optimizer=optimizer)
    whole = train(Run(tmp_path / "whole"), config, dataset)
    with monkeypatch.context() as patch:
        kill_at(patch, 8)
        with pytest.raises(Killed):
            train(Run(tmp_path / "cut"), config, dataset)
    cut = Run(tmp_path / "cut")
    assert not cut.complete and cut.load_checkpoint().iteration == 6
    train(cut, config, dataset)
    assert_same_weights(whole, cut)
    assert cut.metrics().equals(whole.metrics())


def test_an_interrupt_saves_where_it_stopped(tmp_path, monkeypatch, dataset):
    config = tiny()
    whole = train(Run(tmp_path / "whole"), config, dataset)
    real, run = Engine.iterate, Run(tmp_path / "cut")

    def interrupted(self, indices, noise, levels=None):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(self, indices, noise)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "iterate", interrupted)
        with pytest.raises(
            Interrupted, match="stopped after iteration 1; the same command resumes"
        ):
            train(run, config, dataset)
    assert run.load_checkpoint().iteration == 1
    train(run, config, dataset)
    assert_same_weights(whole, run)
    assert run.metrics().equals(whole.metrics())


def test_a_process_killed_for_real_resumes(tmp_path):
    """kill -9 from outside, then the same command again; against a run that was left alone."""
    code = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny_runs import tiny
from dcrw.training.run import Run
from dcrw.training import train
from dcrw.training.data import Dataset, Split
numbers = torch.Generator().manual_seed(0)
images = torch.randint(0, 256, (23, 8, 8), generator=numbers, dtype=torch.uint8)
split = Split(images, torch.zeros(23, dtype=torch.int64))
config = tiny(iterations=400, checkpoint_interval=20)
train(Run(Path(sys.argv[1])), config, Dataset(split, split, split, name="mnist"))
"""
    code = code.format(tests=str(ROOT / "tests"))
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, "-c", code, str(cut)])
    deadline = time.monotonic() + 120
    while not (cut / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Run(cut).complete
    for folder in (cut, whole):
        subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    assert_same_weights(Run(cut), Run(whole))
    assert not (cut / "checkpoint.safetensors").exists()


def test_a_complete_run_returns_at_once(tmp_path, monkeypatch, dataset):
    run = train(Run(tmp_path), tiny(), dataset)
    before = (tmp_path / "model.safetensors").stat().st_mtime_ns
    kill_at(monkeypatch, 0)
    train(run, tiny(), dataset)
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == before


def test_a_non_finite_loss_stops_and_keeps_the_last_checkpoint(tmp_path, monkeypatch, dataset):
    run, real, calls = Run(tmp_path), Engine.iterate, []

    def poisoned(self, indices, noise, levels=None):
        calls.append(None)
        return real(self, indices, noise * (np.nan if len(calls) == 8 else 1)).clone()

    monkeypatch.setattr(Engine, "iterate", poisoned)
    with pytest.raises(TrainingError, match="iteration 8: the loss is not finite"):
        train(run, tiny(), dataset)
    checkpoint = run.load_checkpoint()
    assert checkpoint.iteration == 6 and not run.complete
    assert all(value.isfinite().all() for value in checkpoint.tensors.values())


def test_non_finite_weights_are_not_kept(tmp_path, monkeypatch, dataset):
    run, real, calls = Run(tmp_path), Engine.iterate, []

    def poisoned(self, indices, noise, levels=None):
        calls.append(None)
        losses = real(self, indices, noise)
        if len(calls) == 6:
            next(self.model.parameters()).data.fill_(float("inf"))
        return losses

    monkeypatch.setattr(Engine, "iterate", poisoned)
    with pytest.raises(TrainingError, match=r"iteration 6: model\..* is not finite"):
        train(run, tiny(), dataset)
    assert run.load_checkpoint().iteration == 3


def test_images_of_another_size_leave_no_folder(tmp_path, dataset):
    config = tiny(model={"image_size": 12})
    with pytest.raises(DataError, match="image_size = 12: expected 8"):
        train(Run(tmp_path / "run"), config, dataset)
    assert not (tmp_path / "run").exists()


def test_metrics_are_means_over_their_interval(tmp_path, monkeypatch, dataset):
    real, seen = Engine.iterate, []

    def recorded(self, *arguments):
        seen.append(real(self, *arguments))
        return seen[-1]

    monkeypatch.setattr(Engine, "iterate", recorded)
    table = train(Run(tmp_path), tiny(iterations=10), dataset).metrics()
    assert table.iteration.tolist() == [4, 8, 10]
    losses = torch.stack(seen).double().numpy()
    np.testing.assert_allclose(
        table[["reconstruction", "latent"]].to_numpy()[2], losses[8:].mean(0), rtol=1e-5
    )
    np.testing.assert_allclose(table.reconstruction_std[0], losses[:4, 0].std(), rtol=1e-4)


def test_provenance_says_what_was_run(tmp_path, dataset):
    found = train(Run(tmp_path), tiny(), dataset, threads=1).provenance
    assert (
        found["config_digest"] == tiny().digest and found["iterations"] == 12 and found["seed"] == 0
    )
    assert found["device"]["type"] in ("cpu", "cuda") and found["device"]["threads"] == 1
    assert found["software"]["torch"] == torch.__version__.split("+")[0]
    assert found["wall_seconds"] > 0 and found["iterations_per_second"] > 0
    assert {"commit", "clean"} <= set(found["software"])
    assert [(part["from"], part["to"]) for part in found["segments"]] == [(0, 12)]


def test_provenance_names_every_segment(tmp_path, monkeypatch, dataset):
    run = Run(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, 8)
        with pytest.raises(Killed):
            train(run, tiny(), dataset, threads=1)
    found = train(run, tiny(), dataset, threads=1).provenance
    assert [(part["from"], part["to"]) for part in found["segments"]] == [(0, 6), (6, 12)]
    assert all({"device", "software"} <= set(part) for part in found["segments"])
    total = sum(part["seconds"] for part in found["segments"])
    assert found["wall_seconds"] == pytest.approx(total, abs=0.06)


def test_a_run_learns(tmp_path, dataset):
    table = train(Run(tmp_path), tiny(iterations=600, learning_rate=0.01), dataset).metrics()
    assert table.reconstruction.iloc[-1] < table.reconstruction.iloc[0] - 2


def test_a_longer_run_goes_on_from_a_shorter_one_bit_for_bit(tmp_path, dataset):
    short, long = tiny("short"), tiny("long", iterations=20)
    first = train(run_for(short, tmp_path), short, dataset, keeping=STATE)
    assert first.complete and first.load_checkpoint().iteration == 12
    straight = train(Run(tmp_path / "straight"), long, dataset)
    prolonged = run_for(long, tmp_path)
    train(prolonged, long, dataset, keeping=Keeping(continues="short"))
    assert_same_weights(straight, prolonged)
    assert prolonged.metrics().equals(straight.metrics())
    assert prolonged.metrics()[:3].equals(first.metrics())
    stretches = [(part["from"], part["to"]) for part in prolonged.provenance["segments"]]
    assert stretches == [(0, 12), (12, 20)]
    assert not prolonged.begun and first.begun


def test_provenance_names_lock_data_and_processor(tmp_path, dataset):
    made = train(Run(tmp_path), tiny(), dataset).provenance
    lock = ROOT / "requirements.lock"
    assert made["software"]["lock_sha256"] == hashlib.sha256(lock.read_bytes()).hexdigest()
    pixels = dataset.train.images.numpy().tobytes()
    assert made["training_images_sha256"] == hashlib.sha256(pixels).hexdigest()
    assert made["training_images"] == 23
    assert made["device"]["instructions"] == torch.backends.cpu.get_cpu_capability()


def test_an_error_before_the_first_checkpoint_does_not_speak_of_one(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(Engine, "iterate", lambda *_: torch.tensor([float("nan"), 1.0]))
    with pytest.raises(TrainingError, match=r"there is no checkpoint\. Try a lower learning_rate"):
        train(Run(tmp_path / "run"), tiny(), dataset)


def test_complete_runs_return_where_nobody_may_write(tmp_path, dataset, monkeypatch):
    """Alone and side by side."""
    configs = [tiny(seed=seed) for seed in (0, 1)]
    runs = [Run(tmp_path / str(seed)) for seed in (0, 1)]
    train_seeds(runs, configs, dataset)

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    for place in ("filelock.FileLock.acquire", "pathlib.Path.mkdir", "pathlib.Path.unlink"):
        monkeypatch.setattr(place, refuse)
    assert train(runs[0], configs[0], dataset).complete
    assert all(run.complete for run in train_seeds(runs, configs, dataset))
    with pytest.raises(RunError, match=r"cannot be written to \(Permission denied"):
        train(Run(tmp_path / "other"), configs[0], dataset)


def test_a_folder_that_cannot_be_is_one_error(tmp_path, dataset):
    for name in ("x" * 300, "a\0b", "\ud800"):
        with pytest.raises(RunError):
            train(Run(tmp_path / name), tiny(), dataset)
