"""A run's folder: whose it is, what it refuses, and which run it may go on from."""

import hashlib
import shutil
import subprocess
import sys
import threading
from contextlib import nullcontext

import filelock
import pytest
import torch
from common import Killed, kill_at
from tiny_runs import STATE, TINY, dataset, tiny, weights

from dcrw.model.config import ModelConfig
from dcrw.training import loop
from dcrw.training.config import Keeping
from dcrw.training.files import RunError
from dcrw.training.loop import train
from dcrw.training.run import Run, load_weights, run_for

__all__ = ["dataset"]  # a fixture


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(loop, "resolve_device", lambda name: torch.device("cpu"))


def test_a_complete_run_may_lack_its_weights_but_says_so(tmp_path, dataset):
    run = train(Run(tmp_path), tiny(), dataset)
    kept = tmp_path / "model.safetensors"
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert run.provenance["weights_sha256"] == digest
    kept.unlink()
    train(Run(tmp_path), tiny(), dataset)
    assert run.complete
    assert not kept.exists()
    with pytest.raises(RunError, match=r"model\.safetensors: missing, though the run is complete"):
        run.model()


def test_a_folder_in_use_is_refused(tmp_path, dataset):
    run = Run(tmp_path)
    code = (
        "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / ".lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="in use by another process"):
            train(run, tiny(), dataset)
        holder.stdin.close()
    train(run, tiny(), dataset)


def test_a_folder_in_use_is_waited_for_where_asked(tmp_path, dataset, monkeypatch):
    """And what the other process did there is taken up: a complete run is not trained again."""
    run, other = Run(tmp_path / "run"), train(Run(tmp_path / "other"), tiny(), dataset)
    run.folder.mkdir()
    monkeypatch.setattr("dcrw.training.run.POLL", 0.01)
    held = filelock.FileLock(run.folder / ".lock")
    held.acquire()
    done: list[Run] = []
    waiting = threading.Thread(
        target=lambda: done.append(train(run, tiny(), dataset, wait=True)), daemon=True
    )
    # signals are the main thread's
    monkeypatch.setattr("dcrw.training.loop._signals", lambda: nullcontext([]))
    monkeypatch.setattr("dcrw.training.loop._train", lambda *_: pytest.fail("trained again"))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive() and not run.complete
    shutil.copytree(other.folder, run.folder, dirs_exist_ok=True, ignore=lambda *_: [".lock"])
    held.release()
    waiting.join(30)
    assert done == [run] and run.complete


def test_another_configuration_is_refused(tmp_path, dataset):
    run = train(Run(tmp_path), tiny(), dataset)
    before = weights(run)
    with pytest.raises(RunError, match="holds another configuration"):
        train(run, tiny(learning_rate=0.5), dataset)
    assert all(torch.equal(value, before[name]) for name, value in weights(run).items())


def test_a_damaged_checkpoint_is_an_error_and_stays(tmp_path, monkeypatch, dataset):
    run = Run(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, 8)
        with pytest.raises(Killed):
            train(run, tiny(), dataset)
    path = tmp_path / "checkpoint.safetensors"
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for damaged in (whole[:100], b"", b"\xff" * 200, flipped):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=r"checkpoint\.safetensors: .*Remove it to start"):
            train(run, tiny(), dataset)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    assert train(run, tiny(), dataset).complete


def test_a_complete_run_drops_the_checkpoint_that_a_kill_has_left(tmp_path, dataset):
    """Killed after its provenance was written and before its checkpoint was removed."""
    kept = train(Run(tmp_path / "kept"), tiny(), dataset, keeping=STATE)
    run = train(Run(tmp_path / "run"), tiny(), dataset)
    (kept.folder / "checkpoint.safetensors").rename(run.folder / "checkpoint.safetensors")
    assert run.complete and run.begun
    assert not train(run, tiny(), dataset).begun


def test_weights_of_another_model_are_refused(tmp_path, dataset):
    run = train(Run(tmp_path), tiny(), dataset)
    other = ModelConfig(**TINY | {"hidden_size": 6})
    with pytest.raises(RunError, match=r"model\.safetensors: tensor .* has shape \(4, 69\)"):
        load_weights(other, run.folder / "model.safetensors")


@pytest.mark.parametrize("left", [None, "", "iteration,rec"])
def test_a_checkpoint_without_its_metrics_is_refused(tmp_path, monkeypatch, dataset, left):
    run = Run(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, 8)
        with pytest.raises(Killed):
            train(run, tiny(), dataset)
    metrics = tmp_path / "metrics.csv"
    whole = metrics.read_text()
    metrics.unlink() if left is None else metrics.write_text(left)
    with pytest.raises(
        RunError,
        match=r"metrics\.csv: ends at iteration 0 or lacks a row before",
    ):
        train(run, tiny(), dataset)
    metrics.write_text(whole + "10,1.5")  # torn
    assert train(run, tiny(), dataset).metrics().iteration.tolist() == [4, 8, 12]


def test_only_a_shorter_run_that_is_else_alike_can_be_gone_on_from(tmp_path, dataset):
    short, long = tiny("short"), tiny("long", iterations=20)
    go_on = Keeping(continues="short")
    target = run_for(long, tmp_path)
    with pytest.raises(RunError, match="no complete run short with seed 0"):
        train(target, long, dataset, keeping=go_on)
    train(run_for(short, tmp_path), short, dataset)
    with pytest.raises(RunError, match="its last checkpoint was not kept"):
        train(target, long, dataset, keeping=go_on)
    other = tiny("long", iterations=20, batch_size=4)
    with pytest.raises(RunError, match="differs in nothing but fewer iterations"):
        train(run_for(other, tmp_path), other, dataset, keeping=go_on)
    uneven = tiny("uneven", iterations=10)
    train(run_for(uneven, tmp_path), uneven, dataset, keeping=STATE)
    with pytest.raises(RunError, match="a multiple of metrics_interval"):
        train(target, long, dataset, keeping=Keeping(continues="uneven"))
