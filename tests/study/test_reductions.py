"""How a latent loss may have been reported, against means of its parts."""

import numpy as np
import pytest

from dcrw.model.config import ConfigError, ModelConfig
from dcrw.training.profiles import load_profile
from study.reductions import latent_reduction

CONFIG = ModelConfig(steps=4, latent_size=3)


@pytest.mark.parametrize(
    ("reduction", "reported"),
    [
        ("sum", lambda kl: kl.sum()),
        ("mean-dimensions", lambda kl: kl.mean(1).sum()),
        ("mean-steps", lambda kl: kl.mean(0).sum()),
        ("mean", lambda kl: kl.mean()),
    ],
)
def test_a_factor_is_what_the_mean_is_to_the_sum(reduction, reported):
    divergences = np.random.default_rng(0).random((4, 3))  # (T, z)
    factor = latent_reduction(reduction, CONFIG)
    assert factor * divergences.sum() == pytest.approx(reported(divergences))


def test_another_reduction_is_refused(tmp_path):
    with pytest.raises(ValueError, match="latent_reduction = 'median': expected one of sum, mean-"):
        latent_reduction("median", CONFIG)
    path = tmp_path / "p.yaml"
    path.write_text("{profile: p, seeds: [0], runs: {dcrw: {}}, latent_reduction: median}")
    with pytest.raises(ConfigError, match="latent_reduction"):
        load_profile(path)


def test_a_profile_sums_unless_it_says_otherwise(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("{profile: p, seeds: [0], runs: {dcrw: {}}}")
    assert load_profile(path).latent_reduction == "sum"
    path.write_text("{profile: p, seeds: [0], runs: {dcrw: {}}, latent_reduction: mean-steps}")
    assert load_profile(path).latent_reduction == "mean-steps"
    assert "latent_reduction" not in load_profile(path).configs()[0].parameters()
