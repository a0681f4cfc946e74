"""What all encoders have in common, and what each is given."""

import pytest
import torch
from common import TINY
from tiny_models import RECURRENT, inputs, make

from dcrw.model import encoders, losses
from dcrw.model.architectures import FACTS
from dcrw.model.config import ModelConfig
from dcrw.model.encoders import ENCODERS, Ahead, Encoder, glimpse
from dcrw.model.layers import ConvolutionalFeatures
from dcrw.model.state import Posterior, State


def test_every_recurrent_architecture_has_an_encoder() -> None:
    assert list(ENCODERS) == RECURRENT
    assert all(issubclass(kind, Encoder) for kind in ENCODERS.values())


@pytest.mark.parametrize("architecture", RECURRENT)
def test_the_facts_are_those_of_the_encoder(architecture: str) -> None:
    facts, model = FACTS[architecture], make(ModelConfig(architecture=architecture, **TINY))
    assert isinstance(model.encoder, Ahead) == (not facts.feedback)
    kinds = {type(module) for module in model.encoder.modules()}
    assert (ConvolutionalFeatures in kinds) == facts.convolves


@pytest.mark.parametrize("architecture", RECURRENT)
def test_an_encoder_sees_images_and_canvas_as_its_facts_say(architecture: str) -> None:
    """A change of the canvas alone changes later posteriors only where there is feedback."""
    config = ModelConfig(architecture=architecture, **TINY)
    model, (images, _) = make(config), inputs(config)
    seen, state = model.encoder.look(images), model.initial(2)
    first, memory = model.encoder(seen, state)
    assert first.mean.shape == first.log_sigma.shape == (2, 2)
    assert not torch.equal(first.mean[0], first.mean[1])
    changed, _ = model.encoder(seen, state._replace(canvas=state.canvas + 1))
    assert torch.equal(changed.mean, first.mean) == (not FACTS[architecture].feedback)
    second, _ = model.encoder(seen, state._replace(memory=memory))
    assert second.mean.shape == (2, 2)


@pytest.mark.parametrize("architecture", ["dcrw-write-only", "dcrw-stepwise"])
def test_posteriors_ahead_are_those_of_the_steps(architecture: str) -> None:
    config = ModelConfig(architecture=architecture, **TINY)
    model, (images, _) = make(config), inputs(config)
    seen, state = model.encoder.look(images), model.initial(2)
    assert isinstance(seen, Posterior) and seen.mean.shape == (3, 2, 2)
    for step in range(3):
        posterior, memory = model.encoder(seen, state)
        assert torch.equal(posterior.mean, seen.mean[step]) and memory == step + 1
        assert torch.equal(posterior.log_sigma, seen.log_sigma[step])
        state = state._replace(memory=memory)
    alike = torch.equal(seen.mean[0], seen.mean[1])
    assert alike == (architecture == "dcrw-write-only")


def test_the_memory_of_draw_is_that_of_its_lstm() -> None:
    config = ModelConfig(architecture="draw", **TINY)
    model, (images, _) = make(config), inputs(config)
    state = model.initial(2)
    first, memory = model.encoder(images, state)
    blank = memory._replace(hidden=0 * memory.hidden, cell=0 * memory.cell)
    again, _ = model.encoder(images, state._replace(memory=blank))
    assert torch.equal(first.mean, again.mean)
    later, _ = model.encoder(images, state._replace(memory=memory))
    assert not torch.equal(first.mean, later.mean)


def test_a_glimpse_without_a_read_window_names_the_way_out() -> None:
    model = make(ModelConfig(architecture="dcrw-write-only", **TINY))
    with pytest.raises(ValueError, match="say in FACTS that the model reads"):
        glimpse(torch.zeros(2, 12, 12), model.initial(2))


def test_an_encoder_that_leaves_out_a_call_cannot_be_built() -> None:
    class Half(Encoder[torch.Tensor, None]):
        def look(self, images: torch.Tensor) -> torch.Tensor:
            return images

    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_a_new_encoder_is_one_class_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """It draws and has losses without another line."""

    class Constant(Encoder[torch.Tensor, int]):
        def __init__(self, config: ModelConfig):
            super().__init__()
            self.posterior = encoders.PosteriorHeads(config.hidden_size, config)

        def look(self, images: torch.Tensor) -> torch.Tensor:
            return images

        def forward(self, images: torch.Tensor, state: State[int]) -> tuple[Posterior, int]:
            return self.posterior(state.hidden), (state.memory or 0) + 1

    monkeypatch.setitem(encoders.ENCODERS, "dcrw-whole-image", Constant)
    config = ModelConfig(architecture="dcrw-whole-image", **TINY)
    model, (images, noise) = make(config), inputs(config)
    drawn = model(images, noise)
    assert losses.latent_loss(drawn.mean, drawn.log_sigma).shape == (3, 2)
    assert torch.equal(model.trace(images, noise).canvas[-1], drawn.canvas)


def test_the_write_only_posterior_is_the_same_at_every_step():
    config = ModelConfig(architecture="dcrw-write-only", **TINY)
    drawn = make(config)(*inputs(config))
    torch.testing.assert_close(drawn.mean, drawn.mean[:1].expand_as(drawn.mean))
