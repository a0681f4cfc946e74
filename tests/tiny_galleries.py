"""Untrained writers of small images, and what the explorer keeps of them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcrw.explorer.gallery import Gallery
from dcrw.explorer.recording import Sampling, record
from dcrw.model.config import ModelConfig
from dcrw.model.writer import Writer
from dcrw.training.config import make_config
from dcrw.training.engine import initial_model
from dcrw.training.randomness import generator
from dcrw.training.run import METRICS, Run

SIZE, STEPS, COUNT = 12, 4, 6
SAMPLING = Sampling(seed=7)
PAIRS = np.array([[0, 3]])
READINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "lineage2016": {
        "indexing": "mixed-integer",
        "filter_exponent": "squared-ratio",
        "filter_normaliser": "clamped-sum",
    },
    "four": {"window_parameters": "four", "initial_canvas": -1.5},
    "learned": {"initial_state": "learned", "initial_canvas": -0.5},
}


def small_writer(**settings: Any) -> Writer:
    """An untrained writer whose windows and patches vary from step to step."""
    given = {"image_size": SIZE, "steps": STEPS, "latent_size": 3, "hidden_size": 8}
    config = ModelConfig.model_validate(given | {"read_size": 4, "write_size": 3} | settings)
    model = initial_model(config, 3)
    assert isinstance(model, Writer)
    with torch.no_grad():
        for parameter in (*model.decoder.parameters(), *model.heads.parameters()):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(1)))
    return model


def digits(count: int = COUNT) -> np.ndarray:
    noise = generator(0, "evaluation", 0).integers(0, 256, (count, SIZE, SIZE))
    return noise.astype(np.uint8)


def recorded(models: dict[str, Writer], pairs: np.ndarray = PAIRS) -> Gallery:
    images = digits()
    recordings = [record(name, model, images, pairs, SAMPLING) for name, model in models.items()]
    return Gallery(images, np.arange(COUNT), pairs, recordings, {"seed": SAMPLING.seed})


ONCE = {"iterations": 1, "metrics_interval": 1}


def save_run(folder: Path, config: ModelConfig, dataset: str = "mnist") -> Path:
    """A complete run whose weights were never trained."""
    run, model = Run(folder), config.model_dump()
    settings = make_config(
        {"name": "untrained", "data": {"dataset": dataset}, "model": model, "training": ONCE}
    )
    run.begin(settings)
    run.keep_metrics_until(0)
    run.append_metrics(dict.fromkeys(METRICS, 1))
    made = {
        "run": settings.folder_name,
        "config_digest": settings.digest,
        "device": {},
        "software": {},
    }
    run.finish(initial_model(config, 0), made)
    return folder
