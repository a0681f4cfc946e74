"""A trained model for the browser: its weights in half precision, as a script that a page can load
from a folder, without a server. `widgets/model.js` runs it.

    window.dcrwWeights["dcrw-fresh"] = {catalogue, block}

The catalogue says where each weight lies in the block, whose bytes are written in base64. Weights
have the names and shapes that they have in PyTorch.
"""

import base64
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from dcrw.explorer.browser import Block, describe_windows
from dcrw.explorer.gallery import ExplorerError, model_title
from dcrw.explorer.recording import load_writer
from dcrw.model.config import ModelConfig
from dcrw.model.writer import Writer
from dcrw.training.files import write_atomically
from dcrw.training.run import Run

MODULES = ("rebuild.js", "model.js")  # the scripts that run a model
SUPPORTED = {  # settings that `widgets/model.js` takes for granted
    "architecture": "dcrw",
    "window_parameters": "five",
    "window_heads": "separate",
    "pooling": "keep-border",
    "encoder_dense": 0,
    "hidden_to_encoder": "joined",
    "posterior_heads": "separate",
    "initial_state": "zeros",
    "reconstruction": "bernoulli",
    "latent_constant": "exact",
}


def write_weights(run: Run, path: Path, name: str | None = None) -> None:
    """Write the script of a complete run's weights.

    name: in `dcrwWeights`; default: the run's cell, as in the explorer. Raises `RunError` where the
    run is incomplete, `ExplorerError` where its model is none that the browser can run.
    """
    script = weights_script(name or run.config.name, load_writer(run))
    write_atomically(path, script.encode())


def weights_script(name: str, model: Writer) -> str:
    """The script that puts a model's weights into a page. Raises as `pack_model`."""
    catalogue, block = pack_model(name, model)
    entry = {"catalogue": catalogue, "block": base64.b64encode(block).decode()}
    packed = json.dumps(entry, separators=(",", ":"))
    return (
        "window.dcrwWeights = window.dcrwWeights || {};\n"
        f"window.dcrwWeights[{json.dumps(name)}] = {packed};\n"
    )


def pack_model(name: str, model: Writer) -> tuple[dict[str, Any], bytes]:
    """A catalogue as the explorer's, with weights in place of drawings, and the block of bytes that
    it points into: float16, each weight rounded to the nearest.

    Raises `ExplorerError` for a setting that the browser does not support, and for a weight too
    large for half precision.
    """
    config = model.config
    require_supported(config)
    block = Block()
    for key, weight in model.state_dict().items():
        block.add(key, _half(key, weight).numpy())
    described = {
        "name": name,
        "title": model_title(config),
        "latentSize": config.latent_size,
        "hiddenSize": config.hidden_size,
        "initialCanvas": config.initial_canvas,
        "noiseCorrelation": config.noise_correlation,
        "generationNoiseCorrelation": config.generation_noise_correlation,
        **describe_windows(config),
    }
    catalogue = {
        "steps": config.steps,
        "imageSize": config.image_size,
        "models": [described],
        "arrays": block.arrays,
    }
    return catalogue, bytes(block.bytes)


def require_supported(config: ModelConfig) -> None:
    """Raises `ExplorerError` for a setting other than those in `SUPPORTED`."""
    for name, expected in SUPPORTED.items():
        value = getattr(config, name)
        if value != expected:
            raise ExplorerError(
                f"model.{name} = {value!r}: the browser runs models with {name} = {expected!r} only"
            )


def _half(name: str, weight: Tensor) -> Tensor:
    rounded = weight.detach().cpu().half()
    if not rounded.isfinite().all():
        raise ExplorerError(
            f"{name}: largest magnitude {weight.abs().max().item():g}; expected at most 65504, the "
            "largest number in half precision"
        )
    return rounded
