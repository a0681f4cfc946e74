"""The models against slow NumPy, alternative by alternative."""

import numpy as np
import pytest
import reference
import torch
from common import TINY

from dcrw.model import attention, losses
from dcrw.model.config import ModelConfig
from dcrw.model.writer import build, loss_terms
from dcrw.training.profiles import PRESETS

RECURRENT = ["dcrw", "dcrw-write-only", "draw", "dcrw-whole-image", "dcrw-stepwise"]

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


def make(config: ModelConfig, seed: int = 0):
    torch.manual_seed(seed)
    model = build(config).double()
    for name, parameter in model.named_parameters():
        if name.startswith("initial") or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def inputs(config: ModelConfig, batch: int = 2, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(
        batch, config.image_size, config.image_size, generator=generator, dtype=torch.float64
    )
    noise = torch.randn(
        config.steps, batch, config.latent_size, generator=generator, dtype=torch.float64
    )
    return images, noise


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


def test_the_write_only_posterior_is_the_same_at_every_step():
    config = ModelConfig(architecture="dcrw-write-only", **TINY)
    drawn = make(config)(*inputs(config))
    torch.testing.assert_close(drawn.mean, drawn.mean[:1].expand_as(drawn.mean))


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


def test_the_forget_bias_is_where_the_forget_gate_is():
    """The gates stand in the order i, f, o, update."""
    config = ModelConfig(architecture="draw", **TINY | {"forget_bias": 1.5})
    model = build(config)
    for cell in (model.decoder, model.encoder.lstm):
        assert cell.bias[6:12].tolist() == [1.5] * 6
        assert cell.bias[:6].tolist() == cell.bias[12:18].tolist() == [0.0] * 6
    hidden, memory = torch.zeros(1, 6), torch.full((1, 6), 2.0)
    with torch.no_grad():
        model.decoder.weight.zero_()
        _, kept = model.decoder([torch.zeros(1, 2)], hidden, memory)
    torch.testing.assert_close(kept, 2 * torch.tensor(1.5).sigmoid().expand(1, 6))


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


def test_an_empty_batch_passes():
    config = ModelConfig(**TINY)
    images, noise = inputs(config)
    terms = loss_terms(make(config), images[:0], noise[:, :0])
    assert terms.reconstruction.shape == (0,) and terms.latent.shape == (3, 0)


def test_the_printed_constant_has_a_floor_that_the_exact_one_has_not():
    """Decision 11: at the prior the KL is 0, and Eq. 27 as printed says (z - 1) / 2 a step."""
    prior = torch.zeros(10, 1, 10, dtype=torch.float64)
    assert losses.latent_loss(prior, prior).sum().item() == 0
    assert losses.latent_loss(prior, prior, "as-printed").sum().item() == 45


def test_a_perfect_reconstruction_costs_the_entropy_of_the_pixels():
    values = torch.tensor([[[0.25, 0.5], [0.75, 0.9]]], dtype=torch.float64)
    entropy = -(values * values.log() + (1 - values) * (1 - values).log()).sum()
    torch.testing.assert_close(losses.bernoulli_loss(values.logit(), values)[0], entropy)


def test_the_gaussian_constant_makes_unit_variance_cost_at_least_720():
    """Decision 10: 784/2 log 2 pi nats before any error."""
    image = torch.full((1, 28, 28), 0.5, dtype=torch.float64)
    assert losses.gaussian_loss(torch.zeros_like(image), image, 1.0).item() == pytest.approx(
        720.45, abs=0.01
    )


def bounds_of(values: torch.Tensor) -> tuple[float, float]:
    return values.min().item(), values.max().item()


def test_unit_scaling_draws_from_a_uniform_range_of_the_inputs_alone():
    """U(+-sqrt(3 / inputs)): 266 inputs of the LSTM, 256 of the heads, 9 a channel."""
    torch.manual_seed(0)
    model = build(ModelConfig(initialiser="unit-scaling"))
    for weight, inputs in (
        (model.decoder.weight, 266),
        (model.heads.weight, 256),
        (model.encoder.posterior.heads.weight, 2 * 2 * 64 + 256),
        (model.encoder.features.first.weight, 2 * 9),
        (model.encoder.features.second.weight, 32 * 9),
    ):
        limit = np.sqrt(3 / inputs)
        low, high = bounds_of(weight)
        assert -limit <= low < -0.98 * limit and 0.98 * limit < high <= limit
        assert weight.std().item() == pytest.approx(limit / np.sqrt(3), rel=0.06)
    assert model.encoder.features.first.bias.abs().max() == 0


def test_xavier_counts_inputs_and_outputs_of_each_head_alone():
    torch.manual_seed(0)
    model = build(ModelConfig())
    for name, rows in model.heads.rows().items():
        limit = np.sqrt(6 / (256 + model.heads.outputs[name]))
        assert 0.9 * limit < model.heads.weight[rows].abs().max().item() <= limit


@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "conv-vae"])
def test_truncated_normal_convolutions_leave_all_else_alone(architecture):
    steps = {"steps": 1} if architecture == "conv-vae" else {}
    settings = {"architecture": architecture, "convolution_initialiser": "truncated-normal"}
    torch.manual_seed(0)
    model = build(ModelConfig(**settings | steps))
    features = model.features if architecture == "conv-vae" else model.encoder.features
    for layer in (features.first, features.second):
        low, high = bounds_of(layer.weight)
        assert -0.2 <= low < -0.15 and 0.15 < high <= 0.2
        assert layer.weight.std().item() == pytest.approx(0.088, abs=0.008)  # 0.88 of 0.1
        assert (layer.bias == 0.1).all()
    heads = model.posterior if architecture == "conv-vae" else model.encoder.posterior
    assert (heads.heads.bias == 0).all()


def test_the_preset_of_2016_is_its_lineage_and_what_came_with_the_tools():
    lineage, tools = PRESETS["lineage2016"], PRESETS["tensorflow2016"]
    assert tools["training"] == lineage["training"]
    differing = {
        name for name in tools["model"] if tools["model"][name] != lineage["model"].get(name)
    }
    assert differing == {"initialiser", "convolution_initialiser", "indexing"}
    assert ModelConfig(**tools["model"]).indexing == "mixed-integer"
