"""The textbook implementation computes what the package computes, and trains as it does."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from common import TINY
from torch import Tensor

from benchmarks import (
    contestants,
    textbook,
)
from dcrw.model.config import ModelConfig
from dcrw.model.layers import Heads, LSTMCell
from dcrw.model.writer import Writer, build, loss_terms
from dcrw.training.config import RunConfig, make_config
from dcrw.training.engine import Engine

MODELS = list(textbook.MODELS)


def as_textbook(model: Writer, pick: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Our weights, or with another `pick` their gradients, under the textbook's names."""

    def head(name: str, heads: Heads, own: str) -> dict[str, Tensor]:
        rows = heads.rows()[own]
        return {
            f"{name}.weight": pick(heads.weight)[rows],
            f"{name}.bias": pick(heads.bias)[rows],
        }

    def lstm(name: str, cell: LSTMCell) -> dict[str, Tensor]:
        def reorder(gates: Tensor) -> Tensor:  # i, f, o, update to i, f, update, o
            admit, forget, emit, update = gates.chunk(4)
            return torch.cat([admit, forget, update, emit])

        weight = reorder(pick(cell.weight))
        return {
            f"{name}.weight_ih": weight[:, : -cell.hidden],
            f"{name}.weight_hh": weight[:, -cell.hidden :],
            f"{name}.bias_ih": reorder(pick(cell.bias)),
        }

    found = lstm("decoder", model.decoder)
    found |= head("patch", model.heads, "patch")
    found |= head("write_window", model.heads, "write_window")
    if model.config.facts.reads:
        found |= head("read_window", model.heads, "read_window")
    for name in ("mean", "log_sigma"):
        found |= head(name, model.encoder.posterior.heads, name)
    if hasattr(model.encoder, "lstm"):
        return found | lstm("encoder", model.encoder.lstm)
    for place, layer in {"0": "first", "3": "second"}.items():
        convolution = getattr(model.encoder.features, layer)
        found[f"cnn.{place}.weight"] = pick(convolution.weight)
        found[f"cnn.{place}.bias"] = pick(convolution.bias)
    return found


def twin(model: Writer, epsilon: float = 0.0) -> textbook.Drawer:
    """The textbook's model with our weights; the second bias of its LSTMs is zero and stays so."""
    sizes = model.config.model_dump(include=set(contestants.SIZES))
    slow = textbook.MODELS[model.config.architecture](**sizes, epsilon=epsilon)
    slow = slow.to(next(model.parameters()).dtype)
    names = set(dict(slow.named_parameters()))
    weights = {
        name: value.detach().clone() for name, value in as_textbook(model, lambda p: p).items()
    }
    second = {name for name in names if name.endswith("bias_hh")}
    assert set(weights) == names - second
    with torch.no_grad():
        for name, parameter in slow.named_parameters():
            parameter.copy_(weights.get(name, torch.zeros_like(parameter)))
            parameter.requires_grad_(name not in second)
    return slow


@pytest.mark.parametrize("sizes", [TINY, {}], ids=["tiny", "paper"])
@pytest.mark.parametrize("architecture", MODELS)
def test_textbook_equals_the_package(architecture: str, sizes: dict[str, int]) -> None:
    config = ModelConfig(architecture=architecture, **sizes)
    torch.manual_seed(0)
    model = build(config).double()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    slow = twin(model)
    images = torch.rand(3, config.image_size, config.image_size, dtype=torch.float64)
    noise = torch.randn(config.steps, 3, config.latent_size, dtype=torch.float64)

    terms = loss_terms(model, images, noise)
    ours = terms.reconstruction.mean(), terms.latent.sum(0).mean()
    theirs = slow(images.unsqueeze(1), noise)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-10)

    sum(ours).backward()
    sum(theirs).backward()
    gradients = as_textbook(model, lambda parameter: parameter.grad)
    for name, parameter in slow.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(
                gradients[name],
                parameter.grad,
                rtol=1e-9,
                atol=1e-10,
                msg=lambda m, n=name: f"{n}: {m}",
            )


SMALL = TINY | {"steps": 2, "latent_size": 3, "hidden_size": 16}


BATCH, ITERATIONS = 10, 200


def digits() -> Tensor:
    """200 digits at 12 x 12, uint8."""
    images = contestants.images_of(28)[:200].unsqueeze(1).float()
    return F.interpolate(images, size=(12, 12), mode="area").squeeze(1).round().to(torch.uint8)


def small(architecture: str) -> RunConfig:
    return make_config(
        {
            "name": "small",
            "model": SMALL | {"architecture": architecture},
            "training": {"batch_size": BATCH, "clip_scope": "none", "seed": 1},
        }
    )


def batches(iterations: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    shape = (iterations, SMALL["steps"], BATCH, SMALL["latent_size"])
    order = generator.integers(0, 200, (iterations, BATCH))
    return order, generator.standard_normal(shape, dtype=np.float32)


def train_ours(trainer: Engine, iterations: int) -> np.ndarray:
    """(iterations, 2) losses."""
    dtype = torch.get_default_dtype()
    steps = [
        trainer.iterate(indices, torch.as_tensor(noise).to(dtype).numpy()).clone()
        for indices, noise in zip(*batches(iterations), strict=True)
    ]
    return torch.stack(steps).double().numpy()


def train_slow(slow: textbook.Drawer, images: Tensor, iterations: int) -> np.ndarray:
    """(iterations, 2) losses, on the same images under the same noise; nothing is clipped."""
    weights = [parameter for parameter in slow.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-3, betas=(0.5, 0.999))
    found = []
    for indices, noise in zip(*batches(iterations), strict=True):
        x = images[indices].to(weights[0].dtype).unsqueeze(1) / 255
        losses = slow(x, torch.as_tensor(noise).to(x.dtype))
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
        found.append([loss.item() for loss in losses])
    return np.array(found)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("architecture", MODELS)
def test_training_equals_the_textbook_in_double_precision(architecture: str) -> None:
    trainer, images = Engine(small(architecture), digits(), torch.device("cpu")), digits()
    slow = twin(trainer.model)
    ours, theirs = train_ours(trainer, 50), train_slow(slow, images, 50)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("architecture", MODELS)
def test_training_stays_within_the_spread_of_the_textbook(architecture: str) -> None:
    """Rounding flips the sign that a ReLU or a pooling looks at, and then trajectories part; by how
    much is seen where the textbook starts from weights that differ by a thousandth.

    Without its epsilon: that makes filters vanish which lie far outside the image.
    """
    trainer, images = Engine(small(architecture), digits(), torch.device("cpu")), digits()
    slow, near = twin(trainer.model, 1e-30), twin(trainer.model, 1e-30)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in near.parameters():
            parameter.mul_(1 + 1e-3 * torch.randn_like(parameter))
    ours = train_ours(trainer, ITERATIONS)
    first, second = (train_slow(model, images, ITERATIONS) for model in (slow, near))
    assert first[-20:].sum(1).mean() < 0.8 * first[0].sum()
    spread = np.abs(first - second).mean(0)
    assert (spread < 0.01 * first[-1].sum()).all()
    assert (np.abs(ours - first).mean(0) < spread + 0.02).all()


@pytest.mark.parametrize("architecture", MODELS)
def test_textbook_trains_from_its_loader(architecture: str) -> None:
    model = textbook.MODELS[architecture](**TINY)
    steps = textbook.train(model, digits()[:25], 10, torch.device("cpu"))
    losses = np.array([next(steps) for _ in range(60)])  # two batches an epoch
    assert losses.shape == (60, 2)
    assert np.isfinite(losses).all()
    assert losses[-5:].sum(1).mean() < losses[:5].sum(1).mean()
