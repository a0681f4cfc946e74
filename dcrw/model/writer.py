"""The models: one short drawing step on a named state, a loop over it, and generation from the
prior.

Sizes: B images of A x A pixels, T steps, z latent dimensions per step, D LSTM units, N filters per
axis.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dcrw.model import losses, operations
from dcrw.model.attention import WindowLayout, conventions
from dcrw.model.config import ModelConfig
from dcrw.model.encoders import ENCODERS, PosteriorHeads
from dcrw.model.layers import ConvolutionalFeatures, Heads, LSTMCell
from dcrw.model.stacking import each_start
from dcrw.model.state import Posterior, State


class Reconstruction(NamedTuple):
    """One pass of encoder and decoder."""

    canvas: Tensor  # (B, A, A) logits, c_T
    mean: Tensor  # (T, B, z)
    log_sigma: Tensor  # (T, B, z)


class Losses(NamedTuple):
    """Nats per image (Eq. 25-26)."""

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
        stride = self.conventions.emitted.index("log_stride")
        for name, rows in self.heads.rows().items():
            if name != "patch":
                self.heads.bias.data[rows][stride] = config.initial_log_stride
        if config.initial_state == "learned":
            blank = torch.full((config.image_size, config.image_size), config.initial_canvas)
            self.initial_canvas = nn.Parameter(blank)
            self.initial_hidden = nn.Parameter(torch.zeros(config.hidden_size))
            self.initial_cell = nn.Parameter(torch.zeros(config.hidden_size))

    def forward(self, images: Tensor, noise: Tensor) -> Reconstruction:
        """Encode and redraw images (B, A, A) in [0, 1] with noise (T, B, z) from N(0, 1).

        Raises `ValueError` for other shapes.
        """
        _check(images, noise, self.config)
        seen = self.encoder.look(images)
        if not self.config.facts.feedback:  # these are the posteriors of all steps
            return Reconstruction(self.draw_all(sample(seen, noise)), *seen)
        state, posteriors = self.initial(len(images)), []
        for epsilon in noise:
            state, done = self.step(seen, state, epsilon)
            posteriors.append(done.posterior)
        return Reconstruction(state.canvas, *_stack_columns(posteriors))

    def step(self, seen: Tensor | Posterior, state: State, noise: Tensor) -> tuple[State, Step]:
        """One step t (Eq. 7-12): look, sample z_t, draw.

        seen: what `encoder.look` returned; noise: (B, z) from N(0, 1).
        """
        posterior, memory = self.encoder(seen, state)
        latent = sample(posterior, noise)
        state, strokes = self.draw(latent, state)
        return state._replace(memory=memory), Step(posterior, latent, strokes)

    def draw(self, latent: Tensor, state: State) -> tuple[State, Strokes]:
        """The decoder's half of a step (Eq. 11-12), all that generation needs: z_t (B, z) onto the
        canvas."""
        hidden, cell = self.decoder([latent], state.hidden, state.cell)
        patch, emitted = self._emit(hidden)
        write_filters, *read_filters = operations.windows(emitted, self._layout())
        canvas = operations.stroke(state.canvas, patch, write_filters)
        write_window, read_window = self._windows(emitted)
        return State(canvas, hidden, cell, read_window, *read_filters), Strokes(patch, write_window)

    def draw_all(self, latents: Tensor) -> Tensor:
        """`draw` at every step at once: z_1..z_T (T, B, z) to the last canvas.

        For latents that are all known before the first stroke; only the LSTM goes step by step.
        """
        batch = latents.shape[1]
        canvas, start, cell = self._blank(batch)
        hidden = self.decoder.run(latents.transpose(0, 1), start, cell)
        patches, emitted = self._emit(hidden.flatten(0, 1))
        filters, *_ = operations.windows(emitted, self._layout())
        return operations.strokes(canvas, patches.unflatten(0, (batch, -1)), filters)

    def initial(self, batch: int) -> State:
        """The state before the first step; decision 12."""
        canvas, hidden, cell = self._blank(batch)
        _, emitted = self._emit(hidden)
        _, read_window = self._windows(emitted)
        if not self.config.facts.reads:
            return State(canvas, hidden, cell, read_window)
        alone = WindowLayout(
            (self.config.read_size,), (0,), self.config.image_size, self.conventions
        )
        return State(canvas, hidden, cell, read_window, *operations.windows(read_window, alone))

    def _emit(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """From h_dec (B, D) the patch w_t (B, N, N), and what the windows' heads emit, the write
        window's first."""
        size, emitted = self.config.write_size, self.heads.emit(hidden)
        patch, windows = emitted.split([size**2, emitted.shape[1] - size**2], dim=1)
        return patch.unflatten(1, (size, size)), windows

    def _windows(self, emitted: Tensor) -> tuple[Tensor, Tensor]:
        """Of what the windows' heads emit the write window's part and the read window's, (B, 5)
        each; where there is one head alone, it is both."""
        count = self.conventions.numbers
        return emitted[:, :count], emitted[:, -count:]

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
        """`forward` with the same images (B, A, A) and noise (T, B, z), keeping every step."""
        _check(images, noise, self.config)
        seen, state = self.encoder.look(images), self.initial(len(images))
        rows = []
        for epsilon in noise:
            read_window = state.read_window
            state, done = self.step(seen, state, epsilon)
            rows.append((state.canvas, done.latent, *done.strokes, read_window, *done.posterior))
        canvas, latent, patch, write_window, read, mean, log_sigma = _stack_columns(rows)
        kl = losses.latent_loss(mean, log_sigma, self.config.latent_constant)
        read_windows = read if self.config.facts.reads else None
        return Trace(canvas, latent, patch, write_window, read_windows, mean, log_sigma, kl)

    @torch.no_grad()
    def generate(self, noise: Tensor) -> Trace:
        """Draw from the prior (Sec. III-D): z_t = noise[t], (T, B, z). No encoder takes part.

        Raises `ValueError` for another shape.
        """
        _check_noise(noise, self.config)
        state, rows = self.initial(noise.shape[1]), []
        for latent in noise:
            state, strokes = self.draw(latent, state)
            rows.append((state.canvas, latent, *strokes))
        return Trace(*_stack_columns(rows))

    def _layout(self) -> WindowLayout:
        """The write window, then the read window where there is one."""
        config, write_group = self.config, 0
        sizes, groups = [config.write_size], [write_group]
        if config.facts.reads:
            sizes.append(config.read_size)
            groups.append(write_group if config.window_heads == "shared" else 1)
        return WindowLayout(tuple(sizes), tuple(groups), config.image_size, self.conventions)

    def _head_sizes(self) -> dict[str, int]:
        count = self.conventions.numbers
        sizes = {"patch": self.config.write_size**2, "write_window": count}
        if self.config.facts.reads and self.config.window_heads == "separate":
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
        """Encode and decode images (B, A, A) in [0, 1] with noise (1, B, z) from N(0, 1).

        Raises `ValueError` for other shapes.
        """
        _check(images, noise, self.config)
        posterior = self.posterior(self.features(images.unsqueeze(1)))
        canvas = self.decode(sample(posterior, noise[0]))
        return Reconstruction(canvas, *(part.unsqueeze(0) for part in posterior))

    @torch.no_grad()
    def trace(self, images: Tensor, noise: Tensor) -> Trace:
        """`forward` with the same images (B, A, A) and noise (1, B, z), as the one step that it
        is."""
        canvas, mean, log_sigma = self(images, noise)
        latent = sample(Posterior(mean, log_sigma), noise)
        kl = losses.latent_loss(mean, log_sigma, self.config.latent_constant)
        return Trace(canvas.unsqueeze(0), latent, mean=mean, log_sigma=log_sigma, kl=kl)

    @torch.no_grad()
    def generate(self, noise: Tensor) -> Trace:
        """Decode samples of the prior, noise (1, B, z). The encoder takes no part.

        Raises `ValueError` for another shape.
        """
        _check_noise(noise, self.config)
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
    return Writer(config) if config.facts.recurrent else ConvolutionalVAE(config)


def loss_terms(model: Model, images: Tensor, noise: Tensor) -> Losses:
    """L_x and L_z of images (B, A, A) under noise (T, B, z) (Eq. 25-27), as the model's config
    defines them. Raises `ValueError` for other shapes."""
    config, drawn = model.config, model(images, noise)
    return Losses(
        losses.reconstruction_loss(config, drawn.canvas, images),
        losses.latent_loss(drawn.mean, drawn.log_sigma, config.latent_constant),
    )


def sample(posterior: Posterior, noise: Tensor) -> Tensor:
    """The reparameterisation trick (Eq. 4): mu + sigma epsilon, in the noise's shape, (B, z) or
    (T, B, z)."""
    return torch.addcmul(posterior.mean, posterior.log_sigma.exp(), noise)


def _stack_columns(rows: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.stack(column) for column in zip(*rows, strict=True))


def _check(images: Tensor, noise: Tensor, config: ModelConfig) -> None:
    size = config.image_size
    if images.dim() != 3 or tuple(images.shape[1:]) != (size, size):
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (B, {size}, {size})")
    _check_noise(noise, config, len(images))


def _check_noise(noise: Tensor, config: ModelConfig, images: int | None = None) -> None:
    """images: how many there are, B; None: as many as the noise says."""
    batch = noise.shape[1:2] if images is None else (images,)
    expected = (config.steps, *batch, config.latent_size)
    if tuple(noise.shape) != expected:
        raise ValueError(f"noise has shape {tuple(noise.shape)}; expected (T, B, z) = {expected}")
