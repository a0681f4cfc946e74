"""Encoders: from what is seen at a step to the posterior of z_t (Eq. 5-10, 29-30).

Every encoder has the same two calls. `look` takes the images once; `forward` is called at each step
with what `look` returned and the writer's state, and returns the posterior and the encoder's own
next state. `reads`: whether it looks through a window. Those in `AHEAD` do not look at what has
been drawn; their `ahead` has the posteriors of all steps.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dcrw.model import operations
from dcrw.model.attention import conventions
from dcrw.model.backward import Filters, WindowLayout
from dcrw.model.config import ModelConfig
from dcrw.model.layers import ConvolutionalFeatures, DenseLayer, Heads, LSTMCell


class Posterior(NamedTuple):
    """q(z_t | h_enc), a diagonal Gaussian."""

    mean: Tensor  # (B, z)
    log_sigma: Tensor  # (B, z)


class EncoderState(NamedTuple):
    """Memory of an encoder that has one."""

    hidden: Tensor  # (B, D)
    cell: Tensor  # (B, D)


Memory = EncoderState | int | None  # an LSTM's state, the number of steps done, or nothing


class Sight(NamedTuple):
    """What the writer shows its encoder at a step."""

    canvas: Tensor  # (B, A, A) logits, c_{t-1}
    hidden: Tensor  # (B, D) h_{t-1}^dec
    read_window: Tensor  # (B, 5) emitted from h_{t-1}^dec
    memory: Memory
    read_filters: Filters | None = None  # of read_window, where the writer has them already


class PosteriorHeads(nn.Module):
    """Mean and log sigma from features (Eq. 5-6): two linear maps, or one W; decision 15. With
    `dense` units, a ReLU layer stands before them; decision 22."""

    def __init__(self, inputs: int, config: ModelConfig, dense: int = 0):
        super().__init__()
        self.dense = DenseLayer(inputs, dense, config) if dense else None
        outputs = dict.fromkeys(self.parts(config), config.latent_size)
        self.heads = Heads(dense or inputs, outputs, config.initialiser)

    @staticmethod
    def parts(config: ModelConfig) -> list[str]:
        """Names of the linear maps."""
        return ["mean"] if config.posterior_heads == "tied" else ["mean", "log_sigma"]

    def forward(self, features: Tensor) -> Posterior:
        """(B, inputs) to the posterior."""
        emitted = self.heads(features if self.dense is None else self.dense(features))
        return Posterior(emitted["mean"], emitted.get("log_sigma", emitted["mean"]))


class GlimpseReader(nn.Module):
    """The read operation: a window on the image and on the error image (Eq. 7-8, 21)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.layout = WindowLayout([config.read_size], [0], config.image_size, conventions(config))

    def forward(self, images: Tensor, sight: Sight) -> Tensor:
        """images (B, A, A) in [0, 1] to the glimpse (B, 2, N, N)."""
        filters = sight.read_filters
        if filters is None:
            (filters,) = operations.windows(sight.read_window, self.layout)
        return operations.glimpse(images, sight.canvas, filters)


class GlimpseCNN(nn.Module):
    """DCRW with attention: a CNN on the glimpse at every step (Eq. 9); h_dec joins its features;
    decision 7."""

    reads = True

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.reader = GlimpseReader(config)
        self.features = ConvolutionalFeatures(2, config.read_size, config)
        self.joined = config.hidden_to_encoder == "joined"
        inputs = self.features.count + (config.hidden_size if self.joined else 0)
        self.posterior = PosteriorHeads(inputs, config, config.encoder_dense)

    def look(self, images: Tensor) -> Tensor:
        """Nothing is read ahead of the first step."""
        return images

    def forward(self, images: Tensor, sight: Sight) -> tuple[Posterior, EncoderState | None]:
        """The posterior at this step."""
        features = self.features(self.reader(images, sight))
        if self.joined:
            features = torch.cat([features, sight.hidden], dim=1)
        return self.posterior(features), None


class ImageCNN(nn.Module):
    """DCRW without attention in read: the CNN sees the whole image once (Eq. 29-30, 33)."""

    reads = False

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.features = ConvolutionalFeatures(1, config.image_size, config)
        self.posterior = PosteriorHeads(self.features.count, config, config.encoder_dense)
        self.steps = config.steps

    def look(self, images: Tensor) -> Posterior:
        """The one posterior from which z_t is drawn at every step."""
        return self.posterior(self.features(images.unsqueeze(1)))

    def ahead(self, posterior: Posterior) -> Posterior:
        """The same for all steps, (T, B, z)."""
        return Posterior(*(part.expand(self.steps, *part.shape) for part in posterior))

    def forward(self, posterior: Posterior, sight: Sight) -> tuple[Posterior, EncoderState | None]:
        """The same posterior at each step."""
        return posterior, None


class GlimpseLSTM(nn.Module):
    """DRAW's encoder: an LSTM on the glimpse and h_dec, the baseline that DCRW modifies."""

    reads = True

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.reader = GlimpseReader(config)
        inputs = 2 * config.read_size**2 + config.hidden_size
        self.lstm = LSTMCell(inputs, config.hidden_size, config.forget_bias, config.initialiser)
        self.posterior = PosteriorHeads(config.hidden_size, config)

    def look(self, images: Tensor) -> Tensor:
        """Nothing is read ahead of the first step."""
        return images

    def forward(self, images: Tensor, sight: Sight) -> tuple[Posterior, EncoderState | None]:
        """The posterior at this step, and the LSTM's state."""
        glimpse = self.reader(images, sight).flatten(1)
        blank = torch.zeros_like(sight.hidden)
        memory = sight.memory
        before = memory if isinstance(memory, EncoderState) else EncoderState(blank, blank)
        after = EncoderState(*self.lstm([glimpse, sight.hidden], *before))
        return self.posterior(after.hidden), after


class WholeImageCNN(nn.Module):
    """A bridge between the variants: as with attention, but the CNN sees all of [x, error image]
    instead of a window on it."""

    reads = False

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.features = ConvolutionalFeatures(2, config.image_size, config)
        self.joined = config.hidden_to_encoder == "joined"
        inputs = self.features.count + (config.hidden_size if self.joined else 0)
        self.posterior = PosteriorHeads(inputs, config, config.encoder_dense)

    def look(self, images: Tensor) -> Tensor:
        """Nothing is read ahead of the first step."""
        return images

    def forward(self, images: Tensor, sight: Sight) -> tuple[Posterior, None]:
        """The posterior at this step."""
        pair = torch.stack([images, images - sight.canvas.sigmoid()], dim=1)  # (B, 2, A, A)
        features = self.features(pair)
        if self.joined:
            features = torch.cat([features, sight.hidden], dim=1)
        return self.posterior(features), None


class StepwiseImageCNN(nn.Module):
    """A bridge between the variants: as without attention in read, but with a posterior of its own
    for every step, from heads of its own."""

    reads = False

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.features = ConvolutionalFeatures(1, config.image_size, config)
        inputs, dense = self.features.count, config.encoder_dense
        self.dense = DenseLayer(inputs, dense, config) if dense else None
        names = [
            f"{part}_{step}"
            for part in PosteriorHeads.parts(config)
            for step in range(config.steps)
        ]
        outputs = dict.fromkeys(names, config.latent_size)
        self.heads = Heads(dense or inputs, outputs, config.initialiser)
        self.steps = config.steps

    def look(self, images: Tensor) -> list[Posterior]:
        """The posteriors of z_1..z_T."""
        features = self.features(images.unsqueeze(1))
        emitted = self.heads(features if self.dense is None else self.dense(features))
        means = [emitted[f"mean_{step}"] for step in range(self.steps)]
        log_sigmas = [emitted.get(f"log_sigma_{step}", mean) for step, mean in enumerate(means)]
        return [Posterior(*pair) for pair in zip(means, log_sigmas, strict=True)]

    def ahead(self, posteriors: list[Posterior]) -> Posterior:
        """Those of all steps, (T, B, z)."""
        return Posterior(*(torch.stack(part) for part in zip(*posteriors, strict=True)))

    def forward(self, posteriors: list[Posterior], sight: Sight) -> tuple[Posterior, int]:
        """This step's posterior, and the number of steps done."""
        step = sight.memory if isinstance(sight.memory, int) else 0
        return posteriors[step], step + 1


Encoder = GlimpseCNN | ImageCNN | GlimpseLSTM | WholeImageCNN | StepwiseImageCNN

AHEAD = (ImageCNN, StepwiseImageCNN)

ENCODERS: dict[str, type[Encoder]] = {
    "dcrw": GlimpseCNN,
    "dcrw-write-only": ImageCNN,
    "draw": GlimpseLSTM,
    "dcrw-whole-image": WholeImageCNN,
    "dcrw-stepwise": StepwiseImageCNN,
}
