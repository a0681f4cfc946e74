"""Passes with latents replaced on their way to the decoder."""

import pytest
import tiny_runs
import torch

from dcrw.model.architectures import FACTS
from dcrw.model.writer import Model
from dcrw.training.data import Dataset, to_unit
from dcrw.training.engine import initial_model
from dcrw.training.randomness import step_noise
from study.noise.course import first_repeated, follow, replaced_at

ARCHITECTURES = ["dcrw", "dcrw-write-only", "draw", "dcrw-whole-image", "dcrw-stepwise", "conv-vae"]
dataset = tiny_runs.dataset


def small(architecture: str, correlation: float = 0.0) -> Model:
    model = {"architecture": architecture, "noise_correlation": correlation, "steps": 3}
    model |= {"steps": 1} if architecture == "conv-vae" else {}
    return initial_model(tiny_runs.tiny(model=model).model, 0)


def given(model: Model, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    images = to_unit(dataset.test.images)
    shape = (model.config.steps, len(images), model.config.latent_size)
    correlation = model.config.noise_correlation
    return images, torch.tensor(step_noise(0, "noise", 0, shape, correlation))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_following_without_replacing_is_the_model(dataset, architecture):
    model = small(architecture, 0.5)
    images, noise = given(model, dataset)
    course, trace = follow(model, images, noise), model.trace(images, noise)
    for name, expected in (("canvas", trace.canvas[-1]), *trace._asdict().items()):
        if name in ("latent", "mean", "log_sigma") or expected is trace.canvas[-1]:
            torch.testing.assert_close(getattr(course, name), expected)
    assert (course.hidden[0] == 0).all() and len(course.hidden) == model.config.steps
    assert architecture == "conv-vae" or (course.hidden[1:] != 0).any(2).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_replaced_latents_are_what_the_decoder_gets(dataset, architecture):
    model = small(architecture)
    images, noise = given(model, dataset)
    prior = torch.full_like(noise[0], 2.0)
    before, steps = follow(model, images, noise), model.config.steps
    repeated = follow(model, images, noise, first_repeated)
    torch.testing.assert_close(repeated.latent, before.latent[:1].expand(steps, -1, -1))
    for place in range(steps):
        replaced = follow(model, images, noise, replaced_at(place, prior))
        assert torch.equal(replaced.latent[place], prior)
        assert torch.equal(replaced.latent[:place], before.latent[:place])
        assert torch.equal(replaced.mean[: place + 1], before.mean[: place + 1])
        follows = (replaced.mean[place + 1 :] != before.mean[place + 1 :]).any()
        assert follows == (FACTS[architecture].feedback and place + 1 < steps)
        drawn = model.generate(replaced.latent).canvas[-1]
        torch.testing.assert_close(replaced.canvas, drawn)
