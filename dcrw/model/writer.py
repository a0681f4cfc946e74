"""The models: one short drawing step on a named state, a loop over it, and generation from the
prior.

Sizes: B images of A x A pixels, T steps, z latent dimensions a step, D LSTM units, N filters an
axis.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dcrw.model import losses, operations
from dcrw.model.attention import conventions
from dcrw.model.backward import Filters, WindowLayout
from dcrw.model.config import ModelConfig
from dcrw.model.encoders import AHEAD, ENCODERS, Memory, Posterior, PosteriorHeads, Sight
from dcrw.model.layers import ConvolutionalFeatures, Heads, LSTMCell
from dcrw.model.stacking import each_start


class State(NamedTuple):
    """What one drawing step hands to the next."""

    canvas: Tensor  # (B, A, A) logits, c_t
    hidden: Tensor  # (B, D) h_t^dec
    cell: Tensor  # (B, D) the decoder's LSTM cell
    read_window: Tensor  # (B, 5) the next read window, emitted from h_t^dec
    memory: Memory = None  # of an encoder that has one
    read_filters: Filters | None = None  # of read_window


class Reconstruction(NamedTuple):
    """One pass of encoder and decoder."""

    canvas: Tensor  # (B, A, A) logits, c_T
    mean: Tensor  # (T, B, z)
    log_sigma: Tensor  # (T, B, z)


class Losses(NamedTuple):
    """Nats an image (Eq. 25-26)."""

    reconstruction: Tensor  # (B,) L_x
    latent: Tensor  # (T, B) L_z of each step


class Strokes(NamedTuple):
    """What the decoder does at a step, for looking at."""

    patch: Tensor  # (B, N, N) w_t
    write_window: Tensor  # (B, 5) as emitted


class Step(NamedTuple):
    """What one step leaves behind besides the next state."""

    posterior: Posterior
    latent: Tensor  # (B, z) z_t
    strokes: Strokes


class Trace(NamedTuple):
    """Everything that happens while drawing; what a model or a mode does not have is None."""

    canvas: Tensor  # (T, B, A, A) logits, c_1..c_T
    latent: Tensor  # (T, B, z)
    patch: Tensor | None = None  # (T, B, N, N)
    write_window: Tensor | None = None  # (T, B, 5) as emitted
    read_window: Tensor | None = None  # (T, B, 5) as emitted, the window read at step t
    mean: Tensor | None = None  # (T, B, z)
    log_sigma: Tensor | None = None  # (T, B, z)
    kl: Tensor | None = None  # (T, B) nats


class Writer(nn.Module):
    """A recurrent writer: DCRW in both variants, or DRAW, by its encoder."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.conventions = conventions(config)
        self.encoder = ENCODERS[config.architecture](config)
        self.decoder = LSTMCell(
            config.latent_size, config.hidden_size, config.forget_bias, config.initialiser
        )
        self.heads = Heads(config.hidden_size, self._head_sizes(), config.initialiser)
        patch, *windows = self.heads.outputs.values()
        self._emitted_sizes = [patch, sum(windows)]
        self.layout = self._layout()
        for name, rows in self.heads.rows().items():
            if name != "patch":
                self.heads.bias.data[rows][-2] = config.initial_log_stride  # before log gamma
        if config.initial_state == "learned":
            blank = torch.full((config.image_size, config.image_size), config.initial_canvas)
            self.initial_canvas = nn.Parameter(blank)
            self.initial_hidden = nn.Parameter(torch.zeros(config.hidden_size))
            self.initial_cell = nn.Parameter(torch.zeros(config.hidden_size))

    def forward(self, images: Tensor, noise: Tensor) -> Reconstruction:
        """Encode and redraw images (B, A, A) in [0, 1] with noise (T, B, z) from N(0, 1)."""
        _check(images, noise, self.config)
        seen: Any = self.encoder.look(images)
        if isinstance(self.encoder, AHEAD):
            posterior = self.encoder.ahead(seen)
            return Reconstruction(self.draw_all(sample(posterior, noise)), *posterior)
        state, posteriors = self.initial(len(images)), []
        for epsilon in noise:
            state, done = self.step(seen, state, epsilon)
            posteriors.append(done.posterior)
        return Reconstruction(state.canvas, *_stack_columns(posteriors))

    def step(self, seen: Any, state: State, noise: Tensor) -> tuple[State, Step]:
        """One step t (Eq. 7-12): look, sample z_t, draw.

        seen: what `encoder.look` returned; noise: (B, z) from N(0, 1).
        """
        sight = Sight(
            state.canvas, state.hidden, state.read_window, state.memory, state.read_filters
        )
        posterior, memory = self.encoder(seen, sight)
        latent = sample(posterior, noise)
        state, strokes = self.draw(latent, state)
        return state._replace(memory=memory), Step(posterior, latent, strokes)

    def draw(self, latent: Tensor, state: State) -> tuple[State, Strokes]:
        """The decoder's half of a step (Eq. 11-12), all that generation needs: z_t (B, z) onto the
        canvas."""
        hidden, cell = self.decoder([latent], state.hidden, state.cell)
        patch, emitted = self._emit(hidden)
        filters = operations.windows(emitted, self.layout)
        canvas = operations.stroke(state.canvas, patch, filters[0])
        count = self.conventions.numbers
        state = State(canvas, hidden, cell, emitted[:, -count:], None, *filters[1:])
        return state, Strokes(patch, emitted[:, :count])

    def draw_all(self, latents: Tensor) -> Tensor:
        """`draw` at every step at once: z_1..z_T (T, B, z) to the last canvas.

        For latents that are all known before the first stroke; only the LSTM goes step by step.
        """
        batch = latents.shape[1]
        canvas, start, cell = self._blank(batch)
        hidden = self.decoder.run(latents.transpose(0, 1), start, cell)
        patches, emitted = self._emit(hidden.flatten(0, 1))
        filters = operations.windows(emitted, self.layout)
        return operations.strokes(canvas, patches.unflatten(0, (batch, -1)), filters[0])

    def _emit(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """From h_dec (B, D) the patch w_t (B, N, N), and what the windows' heads emit, the write
        window's first."""
        size = self.config.write_size
        patch, windows = self.heads.emit(hidden).split(self._emitted_sizes, dim=1)
        return patch.unflatten(1, (size, size)), windows

    def initial(self, batch: int) -> State:
        """The state before the first step; decision 12."""
        canvas, hidden, cell = self._blank(batch)
        _, emitted = self._emit(hidden)
        return State(canvas, hidden, cell, emitted[:, -self.conventions.numbers :])

    def _blank(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Canvas, hidden state and cell before the first step."""
        size, width = self.config.image_size, self.config.hidden_size
        if self.config.initial_state == "learned":
            canvas = each_start(self.initial_canvas, 2, batch)
            hidden, cell = (
                each_start(start, 1, batch) for start in (self.initial_hidden, self.initial_cell)
            )
        else:
            canvas = self.heads.weight.new_full((batch, size, size), self.config.initial_canvas)
            hidden, cell = self.heads.weight.new_zeros(2, batch, width).unbind()
        return canvas, hidden, cell

    @torch.no_grad()
    def trace(self, images: Tensor, noise: Tensor) -> Trace:
        """`forward`, keeping every step."""
        _check(images, noise, self.config)
        seen, state = self.encoder.look(images), self.initial(len(images))
        rows = []
        for epsilon in noise:
            read_window = state.read_window
            state, done = self.step(seen, state, epsilon)
            rows.append((state.canvas, done.latent, *done.strokes, read_window, *done.posterior))
        canvas, latent, patch, write_window, read, mean, log_sigma = _stack_columns(rows)
        kl = losses.latent_loss(mean, log_sigma, self.config.latent_constant)
        read_windows = read if self.encoder.reads else None
        return Trace(canvas, latent, patch, write_window, read_windows, mean, log_sigma, kl)

    @torch.no_grad()
    def generate(self, noise: Tensor) -> Trace:
        """Draw from the prior (Sec. III-D): z_t = noise[t], (T, B, z). No encoder takes part."""
        state, rows = self.initial(noise.shape[1]), []
        for latent in noise:
            state, strokes = self.draw(latent, state)
            rows.append((state.canvas, latent, *strokes))
        return Trace(*_stack_columns(rows))

    def _layout(self) -> WindowLayout:
        """The write window, then the read window where there is one."""
        sizes, heads = [self.config.write_size], [0]
        if self.encoder.reads:
            sizes.append(self.config.read_size)
            heads.append(len(self.heads.outputs) - 2)  # of its own, or the write window's
        return WindowLayout(sizes, heads, self.config.image_size, self.conventions)

    def _head_sizes(self) -> dict[str, int]:
        count = self.conventions.numbers
        sizes = {"patch": self.config.write_size**2, "write_window": count}
        if ENCODERS[self.config.architecture].reads and self.config.window_heads == "separate":
            sizes["read_window"] = count
        return sizes


class ConvolutionalVAE(nn.Module):
    """The convolutional and feed-forward writer of Fig. 2 left: CNN, one latent, a two-layer
    decoder."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.features = ConvolutionalFeatures(1, config.image_size, config)
        self.posterior = PosteriorHeads(self.features.count, config, config.encoder_dense)
        self.hidden = Heads(config.latent_size, {"hidden": config.hidden_size}, config.initialiser)
        self.image = Heads(config.hidden_size, {"image": config.image_size**2}, config.initialiser)

    def forward(self, images: Tensor, noise: Tensor) -> Reconstruction:
        """Encode and decode images (B, A, A) in [0, 1] with noise (1, B, z) from N(0, 1)."""
        _check(images, noise, self.config)
        posterior = self.posterior(self.features(images.unsqueeze(1)))
        canvas = self.decode(sample(posterior, noise[0]))
        return Reconstruction(canvas, *(part.unsqueeze(0) for part in posterior))

    @torch.no_grad()
    def trace(self, images: Tensor, noise: Tensor) -> Trace:
        """`forward`, as the one step that it is."""
        canvas, mean, log_sigma = self(images, noise)
        latent = sample(Posterior(mean, log_sigma), noise)
        kl = losses.latent_loss(mean, log_sigma, self.config.latent_constant)
        return Trace(canvas.unsqueeze(0), latent, mean=mean, log_sigma=log_sigma, kl=kl)

    @torch.no_grad()
    def generate(self, noise: Tensor) -> Trace:
        """Decode samples of the prior, noise (1, B, z). The encoder takes no part."""
        return Trace(self.decode(noise[0]).unsqueeze(0), noise)

    def decode(self, latent: Tensor) -> Tensor:
        """z (B, z) to logits (B, A, A)."""
        hidden = self.hidden(latent)["hidden"].relu()
        return self.image(hidden)["image"].unflatten(
            1, (self.config.image_size, self.config.image_size)
        )


Model = Writer | ConvolutionalVAE


def build(config: ModelConfig) -> Model:
    """The model that a config names, its weights drawn from torch's global generator."""
    return ConvolutionalVAE(config) if config.architecture == "conv-vae" else Writer(config)


def loss_terms(model: Model, images: Tensor, noise: Tensor) -> Losses:
    """L_x and L_z of images (B, A, A) under noise (T, B, z) (Eq. 25-27), as the model's config
    defines them."""
    config = model.config
    drawn = model(images, noise)
    if config.reconstruction == "bernoulli":
        reconstruction = losses.bernoulli_loss(drawn.canvas, images)
    else:
        reconstruction = losses.gaussian_loss(drawn.canvas, images, config.gaussian_variance)
    return Losses(
        reconstruction, losses.latent_loss(drawn.mean, drawn.log_sigma, config.latent_constant)
    )


def sample(posterior: Posterior, noise: Tensor) -> Tensor:
    """The reparameterisation trick (Eq. 4): mu + sigma epsilon."""
    return torch.addcmul(posterior.mean, posterior.log_sigma.exp(), noise)


def _stack_columns(rows: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.stack(column) for column in zip(*rows, strict=True))


def _check(images: Tensor, noise: Tensor, config: ModelConfig) -> None:
    size = config.image_size
    if images.dim() != 3 or tuple(images.shape[1:]) != (size, size):
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (B, {size}, {size})")
    expected = (config.steps, len(images), config.latent_size)
    if tuple(noise.shape) != expected:
        raise ValueError(f"noise has shape {tuple(noise.shape)}; expected (T, B, z) = {expected}")
