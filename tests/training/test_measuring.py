"""What measurements of a run share: noise by its counter, and a record of what was measured."""

import numpy as np
import pytest
import torch
from common import TINY

from dcrw.model.config import ModelConfig
from dcrw.training import files, measuring
from dcrw.training.config import EvaluationConfig
from dcrw.training.engine import initial_model
from dcrw.training.measuring import Measuring, drawing_noise, noise_for
from dcrw.training.randomness import step_noise


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_noise_is_that_of_its_stream_seed_and_counter(correlation):
    model = initial_model(ModelConfig(**TINY), 0)
    draw = noise_for(model, "evaluation", correlation, seed=7)
    shape = (TINY["steps"], 5, TINY["latent_size"])
    expected = step_noise(7, "evaluation", 3, shape, correlation)
    assert torch.equal(draw(3, 5), torch.as_tensor(expected))
    assert not torch.equal(draw(3, 5), draw(4, 5))


def test_drawings_have_the_models_own_correlations():
    correlations = {"noise_correlation": 1.0, "generation_noise_correlation": 0.25}
    model = initial_model(ModelConfig(**TINY, **correlations), 0)
    shape = (TINY["steps"], 5, TINY["latent_size"])
    noise, prior = drawing_noise(model, 7, 5)
    assert torch.equal(noise, torch.as_tensor(step_noise(7, "generation", 0, shape, 1.0)))
    assert torch.equal(prior, torch.as_tensor(step_noise(7, "generation", 1, shape, 0.25)))


def test_a_record_says_what_was_asked_for_on_what_and_with_what(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "describe_software", lambda: {"commit": "before"})
    settings = EvaluationConfig(batch_size=7, seed=5)
    measured = Measuring(settings, torch.device("cpu"), threads=1)
    monkeypatch.setattr(measuring, "describe_software", lambda: {"commit": "after"})
    part = tmp_path / "part.npz"
    files.write_arrays(part, {"a": np.zeros(2)})
    with measured.ready():
        assert torch.get_num_threads() == 1
    written = measured.write(tmp_path / "record.json", {"found": 3}, [part])
    read = files.read_record(tmp_path / "record.json", "")
    assert written.items() <= read.items()
    assert read["found"] == 3 and read["settings"] == settings.model_dump()
    assert read["software"] == {"commit": "before"}  # sources may change during the work
    assert read["device"]["type"] == "cpu" and read["device"]["threads"] == 1
    assert files.recorded_digest(read, "part.npz")
