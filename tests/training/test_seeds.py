"""Runs trained side by side take the steps that each takes alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from common import Killed, kill_at
from filelock import FileLock
from safetensors.torch import load_file

from dcrw.training.config import RunConfig, make_config
from dcrw.training.data import Dataset, Split
from dcrw.training.engine import Engine, initial_model
from dcrw.training.files import RunError
from dcrw.training.loop import TrainingError, train, train_seeds
from dcrw.training.randomness import BatchOrder, step_noise
from dcrw.training.run import Run
from dcrw.training.seeds import SeedsEngine, unstacked

TINY = {
    "image_size": 8,
    "steps": 3,
    "latent_size": 2,
    "hidden_size": 5,
    "read_size": 4,
    "write_size": 3,
}
SEEDS = (0, 7, 3)
BATCH, IMAGES = 5, 23
CPU = torch.device("cpu")


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def runs_of(**more: object) -> list[RunConfig]:
    model = TINY | {key: value for key, value in more.items() if key in ("architecture", "steps")}
    model |= {key: value for key, value in more.items() if key.startswith(("window", "initial"))}
    training = {"batch_size": BATCH, "learning_rate": 0.01}
    training |= {key: value for key, value in more.items() if key in ("clip_scope", "optimizer")}
    training |= {"clip_norm": 0.5}
    return [
        make_config({"name": "tiny", "model": model, "training": training | {"seed": seed}})
        for seed in SEEDS
    ]


def images() -> torch.Tensor:
    numbers = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (IMAGES, 8, 8), generator=numbers, dtype=torch.uint8)


def inputs(config: RunConfig, iteration: int) -> tuple[np.ndarray, np.ndarray]:
    seed, model = config.training.seed, config.model
    shape = (model.steps, BATCH, model.latent_size)
    noise = step_noise(seed, "noise", iteration, shape, model.noise_correlation)
    return BatchOrder(seed, BATCH, IMAGES)(iteration), noise.astype(torch.empty(0).numpy().dtype)


def together(configs: list[RunConfig], trainer: SeedsEngine, span: range) -> torch.Tensor:
    """(iterations, S, 2) losses."""
    found = []
    for iteration in span:
        orders, noises = zip(*(inputs(config, iteration) for config in configs), strict=True)
        found.append(trainer.iterate_all(orders, noises))
    return torch.stack(found)


def alone(config: RunConfig, trainer: Engine, span: range) -> torch.Tensor:
    """(iterations, 2) losses."""
    return torch.stack([trainer.iterate(*inputs(config, iteration)) for iteration in span])


def assert_same(together: list[dict], alone: list[Engine], tolerance: float) -> None:
    for joined, single in zip(together, alone, strict=True):
        own = single.state()
        assert joined.keys() == own.keys()
        for name, value in own.items():
            torch.testing.assert_close(
                joined[name],
                value,
                rtol=tolerance,
                atol=tolerance,
                msg=lambda m, n=name: f"{n}: {m}",
            )


CHANGES = [
    {"architecture": "dcrw"},
    {"architecture": "dcrw-write-only", "clip_scope": "global"},
    {"architecture": "draw", "clip_scope": "tensor", "optimizer": "sgd"},
    {"architecture": "conv-vae", "steps": 1},
    {"architecture": "dcrw-whole-image", "initial_state": "learned"},
    {"architecture": "dcrw-stepwise", "window_parameters": "four", "clip_scope": "none"},
]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_seed_takes_its_own_steps(change: dict[str, object]) -> None:
    configs = runs_of(**change)
    singles = [Engine(config, images(), CPU) for config in configs]
    joined = SeedsEngine(configs, images(), CPU)
    found = together(configs, joined, range(12))
    expected = [alone(c, e, range(12)) for c, e in zip(configs, singles, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-9, atol=1e-9)
    assert_same(joined.states(), singles, 1e-9)


def test_single_precision_parts_no_further_than_rounding() -> None:
    configs = runs_of()
    singles = [Engine(config, images(), CPU) for config in configs]
    joined = SeedsEngine(configs, images(), CPU)
    found = together(configs, joined, range(5))
    expected = [alone(c, e, range(5)) for c, e in zip(configs, singles, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("double")
def test_runs_part_and_join_between_iterations() -> None:
    """What was trained side by side goes on alone, and the other way round."""
    configs = runs_of()
    joined, singles = SeedsEngine(configs, images(), CPU), []
    together(configs, joined, range(4))
    for config, state in zip(configs, joined.states(), strict=True):
        singles.append(Engine(config, images(), CPU))
        singles[-1].load_state(state)
        alone(config, singles[-1], range(4, 8))
    together(configs, joined, range(4, 8))
    assert_same(joined.states(), singles, 1e-9)
    again = SeedsEngine(configs, images(), CPU)
    again.load_states([single.state() for single in singles])
    together(configs, again, range(8, 10))
    together(configs, joined, range(8, 10))
    for first, second in zip(again.states(), joined.states(), strict=True):
        for name, value in first.items():
            torch.testing.assert_close(value, second[name], rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("double")
def test_a_recorded_iteration_trains_every_seed() -> None:
    """The logic around a CUDA graph: rehearsals are undone, inputs arrive in place."""

    def record(update):
        for _ in range(3):
            update()
        output = torch.empty(len(SEEDS), 2)
        return lambda: output.copy_(update())

    configs = runs_of()
    eager, recorded = (SeedsEngine(configs, images(), CPU) for _ in range(2))
    recorded._record = record
    first, second = (together(configs, each, range(5)) for each in (eager, recorded))
    assert torch.equal(first, second)


def test_models_are_copies_with_each_runs_weights() -> None:
    configs = runs_of()
    joined = SeedsEngine(configs, images(), CPU)
    for config, model in zip(configs, joined.models(), strict=True):
        own = initial_model(config.model, config.training.seed)
        for name, value in own.state_dict().items():
            assert torch.equal(model.state_dict()[name], value), name
    model.get_parameter("heads.bias").data.fill_(3.0)
    assert not torch.equal(unstacked(joined.model, 2).heads.bias, model.heads.bias)


def test_only_seeds_may_differ() -> None:
    configs = runs_of()
    other = configs[1].model_copy(
        update={"training": configs[1].training.model_copy(update={"clip_norm": 1.0})}
    )
    with pytest.raises(ValueError, match="differ in more than their seed"):
        SeedsEngine([configs[0], other], images(), CPU)


def test_other_differences_leave_no_folder(tmp_path: Path, dataset: Dataset) -> None:
    runs, configs = short_runs(tmp_path)
    changed = configs[1].training.model_copy(update={"clip_norm": 1.0})
    configs[1] = configs[1].model_copy(update={"training": changed})
    with pytest.raises(ValueError, match="differ in more than their seed"):
        train_seeds(runs, configs, dataset, CPU)
    assert not list(tmp_path.iterdir())


@pytest.mark.cuda
def test_a_cuda_graph_trains_every_seed() -> None:
    configs = runs_of()
    joined = SeedsEngine(configs, images(), torch.device("cuda"))
    found = together(configs, joined, range(5)).cpu()
    expected = [
        alone(config, Engine(config, images(), torch.device("cuda")), range(5)).cpu()
        for config in configs
    ]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-3, atol=1e-3)


@pytest.fixture
def dataset() -> Dataset:
    split = Split(images(), torch.zeros(IMAGES, dtype=torch.int64))
    return Dataset(split, split, split, name="mnist")


def short_runs(root: Path, **more: object) -> tuple[list[Run], list[RunConfig]]:
    settings = {"iterations": 12, "metrics_interval": 4, "checkpoint_interval": 3} | more
    configs = [
        config.model_copy(update={"training": config.training.model_copy(update=settings)})
        for config in runs_of()
    ]
    return [Run(root / config.folder_name) for config in configs], configs


def assert_same_runs(first: Run, second: Run) -> None:
    """Complete folders with the same content, up to rounding."""
    assert first.config == second.config
    pd.testing.assert_frame_equal(first.metrics(), second.metrics(), rtol=1e-4, atol=1e-6)
    own, other = (load_file(run.folder / "model.safetensors") for run in (first, second))
    assert own.keys() == other.keys()
    for name, value in own.items():
        torch.testing.assert_close(value, other[name], rtol=1e-3, atol=1e-4)
    assert {path.name for path in first.folder.iterdir()} == {
        path.name for path in second.folder.iterdir()
    }


def test_every_seed_leaves_the_folder_of_its_own_run(tmp_path: Path, dataset: Dataset) -> None:
    runs, configs = short_runs(tmp_path / "joined")
    train_seeds(runs, configs, dataset, CPU)
    for run, config in zip(runs, configs, strict=True):
        own = train(Run(tmp_path / "own" / config.folder_name), config, dataset, CPU)
        assert_same_runs(run, own)
        assert run.provenance["seed"] == config.training.seed
        assert [part["side_by_side"] for part in run.provenance["segments"]] == [3]
        assert "side_by_side" not in own.provenance["segments"][0]
    before = (runs[0].folder / "model.safetensors").stat().st_mtime_ns
    train_seeds(runs, configs, dataset, CPU)
    assert (runs[0].folder / "model.safetensors").stat().st_mtime_ns == before


def test_runs_side_by_side_resume_together_or_alone(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, configs = short_runs(tmp_path / "whole")
    train_seeds(whole, configs, dataset, CPU)
    for way in ("together", "alone"):
        runs, _ = short_runs(tmp_path / way)
        with monkeypatch.context() as patch:
            kill_at(patch, 8)
            with pytest.raises(Killed):
                train_seeds(runs, configs, dataset, CPU)
        assert [run.load_checkpoint().iteration for run in runs] == [6, 6, 6]
        if way == "together":
            train_seeds(runs, configs, dataset, CPU)
            for run, other in zip(runs, whole, strict=True):
                own, same = (load_file(r.folder / "model.safetensors") for r in (run, other))
                assert all(torch.equal(value, same[name]) for name, value in own.items())
        else:
            train(runs[1], configs[1], dataset, CPU)
            train_seeds(runs, configs, dataset, CPU)  # the two that are left
            for run, other in zip(runs, whole, strict=True):
                assert_same_runs(run, other)


def test_checkpoints_of_different_iterations_go_on_in_groups(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, configs = short_runs(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, 4)
        with pytest.raises(Killed):
            train(runs[0], configs[0], dataset, CPU)
    assert [run.begun for run in runs] == [True, False, False]
    train_seeds(runs, configs, dataset, CPU)
    alone, _ = short_runs(tmp_path / "alone")
    for run, config, own in zip(runs, configs, alone, strict=True):
        assert_same_runs(run, train(own, config, dataset, CPU))


def test_a_folder_in_use_refuses_all(tmp_path: Path, dataset: Dataset) -> None:
    runs, configs = short_runs(tmp_path)
    runs[2].folder.mkdir()
    held = FileLock(runs[2].folder / ".lock")
    with held, pytest.raises(RunError, match="in use by another process"):
        train_seeds(runs, configs, dataset, CPU)
    train_seeds(runs, configs, dataset, CPU)
    assert all(run.complete for run in runs)


def test_one_seed_that_goes_astray_stops_all_and_keeps_their_checkpoints(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, configs = short_runs(tmp_path)
    real, calls = Engine.iterate_all, []

    def poisoned(self, indices, noise, levels):
        calls.append(None)
        noise = list(noise)
        noise[1] = noise[1] * (np.nan if len(calls) == 8 else 1)
        return real(self, indices, noise)

    monkeypatch.setattr(Engine, "iterate_all", poisoned)
    with pytest.raises(TrainingError, match="iteration 8: the loss is not finite"):
        train_seeds(runs, configs, dataset, CPU)
    for run in runs:
        checkpoint = run.load_checkpoint()
        assert checkpoint.iteration == 6 and not run.complete
        assert all(value.isfinite().all() for value in checkpoint.tensors.values())
