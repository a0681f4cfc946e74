"""A pass of encoder and decoder with latents replaced on their way to the decoder.

Sizes: n images, T steps, z latent dimensions per step, D LSTM units.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from dcrw.model.state import Posterior
from dcrw.model.writer import Model, Writer, sample

Replace = Callable[[int, list[Tensor]], Tensor]  # step from 0, z_1..z_t as drawn; the z_t to use


class Course(NamedTuple):
    """One pass of encoder and decoder, with what the decoder knew at each step."""

    canvas: Tensor  # (n, A, A) logits, c_T
    hidden: Tensor  # (T, n, D) h_{t-1}^dec, before the step
    latent: Tensor  # (T, n, z) as given to the decoder
    mean: Tensor  # (T, n, z)
    log_sigma: Tensor  # (T, n, z)


def as_drawn(step: int, latents: list[Tensor]) -> Tensor:
    """z_t (n, z) as the encoder gives it."""
    return latents[-1]


def first_repeated(step: int, latents: list[Tensor]) -> Tensor:
    """z_1 (n, z) at every step."""
    return latents[0]


def replaced_at(place: int, prior: Tensor) -> Replace:
    """A draw from the prior (n, z) at one step, counted from 0; the encoder goes on from there."""
    return lambda step, latents: prior if step == place else latents[-1]


@torch.no_grad()
def follow(model: Model, images: Tensor, noise: Tensor, replace: Replace = as_drawn) -> Course:
    """`model(images, noise)` with latents replaced on their way to the decoder.

    images: (n, A, A) in [0, 1]; noise: (T, n, z). The encoder sees what the replaced latents draw.
    """
    if not isinstance(model, Writer):
        drawn = model(images, noise)
        latent = replace(0, [sample(Posterior(drawn.mean[0], drawn.log_sigma[0]), noise[0])])
        blank = latent.new_zeros(1, len(latent), 1)
        return Course(model.decode(latent), blank, latent[None], drawn.mean, drawn.log_sigma)
    seen, state = model.encoder.look(images), model.initial(len(images))
    drawn_latents: list[Tensor] = []
    rows = []
    for step, epsilon in enumerate(noise):
        posterior, memory = model.encoder(seen, state)
        drawn_latents.append(sample(posterior, epsilon))
        latent = replace(step, drawn_latents)
        rows.append((state.hidden, latent, *posterior))
        state = model.draw(latent, state)[0]._replace(memory=memory)
    return Course(state.canvas, *(torch.stack(column) for column in zip(*rows, strict=True)))
