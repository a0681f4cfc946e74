"""The models against slow NumPy, alternative by alternative."""

import numpy as np
import pytest
import reference
import torch
from common import TINY
from tiny_models import RECURRENT, inputs, make, outputs_and_gradients, tiny
from torch import Tensor

from dcrw.model import attention
from dcrw.model.config import ModelConfig
from dcrw.model.writer import build, loss_terms

ALTERNATIVES = {
    "as-is": {},
    "four-numbers": {"window_parameters": "four"},
    "mixed-indices": {"indexing": "mixed"},
    "mixed-integer": {"indexing": "mixed-integer"},
    "clamped-sum": {"filter_normaliser": "clamped-sum"},
    "squared-ratio": {"filter_exponent": "squared-ratio"},
    "shared-window-head": {"window_heads": "shared"},
    "drop-border": {"pooling": "drop-border"},
    "tied-posterior": {"posterior_heads": "tied"},
    "learned-start": {"initial_state": "learned"},
    "dark-canvas": {"initial_canvas": -2.0},
    "forget-bias": {"forget_bias": 1.0},
    "unit-scaling": {"initialiser": "unit-scaling"},
    "truncated-normal": {"convolution_initialiser": "truncated-normal"},
    "dense": {"encoder_dense": 4},
    "no-hidden": {"hidden_to_encoder": "absent"},
    "gaussian": {"reconstruction": "gaussian", "gaussian_variance": 0.5},
    "as-printed": {"latent_constant": "as-printed"},
}
FIRST_WEIGHTS = ("forget_bias", "initialiser", "convolution_initialiser")  # act through weights


def impossible(architecture: str, alternative: str) -> bool:
    """Whether an architecture refuses an alternative."""
    return (architecture == "draw" and alternative == "dense") or (
        architecture in ("dcrw-write-only", "draw", "dcrw-stepwise") and alternative == "no-hidden"
    )


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("architecture", RECURRENT)
def test_losses_and_canvas_equal_the_equations(architecture, alternative):
    if impossible(architecture, alternative):
        with pytest.raises(ValueError, match="expected"):
            ModelConfig(architecture=architecture, **TINY | ALTERNATIVES[alternative])
        return
    config = ModelConfig(architecture=architecture, **TINY | ALTERNATIVES[alternative])
    model = make(config)
    images, noise = inputs(config)
    found, drawn = loss_terms(model, images, noise), model(images, noise)
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    for row in range(len(images)):
        canvas, reconstruction, latent = reference.writer(
            weights, images[row].numpy(), noise[:, row].numpy(), config
        )
        np.testing.assert_allclose(drawn.canvas[row].detach(), canvas, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(found.reconstruction[row].item(), reconstruction, rtol=1e-9)
        np.testing.assert_allclose(found.latent[:, row].detach(), latent, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("alternative", [name for name in ALTERNATIVES if name != "as-is"])
def test_every_alternative_changes_something(alternative):
    """No field is read and forgotten: with the same weights, or with its own, the losses differ
    from the default's."""
    plain, other = (ModelConfig(**TINY | more) for more in ({}, ALTERNATIVES[alternative]))
    images, noise = inputs(plain)
    totals = []
    for config in (plain, other):
        torch.manual_seed(0)
        model = build(config).double()
        if not ALTERNATIVES[alternative].keys() & set(FIRST_WEIGHTS):
            for parameter in model.parameters():
                torch.nn.init.uniform_(parameter, 0.05, 0.4)
        totals.append(sum(term.sum() for term in loss_terms(model, images, noise)).item())
    assert totals[0] != pytest.approx(totals[1], rel=1e-9)


@pytest.mark.parametrize("architecture", RECURRENT)
def test_gradients_equal_finite_differences(architecture):
    config = ModelConfig(
        architecture=architecture, **TINY | {"steps": 2, "hidden_size": 4, "image_size": 8}
    )
    model = make(config)
    images, noise = inputs(config, batch=1)

    def total() -> torch.Tensor:
        terms = loss_terms(model, images, noise)
        return terms.reconstruction.sum() + terms.latent.sum()

    total().backward()
    generator = torch.Generator().manual_seed(5)
    for name, parameter in model.named_parameters():
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        slope = (parameter.grad * direction).sum().item()
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * 1e-6)
                ends.append(total().item())
                parameter.sub_(direction, alpha=sign * 1e-6)
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-4, abs=1e-5), name


@pytest.mark.parametrize("architecture", RECURRENT)
def test_a_trace_is_the_forward_pass_step_by_step(architecture):
    config = ModelConfig(architecture=architecture, **TINY)
    model = make(config)
    images, noise = inputs(config)
    trace, drawn, terms = (
        model.trace(images, noise),
        model(images, noise),
        loss_terms(model, images, noise),
    )
    torch.testing.assert_close(trace.canvas[-1], drawn.canvas)
    torch.testing.assert_close(trace.mean, drawn.mean)
    torch.testing.assert_close(trace.kl, terms.latent)
    assert trace.canvas.shape == (3, 2, 12, 12) and trace.patch.shape == (3, 2, 3, 3)
    assert trace.write_window.shape == (3, 2, 5)
    assert (trace.read_window is None) == (architecture not in ("dcrw", "draw"))


@pytest.mark.parametrize("architecture", RECURRENT)
def test_generation_needs_no_encoder(architecture):
    config = ModelConfig(architecture=architecture, **TINY)
    model = make(config)
    images, noise = inputs(config)
    latent = model.trace(images, noise).latent
    model.encoder = None
    generated = model.generate(latent)
    assert generated.mean is None and generated.kl is None and generated.read_window is None
    model.encoder = make(config).encoder
    torch.testing.assert_close(generated.canvas, model.trace(images, noise).canvas)


@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "draw", "conv-vae"])
def test_evaluation_changes_no_state(architecture):
    config = ModelConfig(
        architecture=architecture, **TINY | ({"steps": 1} if architecture == "conv-vae" else {})
    )
    model = make(config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, noise = inputs(config)
    first, second = (loss_terms(model, images, noise) for _ in range(2))
    model.trace(images, noise)
    model.generate(noise)
    torch.testing.assert_close(first.reconstruction, second.reconstruction, rtol=0, atol=0)
    for name, value in model.named_parameters():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
        assert value.grad is None
    assert not any(part is not None and part.requires_grad for part in model.trace(images, noise))


@pytest.mark.parametrize("parameters", ["five", "four"])
def test_windows_start_as_wide_as_they_are_told(parameters):
    for value in (0.0, -1.0):
        more = {"window_parameters": parameters, "initial_log_stride": value}
        model = build(ModelConfig(**TINY | more))
        emitted = model.initial(1).read_window
        found = attention.window(emitted, 5, 12, model.conventions).stride
        torch.testing.assert_close(found, torch.full((1, 1), 11 / 4 * np.exp(value)))


def test_the_conv_vae_equals_numpy():
    config = ModelConfig(architecture="conv-vae", **TINY | {"steps": 1})
    model = make(config)
    images, noise = inputs(config)
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    drawn = model(images, noise)
    for row in range(2):
        seen = reference.features(
            reference.under(weights, "features."), images[row].numpy()[None], config
        )
        mean, log_sigma = reference.posterior(reference.under(weights, "posterior."), seen, config)
        latent = mean + np.exp(log_sigma) * noise[0, row].numpy()
        hidden = np.maximum(weights["hidden.weight"] @ latent + weights["hidden.bias"], 0)
        logits = weights["image.weight"] @ hidden + weights["image.bias"]
        np.testing.assert_allclose(drawn.canvas[row].detach(), logits.reshape(12, 12), rtol=1e-8)
        np.testing.assert_allclose(drawn.mean[0, row].detach(), mean, rtol=1e-8)


@pytest.mark.parametrize("architecture", ["dcrw-write-only", "dcrw-stepwise"])
@pytest.mark.parametrize("start", ["zeros", "learned"])
def test_drawing_at_once_is_drawing_step_by_step(architecture: str, start: str) -> None:
    """Where no posterior looks at the canvas, a model draws all its steps at once: canvas, losses
    and gradients are those of `step` after `step`."""
    model, images, noise = tiny(architecture=architecture, initial_state=start)

    def at_once(*_: Tensor) -> tuple[Tensor, ...]:
        return tuple(model(images, noise))

    def stepwise(*_: Tensor) -> tuple[Tensor, ...]:
        seen, state, posteriors = model.encoder.look(images), model.initial(4), []
        for epsilon in noise:
            state, done = model.step(seen, state, epsilon)
            posteriors.append(done.posterior)
        return state.canvas, *(torch.stack(part) for part in zip(*posteriors, strict=True))

    weights = list(model.parameters())
    torch.testing.assert_close(
        outputs_and_gradients(at_once, weights),
        outputs_and_gradients(stepwise, weights),
        rtol=1e-10,
        atol=1e-10,
    )
    torch.testing.assert_close(model.trace(images, noise).canvas[-1], at_once()[0])


def test_shapes_are_checked():
    config = ModelConfig(**TINY)
    model = make(config)
    images, noise = inputs(config)
    with pytest.raises(
        ValueError, match=r"images have shape \(2, 11, 12\); expected \(B, 12, 12\)"
    ):
        model(images[:, :11], noise)
    with pytest.raises(
        ValueError, match=r"noise has shape \(2, 2, 2\); expected \(T, B, z\) = \(3, 2, 2\)"
    ):
        model(images, noise[:2])


def test_what_is_generated_from_has_the_models_shape():
    """Else a VAE would leave all but the first step out, and a writer fail within."""
    with pytest.raises(ValueError, match=r"noise has shape \(3, 2\); expected"):
        make(ModelConfig(**TINY)).generate(torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"\(3, 5, 7\); expected \(T, B, z\) = \(3, 5, 2\)"):
        make(ModelConfig(**TINY)).generate(torch.zeros(3, 5, 7))
    single = ModelConfig(architecture="conv-vae", **TINY | {"steps": 1})
    with pytest.raises(ValueError, match=r"\(3, 5, 2\); expected \(T, B, z\) = \(1, 5, 2\)"):
        make(single).generate(torch.zeros(3, 5, 2))


def test_an_empty_batch_passes():
    config = ModelConfig(**TINY)
    images, noise = inputs(config)
    terms = loss_terms(make(config), images[:0], noise[:, :0])
    assert terms.reconstruction.shape == (0,) and terms.latent.shape == (3, 0)
