"""How much arithmetic a training iteration needs, in closed form.

Counted are matrix products and convolutions, two operations a multiply-add, forward and backward;
not elementwise work. Backward counts the gradients that training needs: of every weight, and of
every input except the images and the zero state before the first step. A convolution counts its
padding. Sizes: A x A pixels, T steps, z latent dimensions, D LSTM units, N filters per axis.
"""

from dcrw.model.attention import Conventions
from dcrw.model.config import ModelConfig
from dcrw.model.layers import CHANNELS

COUNTED = {
    "window_heads": "separate",
    "pooling": "keep-border",
    "posterior_heads": "separate",
    "initial_state": "zeros",
}


def iteration_flops(config: ModelConfig, batch_size: int) -> int:
    """Floating-point operations of one update on a batch.

    Raises `ValueError` for a model that is not counted: the convolutional VAE, and settings other
    than `COUNTED`.
    """
    for name, value in COUNTED.items():
        if getattr(config, name) != value:
            raise ValueError(f"{name} = {getattr(config, name)}: expected {value}")
    encoders = {"dcrw": _glimpse_cnn, "dcrw-write-only": _image_cnn, "draw": _glimpse_lstm}
    if config.architecture not in encoders:
        raise ValueError(
            f"architecture = {config.architecture}: expected one of {', '.join(encoders)}"
        )
    return batch_size * (_decoder(config) + encoders[config.architecture](config))


def _product(rows: int, inner: int, columns: int, gradients: int = 2) -> int:
    """One matrix product forward, and backward the gradients of one or both factors."""
    return 2 * rows * inner * columns * (1 + gradients)


def _linear(inputs: int, outputs: int, steps: int, from_state: bool = False) -> int:
    """A linear map at every step; `from_state`: of a state that is zero before the first."""
    saved = 2 * inputs * outputs if from_state else 0
    return steps * _product(1, inputs, outputs) - saved


def _lstm(inputs: int, hidden: int, steps: int) -> int:
    return _linear(inputs, 4 * hidden, steps) + _linear(hidden, 4 * hidden, steps, from_state=True)


def _decoder(config: ModelConfig) -> int:
    """Eq. 11-12, 22-23: the LSTM, its heads, and the patch on its way to the canvas."""
    size, filters, steps = config.image_size, config.write_size, config.steps
    heads = filters**2 + Conventions(config.window_parameters).numbers
    write = _product(size, filters, filters) + _product(size, filters, size)
    lstm = _lstm(config.latent_size, config.hidden_size, steps)
    return lstm + _linear(config.hidden_size, heads, steps) + steps * write


def _reader(config: ModelConfig) -> int:
    """Eq. 15, 21: the window's head, the glimpse of the image and of the error image."""
    size, filters, steps = config.image_size, config.read_size, config.steps
    numbers = Conventions(config.window_parameters).numbers
    head = _linear(config.hidden_size, numbers, steps, from_state=True)
    rows = 2 * _product(filters, size, filters)
    image = _product(size, size, filters, gradients=1)
    error = _product(size, size, filters)
    first_canvas = 2 * size * size * filters  # zero, so its gradient is not needed
    return head + steps * (rows + image + error) - first_canvas


def _convolutions(channels: int, size: int, of_images: bool) -> int:
    """Conv 3x3x32, pool, conv 3x3x64, pool; without the gradient of the input if it is an image."""
    first = _product(size * size, 9 * channels, CHANNELS[0], gradients=1 if of_images else 2)
    size = (size + 1) // 2
    return first + _product(size * size, 9 * CHANNELS[0], CHANNELS[1])


def _features(size: int) -> int:
    """What the CNN hands on, after two poolings that keep the border."""
    return CHANNELS[1] * ((size + 3) // 4) ** 2


def _glimpse_cnn(config: ModelConfig) -> int:
    steps = config.steps
    cnn = steps * _convolutions(2, config.read_size, of_images=False)
    features = _features(config.read_size) + config.hidden_size
    return _reader(config) + cnn + _linear(features, 2 * config.latent_size, steps)


def _image_cnn(config: ModelConfig) -> int:
    cnn = _convolutions(1, config.image_size, of_images=True)
    return cnn + _linear(_features(config.image_size), 2 * config.latent_size, steps=1)


def _glimpse_lstm(config: ModelConfig) -> int:
    steps, hidden = config.steps, config.hidden_size
    lstm = _lstm(2 * config.read_size**2 + hidden, hidden, steps)
    return _reader(config) + lstm + _linear(hidden, 2 * config.latent_size, steps)
