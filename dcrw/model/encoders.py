"""Encoders: from what is seen at a step to the posterior of z_t (Eq. 5-10, 29-30).

`Encoder` states what all of them have in common. To add one: a class here and its line in
`ENCODERS`, a row of facts in `architectures`, and the training notebook's comment, which repeats
what the row says.
"""

from abc import ABC, abstractmethod
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from dcrw.model import operations
from dcrw.model.architectures import Architecture
from dcrw.model.config import ModelConfig
from dcrw.model.layers import ConvolutionalFeatures, Heads, LSTMCell, dense_layer
from dcrw.model.state import Memory, Posterior, State

Seen = TypeVar("Seen", Tensor, Posterior)  # what an encoder makes of the images, once


class Encoder(nn.Module, ABC, Generic[Seen, Memory]):
    """Looks at the images once, then emits a posterior at every step.

    Seen: the images, or the posteriors of all steps where nothing that has been drawn changes them
    (`Ahead`). Memory: what the encoder itself keeps from step to step.
    """

    @abstractmethod
    def look(self, images: Tensor) -> Seen:
        """What can be known of images (B, A, A) before the first step."""

    @abstractmethod
    def forward(self, seen: Seen, state: State[Memory]) -> tuple[Posterior, Memory]:
        """The posterior (B, z) of z_t from what `look` returned and the state before step t, and
        the memory for the next step. `state.memory` is None before the first."""


class Ahead(Encoder[Posterior, int]):
    """An encoder that does not see what has been drawn: `look` returns the posteriors of all steps,
    (T, B, z). Its memory is the number of steps done."""

    def forward(self, seen: Posterior, state: State[int]) -> tuple[Posterior, int]:
        """This step's posterior (B, z)."""
        step = state.memory or 0
        return Posterior(seen.mean[step], seen.log_sigma[step]), step + 1


def glimpse(images: Tensor, state: State) -> Tensor:
    """The read operation: a window on the image and on the error image (Eq. 7-8, 21), (B, 2, N, N).

    images: (B, A, A) in [0, 1]. Raises `ValueError` where the facts of the architecture say that it
    does not read.
    """
    if state.read_filters is None:
        raise ValueError("read_filters = None: expected filters; say in FACTS that the model reads")
    return operations.glimpse(images, state.canvas, state.read_filters)


class PosteriorHeads(nn.Module):
    """Mean and log sigma from features (Eq. 5-6): two linear maps, or one W; decision 15. With
    `dense` units, a ReLU layer stands before them; decision 22."""

    def __init__(self, inputs: int, config: ModelConfig, dense: int = 0):
        super().__init__()
        self.dense = dense_layer(inputs, dense, config)
        outputs = dict.fromkeys(self.parts(config), config.latent_size)
        self.heads = Heads(dense or inputs, outputs, config.initialiser)

    @staticmethod
    def parts(config: ModelConfig) -> list[str]:
        """Names of the linear maps."""
        return ["mean"] if config.posterior_heads == "tied" else ["mean", "log_sigma"]

    def forward(self, features: Tensor) -> Posterior:
        """(B, inputs) to the posterior."""
        emitted = self.heads(self.dense(features))
        return Posterior(emitted["mean"], emitted.get("log_sigma", emitted["mean"]))


class JoinedCNN(Encoder[Tensor, None]):
    """A CNN at every step on a pair of pictures, of the image and of the error image; h_dec joins
    its features (Eq. 9); decision 7."""

    def __init__(self, config: ModelConfig, size: int):
        """size: side of the pictures in pixels."""
        super().__init__()
        self.features = ConvolutionalFeatures(2, size, config)
        self.joined = config.hidden_to_encoder == "joined"
        inputs = self.features.count + (config.hidden_size if self.joined else 0)
        self.posterior = PosteriorHeads(inputs, config, config.encoder_dense)

    @abstractmethod
    def pictures(self, images: Tensor, state: State) -> Tensor:
        """What the CNN sees, (B, 2, size, size)."""

    def look(self, images: Tensor) -> Tensor:
        """The images (B, A, A) as they are: nothing is read ahead of the first step."""
        return images

    def forward(self, images: Tensor, state: State) -> tuple[Posterior, None]:
        """The posterior (B, z) at this step (Eq. 5-9), of images (B, A, A)."""
        features = self.features(self.pictures(images, state))
        if self.joined:
            features = torch.cat([features, state.hidden], dim=1)
        return self.posterior(features), None


class GlimpseCNN(JoinedCNN):
    """DCRW with attention: the CNN sees the glimpse."""

    def __init__(self, config: ModelConfig):
        super().__init__(config, config.read_size)

    def pictures(self, images: Tensor, state: State) -> Tensor:
        """r_t (B, 2, N, N)."""
        return glimpse(images, state)


class WholeImageCNN(JoinedCNN):
    """A bridge between the variants: as with attention, but the CNN sees all of [x, error image]
    instead of a window on it."""

    def __init__(self, config: ModelConfig):
        super().__init__(config, config.image_size)

    def pictures(self, images: Tensor, state: State) -> Tensor:
        """x and the error image (B, 2, A, A)."""
        return torch.stack([images, images - state.canvas.sigmoid()], dim=1)


class ImageCNN(Ahead):
    """DCRW without attention in read: the CNN sees the whole image once (Eq. 29-30, 33)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.features = ConvolutionalFeatures(1, config.image_size, config)
        self.posterior = PosteriorHeads(self.features.count, config, config.encoder_dense)
        self.steps = config.steps

    def look(self, images: Tensor) -> Posterior:
        """The one posterior of images (B, A, A) from which z_t is drawn at every step (Eq. 30), for
        all of them, (T, B, z)."""
        posterior = self.posterior(self.features(images.unsqueeze(1)))
        return Posterior(*(part.expand(self.steps, *part.shape) for part in posterior))


class StepwiseImageCNN(Ahead):
    """A bridge between the variants: as without attention in read, but with a posterior of its own
    for every step, from heads of its own."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.features = ConvolutionalFeatures(1, config.image_size, config)
        self.dense = dense_layer(self.features.count, config.encoder_dense, config)
        names = [
            f"{part}_{step}"
            for part in PosteriorHeads.parts(config)
            for step in range(config.steps)
        ]
        inputs = config.encoder_dense or self.features.count
        self.heads = Heads(inputs, dict.fromkeys(names, config.latent_size), config.initialiser)
        self.steps = config.steps

    def look(self, images: Tensor) -> Posterior:
        """The posteriors (T, B, z) of z_1..z_T, of images (B, A, A)."""
        emitted = self.heads(self.dense(self.features(images.unsqueeze(1))))
        means = [emitted[f"mean_{step}"] for step in range(self.steps)]
        log_sigmas = [emitted.get(f"log_sigma_{step}", mean) for step, mean in enumerate(means)]
        return Posterior(torch.stack(means), torch.stack(log_sigmas))


class LSTMState(NamedTuple):
    """What an LSTM keeps from step to step."""

    hidden: Tensor  # (B, D)
    cell: Tensor  # (B, D)


class GlimpseLSTM(Encoder[Tensor, LSTMState]):
    """DRAW's encoder: an LSTM on the glimpse and h_dec, the baseline that DCRW modifies."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        inputs = 2 * config.read_size**2 + config.hidden_size
        self.lstm = LSTMCell(inputs, config.hidden_size, config.forget_bias, config.initialiser)
        self.posterior = PosteriorHeads(config.hidden_size, config)

    def look(self, images: Tensor) -> Tensor:
        """The images (B, A, A) as they are: nothing is read ahead of the first step."""
        return images

    def forward(self, images: Tensor, state: State[LSTMState]) -> tuple[Posterior, LSTMState]:
        """The posterior (B, z) at this step, of images (B, A, A), and the LSTM's state."""
        before = state.memory or self._zeros(state)
        features = [glimpse(images, state).flatten(1), state.hidden]
        after = LSTMState(*self.lstm(features, *before))
        return self.posterior(after.hidden), after

    @staticmethod
    def _zeros(state: State) -> LSTMState:
        blank = torch.zeros_like(state.hidden)
        return LSTMState(blank, blank)


ENCODERS: dict[Architecture, type[Encoder]] = {
    "dcrw": GlimpseCNN,
    "dcrw-write-only": ImageCNN,
    "draw": GlimpseLSTM,
    "dcrw-whole-image": WholeImageCNN,
    "dcrw-stepwise": StepwiseImageCNN,
}
