"""One fast iteration: clipping, recording, and a start that leaves no trace."""

import pytest
import torch
from tiny_runs import dataset, tiny

from dcrw.model.architectures import FACTS
from dcrw.model.config import ModelConfig
from dcrw.model.layers import logical_heads
from dcrw.training.engine import Engine, GradientClip, initial_model
from dcrw.training.randomness import BatchOrder, step_noise

__all__ = ["dataset"]  # a fixture


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


@pytest.mark.cuda
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("architecture", FACTS)
def test_a_cuda_graph_trains_as_eager_cuda(dataset, architecture, optimizer):
    steps = 2 if FACTS[architecture].recurrent else 1
    config = tiny(model={"architecture": architecture, "steps": steps}, optimizer=optimizer)
    order, states = BatchOrder(0, 5, 23), []
    for graph in (False, True):
        each = Engine(config, dataset.train.images, torch.device("cuda"))
        if not graph:
            each._record = None
        for iteration in range(6):
            each.iterate(order(iteration), step_noise(0, "noise", iteration, (steps, 5, 2), 0))
        states.append(each.state())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-4, atol=1e-6)


@pytest.mark.cuda
def test_an_iteration_on_cuda_waits_for_nothing(dataset):
    """CUDA itself says where the program would wait."""
    each, order = Engine(tiny(), dataset.train.images, torch.device("cuda")), BatchOrder(0, 5, 23)
    each.iterate(order(0), step_noise(0, "noise", 0, (2, 5, 2), 0))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for iteration in range(1, 4):
            each.iterate(order(iteration), step_noise(0, "noise", iteration, (2, 5, 2), 0))
    finally:
        torch.cuda.set_sync_debug_mode("default")


class OnAGpu:
    """In place of a buffer on a GPU: keeps what is copied into it, and whether that is waited
    for."""

    is_cuda = True

    def __init__(self):
        self.copied = []

    def copy_(self, source, non_blocking=False):
        self.copied.append((source, non_blocking))


def test_inputs_go_to_a_gpu_from_pinned_memory_without_waiting(dataset, monkeypatch):
    pinned = []

    def pin_memory(values):
        pinned.append(values.clone())
        return pinned[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    each, order = Engine(tiny(), dataset.train.images, torch.device("cpu")), BatchOrder(0, 5, 23)
    noise = step_noise(0, "noise", 0, (2, 5, 2), 0)
    each.iterate(order(0), noise)
    assert pinned == []  # on a CPU there is nothing to gain
    each._indices, each._noise = OnAGpu(), OnAGpu()
    each._replay = lambda: torch.zeros(2)
    each.iterate(order(1), noise)
    ((indices, first_free),), ((values, second_free),) = each._indices.copied, each._noise.copied
    assert indices is pinned[0] and values is pinned[1] and first_free and second_free
    assert indices.tolist() == order(1).tolist() and values.tolist() == noise.tolist()


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
