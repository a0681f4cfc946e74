"""The table of facts is whole."""

from typing import get_args

from dcrw.model.architectures import FACTS, Architecture, noise_in_words
from dcrw.model.config import ModelConfig
from dcrw.model.writer import build


def test_every_architecture_has_its_facts() -> None:
    assert set(FACTS) == set(get_args(Architecture))
    for words in ("meaning", "name", "title"):
        assert len({getattr(facts, words) for facts in FACTS.values()}) == len(FACTS)


def test_what_reads_also_feeds_back_and_draws_step_by_step() -> None:
    for facts in FACTS.values():
        assert facts.feedback or not facts.reads  # a window is emitted from h_dec
        assert facts.recurrent or not facts.feedback


def test_weights_that_draw_in_any_number_of_steps_have_no_shape_that_depends_on_it() -> None:
    for name, facts in FACTS.items():
        numbers = (2, 3) if facts.recurrent else (1, 1)
        models = [build(ModelConfig(architecture=name, steps=steps)) for steps in numbers]
        shapes = [[value.shape for value in model.parameters()] for model in models]
        assert (shapes[0] == shapes[1]) == facts.any_steps


def test_a_config_knows_its_facts_and_does_not_keep_them() -> None:
    config = ModelConfig(architecture="draw")
    assert config.facts == FACTS["draw"] and "facts" not in config.model_dump()


def test_every_architecture_is_described_in_the_settings() -> None:
    described = ModelConfig.model_fields["architecture"].description
    assert all(f"{name}: {facts.meaning}" in described for name, facts in FACTS.items())


def test_noise_is_named() -> None:
    assert [noise_in_words(r) for r in (0.0, 0.25, 1.0)] == ["fresh", "ρ = 0.25", "shared"]
