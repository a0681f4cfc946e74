"""What a CUDA graph may hold: the captured iteration, recorded operation by operation on a device
that is none. No GPU is needed."""

import pytest
import torch
from recorded_operations import Recorded, pretending
from tiny_runs import tiny
from torch._subclasses.fake_tensor import FakeTensorMode

from dcrw.model.architectures import FACTS
from dcrw.training.config import RunConfig
from dcrw.training.engine import Engine, initial_model
from dcrw.training.seeds import SeedsEngine

IMAGES = torch.zeros(7, 8, 8, dtype=torch.uint8)


def config_of(architecture: str, **training: object) -> RunConfig:
    steps = 2 if FACTS[architecture].recurrent else 1
    return tiny(model={"architecture": architecture, "steps": steps}, **training)


def engine_on(device: torch.device, config: RunConfig, seeds: int) -> Engine:
    if seeds == 1:
        return Engine(config, IMAGES, device)
    return SeedsEngine([config.with_seed(seed) for seed in range(seeds)], IMAGES, device)


def iterations(engine: Engine, count: int) -> list[Recorded]:
    """The captured region so many times, after what is set up on first use."""
    engine._update()
    found = []
    for _ in range(count):
        with Recorded() as recorded:
            engine._update()
        found.append(recorded)
    return found


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("architecture", FACTS)
def test_an_iteration_can_be_captured(
    architecture: str, seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pretending(monkeypatch) as device:
        first, second = iterations(engine_on(device, config_of(architecture), seeds), 2)
    assert len(first.operations) > 50
    assert first.faults() == []
    assert first.operations == second.operations  # and so no allocation of another shape


@pytest.mark.parametrize("scope", ["tensor", "global", "none"])
def test_so_can_it_with_other_clipping(scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """(SGD's fused step is not known to the pretend device; the tests on CUDA have it.)"""
    with pretending(monkeypatch) as device:
        first, second = iterations(engine_on(device, config_of("dcrw", clip_scope=scope), 1), 2)
    assert first.faults() == [] and first.operations == second.operations


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda value: value.sum().item(), "waits for a value"),
        (lambda value: value.nonzero(), "makes a shape that depends on values"),
        (lambda value: value[value > 0], "makes a shape that depends on values"),
        (lambda value: torch.rand_like(value), "draws random numbers"),
        (lambda value: torch.dropout(value, 0.5, True), "draws random numbers"),
        (lambda value: value.cpu(), "has a tensor on the CPU"),
        (lambda value: torch.zeros(3), "has a tensor on the CPU"),
        (lambda value: torch.as_tensor([1, 2]).to(value.device), "has a tensor on the CPU"),
    ],
)
def test_what_a_graph_forbids_is_found(change, expected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put into the iteration, where the device may refuse it or not."""
    with pretending(monkeypatch) as device:
        engine = engine_on(device, config_of("dcrw"), 1)
        real = engine._means
        engine._means = lambda terms: (change(terms.reconstruction), real(terms))[1]
        with Recorded() as recorded:
            try:
                engine._update()
            except (NotImplementedError, RuntimeError):
                assert recorded.operations[-1].faults
    assert any(fault.endswith(expected) for fault in recorded.faults())


@pytest.mark.parametrize("architecture", FACTS)
def test_forward_clipping_and_update_can_be_captured_on_pretend_cuda(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On CUDA itself, as far as it can be pretended: backward cannot. There the optimiser keeps its
    count of steps on the device, too."""
    monkeypatch.setattr(torch.Tensor, "backward", lambda value: None)
    config = config_of(architecture)
    model = initial_model(config.model, 0)
    engine = Engine.__new__(Engine)
    with FakeTensorMode(allow_non_fake_inputs=True):
        engine._set_up(model, config, IMAGES, torch.device("cuda"))
        assert engine._record is not None
        assert all(group["capturable"] for group in engine._optimizer.param_groups)
        first, second = iterations(engine, 2)
        assert {value.device.type for value in engine._tensors().values()} == {"cuda"}
    assert first.faults() == [] and first.operations == second.operations
