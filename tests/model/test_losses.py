"""The constants of both losses, and which of them a config names."""

import pytest
import torch

from dcrw.model import losses
from dcrw.model.config import ModelConfig


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


@pytest.mark.parametrize("reconstruction", ["bernoulli", "gaussian"])
def test_the_reconstruction_loss_is_the_one_that_the_config_names(reconstruction: str) -> None:
    config = ModelConfig(reconstruction=reconstruction, gaussian_variance=0.5)
    logits, images = torch.rand(2, 3, 4, 4)
    known = {
        "bernoulli": losses.bernoulli_loss(logits, images),
        "gaussian": losses.gaussian_loss(logits, images, 0.5),
    }
    assert torch.equal(losses.reconstruction_loss(config, logits, images), known[reconstruction])
