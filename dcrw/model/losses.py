"""The two terms of the loss (Eq. 24-28), in nats per image. Pure functions."""

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from dcrw.model.config import ModelConfig


def bernoulli_loss(logits: Tensor, image: Tensor) -> Tensor:
    """L_x of Eq. 25 with D a Bernoulli for each pixel, on grey values in [0, 1]: (B,) nats.

    logits, image: (B, A, A). On grey values this is a cross-entropy, not a likelihood of binary
    data: a perfect reconstruction still costs the entropy of the pixels.
    """
    return F.binary_cross_entropy_with_logits(logits, image, reduction="none").flatten(1).sum(1)


def gaussian_loss(logits: Tensor, image: Tensor, variance: float) -> Tensor:
    """L_x of Eq. 25 with D a Gaussian around sigma(c_T) with a fixed variance, constant included:
    (B,) nats."""
    squares = (logits.sigmoid() - image).square().flatten(1)
    return 0.5 * squares.sum(1) / variance + 0.5 * squares.shape[1] * math.log(
        2 * math.pi * variance
    )


def latent_loss(
    mean: Tensor, log_sigma: Tensor, constant: Literal["exact", "as-printed"] = "exact"
) -> Tensor:
    """KL of N(mean, sigma^2) from the standard normal prior at each step (Eq. 26-27): (T, B) nats.

    mean, log_sigma: (T, B, z). `exact` subtracts 1/2 for each dimension; `as-printed` takes Eq. 27
    at its word, 1/2 for each step, and then cannot fall below (z - 1) / 2 per step.
    """
    halves = mean.shape[-1] if constant == "exact" else 1
    squares = mean.square() + (2 * log_sigma).exp() - 2 * log_sigma
    return 0.5 * squares.sum(-1) - 0.5 * halves


def reconstruction_loss(config: ModelConfig, canvas: Tensor, images: Tensor) -> Tensor:
    """L_x (n,) of logits and images (n, A, A), as the model's config defines it."""
    if config.reconstruction == "gaussian":
        return gaussian_loss(canvas, images, config.gaussian_variance)
    return bernoulli_loss(canvas, images)
