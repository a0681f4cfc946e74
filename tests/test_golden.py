"""Initial weights and three iterations of every architecture, against what they were when
`golden.json` was written: no move or clean-up changes a model.

Initial weights are compared bit for bit. Losses and weights after the iterations are compared up to
rounding, since sums differ between processors in their last bits. To write the file anew, after a
change that is meant: `python tests/test_golden.py`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from common import TINY

from dcrw.model.architectures import FACTS
from dcrw.model.writer import Model
from dcrw.training.config import RunConfig, make_config
from dcrw.training.device import prepared
from dcrw.training.engine import Engine, initial_model
from dcrw.training.profiles import PRESETS
from dcrw.training.randomness import BatchOrder, step_noise

FILE = Path(__file__).with_name("golden.json")
CASES: dict[str, dict[str, Any]] = {
    name: {"model": {"architecture": name} | ({} if facts.recurrent else {"steps": 1})}
    for name, facts in FACTS.items()
}
CASES |= {
    f"{name}, {preset}": {
        section: {**values, **({"architecture": name} if section == "model" else {})}
        for section, values in settings.items()
    }
    for name in ("dcrw", "draw")
    for preset, settings in PRESETS.items()
}
CASES["learned start, dense"] = {
    "model": {"initial_state": "learned", "encoder_dense": 4, "hidden_to_encoder": "absent"},
    "training": {"optimizer": "sgd", "clip_scope": "global"},
}


def config_of(case: dict[str, Any]) -> RunConfig:
    training = case.get("training", {}) | {"iterations": 3, "batch_size": 5, "seed": 2}
    return make_config({"model": TINY | case["model"], "training": training})


def sha256_of(model: Model) -> str:
    """Of names and values of all weights."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def projections(model: Model) -> list[float]:
    """Each weight tensor's inner product with waves of three lengths."""
    found = []
    for value in model.state_dict().values():
        flat = value.detach().contiguous().flatten().double()
        places = torch.arange(1, len(flat) + 1, dtype=torch.float64)
        found += [(flat * (places * length).cos()).sum().item() for length in (0.1, 0.7, 1.9)]
    return found


def run(case: dict[str, Any]) -> dict[str, Any]:
    config = config_of(case)
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (23, 12, 12), generator=numbers, dtype=torch.uint8)
    initial = sha256_of(initial_model(config.model, config.training.seed))
    with prepared(torch.device("cpu"), 1):
        own = Engine(config, images, torch.device("cpu"))
        order = BatchOrder(config.training.seed, 5, len(images))
        shape = (config.model.steps, 5, config.model.latent_size)
        losses = []
        for iteration in range(3):
            correlation = config.model.noise_correlation
            noise = step_noise(config.training.seed, "noise", iteration, shape, correlation)
            losses.append(own.iterate(order(iteration), noise).tolist())
    return {"initial_sha256": initial, "losses": losses, "weights": projections(own.model)}


@pytest.mark.parametrize("name", CASES)
def test_models_and_their_training_are_as_they_were(name: str) -> None:
    golden, found = json.loads(FILE.read_text())[name], run(CASES[name])
    assert found["initial_sha256"] == golden["initial_sha256"]
    np.testing.assert_allclose(found["losses"], golden["losses"], rtol=1e-5)
    np.testing.assert_allclose(found["weights"], golden["weights"], rtol=1e-3, atol=2e-4)


def test_the_golden_file_has_every_architecture_and_nothing_else() -> None:
    assert json.loads(FILE.read_text()).keys() == CASES.keys()


if __name__ == "__main__":
    found = {name: run(case) for name, case in CASES.items()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")
