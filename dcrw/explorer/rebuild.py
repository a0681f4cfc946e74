"""Canvases from windows and patches, in PyTorch: what `widgets/rebuild.js` does in the browser.

Sizes: T steps, n images of A x A pixels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcrw.explorer.gallery import Recording
from dcrw.model import attention
from dcrw.model.attention import Window, conventions
from dcrw.model.config import ModelConfig


def rebuild_canvas(recording: Recording, mode: str) -> Tensor:
    """c_1..c_T (T, n, A, A), logits in double precision (Eq. 12, 23)."""
    config, tracks = recording.config, recording.modes[mode]
    canvas = torch.as_tensor(recording.initial_canvas, dtype=torch.float64)
    canvas, steps = canvas.expand(tracks["patch"].shape[1], -1, -1), []
    for windows, patch in zip(tracks["write_window"], tracks["patch"], strict=True):
        window = from_pixels(windows, config)
        filters = attention.filters_of(
            window, config.write_size, config.image_size, conventions(config)
        )
        canvas = attention.write(canvas, torch.as_tensor(patch).double(), filters)
        steps.append(canvas)
    return torch.stack(steps)


def from_pixels(windows: NDArray[np.float32], config: ModelConfig) -> Window:
    """The inverse of `evaluation.pixel_windows`, in double precision: (n, 5) to a window."""
    numbers = torch.as_tensor(windows).double()
    origin = attention.pixel_positions(config.image_size, conventions(config).indexing)[0]
    centre, stride, sigma, gamma = numbers.split([2, 1, 1, 1], dim=1)
    return Window(centre + origin, stride, 2 * sigma.log(), gamma.log())
