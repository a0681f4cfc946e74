"""The table of facts is whole."""

from typing import get_args

from dcrw.model.architectures import FACTS, Architecture, noise_in_words
from dcrw.model.config import ModelConfig


def test_every_architecture_has_its_facts() -> None:
    assert set(FACTS) == set(get_args(Architecture))
    assert len({facts.title for facts in FACTS.values()}) == len(FACTS)


def test_what_reads_also_feeds_back_and_draws_step_by_step() -> None:
    for facts in FACTS.values():
        assert facts.feedback or not facts.reads  # a window is emitted from h_dec
        assert facts.recurrent or not facts.feedback


def test_a_config_knows_its_facts_and_does_not_keep_them() -> None:
    config = ModelConfig(architecture="draw")
    assert config.facts == FACTS["draw"] and "facts" not in config.model_dump()


def test_every_architecture_is_described_in_the_settings() -> None:
    described = ModelConfig.model_fields["architecture"].description
    assert all(f"{name}: " in described for name in FACTS)


def test_noise_is_named() -> None:
    assert [noise_in_words(r) for r in (0.0, 0.25, 1.0)] == ["fresh", "ρ = 0.25", "shared"]
