"""A model's settings: what cannot go together is refused by name."""

import pytest

from dcrw.model.config import ConfigError
from dcrw.training.config import config_from_parameters


def test_the_conv_vae_has_one_step():
    with pytest.raises(ConfigError, match=r"model\.steps = 10: expected 1"):
        config_from_parameters({"architecture": "conv-vae"})


def test_an_encoder_has_what_it_is_asked_to_leave_out():
    with pytest.raises(ConfigError, match=r"encoder_dense = 8: expected 0, draw has no CNN"):
        config_from_parameters({"architecture": "draw", "encoder_dense": 8})
    for architecture in ("dcrw-write-only", "draw", "dcrw-stepwise"):
        with pytest.raises(ConfigError, match="no CNN of " + architecture):
            config_from_parameters({"architecture": architecture, "hidden_to_encoder": "absent"})


def test_two_poolings_must_leave_something():
    with pytest.raises(ConfigError, match=r"model\.read_size = 3: expected at least 4"):
        config_from_parameters({"pooling": "drop-border", "read_size": 3})
    config_from_parameters({"pooling": "drop-border", "read_size": 4})
