"""Training: kill and resume, run folders, provenance, and errors that lose nothing."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import filelock
import numpy as np
import pytest
import torch
from common import Killed, kill_at
from tiny_runs import STATE, TINY, assert_same_weights, dataset, tiny, weights

from dcrw.model.config import ModelConfig
from dcrw.model.layers import logical_heads
from dcrw.training import loop
from dcrw.training.config import Keeping
from dcrw.training.data import DataError
from dcrw.training.engine import Engine, GradientClip, initial_model
from dcrw.training.files import RunError, write_json
from dcrw.training.loop import Interrupted, TrainingError, train
from dcrw.training.randomness import BatchOrder, step_noise
from dcrw.training.run import Run, load_weights, run_for

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

    def interrupted(self, indices, noise):
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
train(Run(Path(sys.argv[1])), config, Dataset(split, split, split))
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


def test_weights_of_another_model_are_refused(tmp_path, dataset):
    run = train(Run(tmp_path), tiny(), dataset)
    other = ModelConfig(**TINY | {"hidden_size": 6})
    with pytest.raises(RunError, match=r"model\.safetensors: tensor .* has shape \(4, 69\)"):
        load_weights(other, run.folder / "model.safetensors")


def test_a_non_finite_loss_stops_and_keeps_the_last_checkpoint(tmp_path, monkeypatch, dataset):
    run, real, calls = Run(tmp_path), Engine.iterate, []

    def poisoned(self, indices, noise):
        calls.append(None)
        return real(self, indices, noise * (np.nan if len(calls) == 8 else 1)).clone()

    monkeypatch.setattr(Engine, "iterate", poisoned)
    with pytest.raises(TrainingError, match="iteration 8: the loss is not finite"):
        train(run, tiny(), dataset)
    checkpoint = run.load_checkpoint()
    assert checkpoint.iteration == 6 and not run.complete
    assert all(value.isfinite().all() for value in checkpoint.tensors.values())


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


def test_non_finite_weights_are_not_kept(tmp_path, monkeypatch, dataset):
    run, real, calls = Run(tmp_path), Engine.iterate, []

    def poisoned(self, indices, noise):
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


def test_atomic_writing_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"a": float("nan")})
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(RunError, match=r"file\.json: cannot be written \(disk full\)"):
        write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("scope", ["head", "tensor", "global", "none"])
def test_clipping_scales_each_group_by_its_own_norm(scope):
    config = tiny(clip_scope=scope, clip_norm=0.5)
    torch.manual_seed(0)
    model = initial_model(config.model, 0)
    clip = GradientClip(model, config.training)
    generator = torch.Generator().manual_seed(1)
    before = {}
    for number, (name, parameter) in enumerate(model.named_parameters()):
        scale = 10.0 ** (number % 3 - 2)
        before[name] = torch.randn(parameter.shape, generator=generator) * scale
        parameter.grad = (
            before[name].clone() if parameter.grad is None else parameter.grad.copy_(before[name])
        )
    clip()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    heads = [[(names[id(p)], rows) for p, rows in head.items()] for _, head in logical_heads(model)]
    groups = {
        "head": heads,
        "tensor": [[member] for head in heads for member in head],
        "global": [[member for head in heads for member in head]],
        "none": [],
    }[scope]
    expected = {name: value.clone() for name, value in before.items()}
    for group in groups:
        norm = sum(before[name][rows].double().square().sum() for name, rows in group).sqrt().item()
        for name, rows in group:
            expected[name][rows] = before[name][rows] * min(1.0, 0.5 / norm)
    changed = 0
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-5, atol=1e-8)
        changed += not torch.equal(expected[name], before[name])
    assert (changed == 0) == (scope == "none")


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_recorded_iteration_trains_as_an_eager_one(dataset, optimizer, resumed):
    """The logic around a CUDA graph, with a recorder that rehearses and then calls again."""

    def record(update):
        for _ in range(3):
            update()
        output = torch.empty(2)
        return lambda: output.copy_(update())  # one buffer, overwritten by each replay

    config = tiny(optimizer=optimizer, learning_rate=0.05)
    order = BatchOrder(0, 5, 23)
    engines = [Engine(config, dataset.train.images, torch.device("cpu")) for _ in range(2)]
    engines[1]._record = record
    losses = []
    for each in engines:
        found = []
        for iteration in range(6):
            if resumed and iteration == 3:
                each.load_state(each.state())
            found.append(
                each.iterate(order(iteration), step_noise(0, "noise", iteration, (2, 5, 2), 0))
            )
        losses.append(torch.stack(found))
    assert torch.equal(losses[0], losses[1])
    eager, recorded = (each.state() for each in engines)
    assert eager.keys() == recorded.keys()
    assert all(torch.equal(eager[name], recorded[name]) for name in eager)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_graph_trains_as_eager_cuda(dataset):
    config, order = tiny(), BatchOrder(0, 5, 23)
    states = []
    for graph in (False, True):
        each = Engine(config, dataset.train.images, torch.device("cuda"))
        if not graph:
            each._record = None
        for iteration in range(6):
            each.iterate(order(iteration), step_noise(0, "noise", iteration, (2, 5, 2), 0))
        states.append(each.state())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-4, atol=1e-6)


def test_logical_heads_cover_every_weight_once():
    for architecture in ("dcrw", "dcrw-write-only", "draw"):
        model = initial_model(ModelConfig(architecture=architecture, initial_state="learned"), 0)
        counted = sum(
            p[rows].numel() for _, head in logical_heads(model) for p, rows in head.items()
        )
        assert counted == sum(p.numel() for p in model.parameters())


def test_building_a_model_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    initial_model(ModelConfig(), 0)
    assert torch.equal(torch.rand(3), expected)


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


def test_provenance_names_lock_data_and_processor(tmp_path, dataset):
    made = train(Run(tmp_path), tiny(), dataset).provenance
    lock = ROOT / "requirements.lock"
    assert made["software"]["lock_sha256"] == hashlib.sha256(lock.read_bytes()).hexdigest()
    pixels = dataset.train.images.numpy().tobytes()
    assert made["training_images_sha256"] == hashlib.sha256(pixels).hexdigest()
    assert made["training_images"] == 23
    assert made["device"]["instructions"] == torch.backends.cpu.get_cpu_capability()
