"""Configurations: what is accepted, what is refused and how, and names that stay."""

import typing
from pathlib import Path

import numpy as np
import pytest
import yaml
from common import parameters_cell
from hypothesis import given
from hypothesis import strategies as st

from dcrw import notebook
from dcrw.model.architectures import FACTS
from dcrw.model.config import ConfigError
from dcrw.notebook import Together, evaluation, presentation, training
from dcrw.training.config import (
    SECTIONS,
    EvaluationConfig,
    Keeping,
    RunConfig,
    TrainingRuntime,
    config_from_parameters,
    load_config,
    make_config,
    parameter_names,
)

ROOT = Path(__file__).parents[2]
NUMBERS = {
    "image_size": st.integers(8, 64),
    "steps": st.integers(1, 64),
    "latent_size": st.integers(1, 200),
    "hidden_size": st.integers(1, 512),
    "encoder_dense": st.integers(0, 64),
    "read_size": st.integers(2, 8),
    "write_size": st.integers(2, 8),
    "noise_correlation": st.floats(0, 1),
    "generation_noise_correlation": st.floats(0, 1),
    "forget_bias": st.floats(-3, 3),
    "initial_canvas": st.floats(-5, 5),
    "initial_log_stride": st.floats(-3, 1),
    "gaussian_variance": st.floats(1e-3, 10),
    "seed": st.integers(0, 2**31 - 1),
    "iterations": st.integers(1, 10**6),
    "batch_size": st.integers(1, 1000),
    "learning_rate": st.floats(1e-8, 1),
    "beta1": st.floats(0, 0.99),
    "beta2": st.floats(0, 0.9999),
    "clip_norm": st.floats(1e-3, 1e3),
    "metrics_interval": st.integers(1, 1000),
    "checkpoint_interval": st.integers(1, 10**5),
}


def choices(name: str) -> tuple[str, ...]:
    kind = next(kind for kind in SECTIONS.values() if name in kind.model_fields)
    return typing.get_args(kind.model_fields[name].annotation)


@st.composite
def parameters(draw) -> dict:
    found = {"name": draw(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,20}\Z"))}
    for name in parameter_names():
        if name != "name" and draw(st.booleans()):
            found[name] = draw(NUMBERS[name] if name in NUMBERS else st.sampled_from(choices(name)))
    if found.get("architecture") == "conv-vae":
        found["steps"] = 1
    if found.get("architecture") == "draw":
        found.pop("encoder_dense", None)
    facts = FACTS[found.get("architecture", "dcrw")]
    if not (facts.convolves and facts.feedback):
        found.pop("hidden_to_encoder", None)
    if found.get("pooling") == "drop-border":
        found["read_size"] = max(found.get("read_size", 7), 4)
    return found


@given(parameters())
def test_any_valid_config_survives_the_round_trip(settings):
    config = config_from_parameters(settings)
    assert make_config(yaml.safe_load(config.to_yaml())) == config
    assert config_from_parameters(config.parameters()) == config
    for name, value in settings.items():
        assert config.parameters()[name] == value


@given(parameters(), parameters())
def test_the_digest_tells_settings_apart_and_nothing_else(first, second):
    one, two = (config_from_parameters(settings) for settings in (first, second))
    same = {**one.parameters(), "name": ""} == {**two.parameters(), "name": ""}
    assert (one.digest == two.digest) == same
    assert one.model_copy(update={"name": "other"}).digest == one.digest


def test_defaults_do_not_enter_the_digest():
    """A field that is added later leaves the names of existing runs alone."""
    assert RunConfig().digest == make_config({"training": {"iterations": 10_000}}).digest
    assert config_from_parameters(RunConfig().parameters()).digest == RunConfig().digest


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("read_size", 1, "greater than or equal to 2"),
        ("read_size", 40, "read_size = 40: expected at most image_size = 28"),
        ("noise_correlation", 1.5, "less than or equal to 1"),
        ("noise_correlation", float("nan"), "finite"),
        ("learning_rate", 0, "greater than 0"),
        ("learning_rate", "fast", "valid number"),
        ("iterations", 0, "greater than or equal to 1"),
        ("iterations", 2.5, "integer"),
        ("architecture", "gan", "'dcrw', 'dcrw-write-only', 'draw'"),
        ("clip_scope", "row", "'head', 'tensor', 'global' or 'none'"),
        ("name", "../elsewhere", "match pattern"),
        ("seed", -1, "greater than or equal to 0"),
        ("iterations", True, "expected a number"),
        ("initialiser", "he", "'xavier' or 'unit-scaling'"),
        ("encoder_dense", -1, "greater than or equal to 0"),
    ],
)
def test_impossible_values_are_named(name, value, expected):
    with pytest.raises(ConfigError, match=name) as caught:
        config_from_parameters({name: value})
    assert expected in str(caught.value)
    assert repr(value) in str(caught.value)


def test_unknown_names_are_errors():
    with pytest.raises(
        ConfigError, match="read_sizee = 5: unknown parameter; expected one of name"
    ):
        config_from_parameters({"read_sizee": 5})
    with pytest.raises(ConfigError, match=r"model\.size = 5: unknown parameter"):
        make_config({"model": {"size": 5}})


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


def test_yaml_reads_exponents_as_text_and_we_as_numbers():
    assert yaml.safe_load("3e-4") == "3e-4"
    assert config_from_parameters({"learning_rate": "3e-4"}).training.learning_rate == 3e-4


@pytest.mark.parametrize(
    "folder",
    sorted((ROOT / "results" / "paper" / "runs").glob("*-s*-*")),
    ids=lambda path: path.name,
)
def test_committed_runs_still_have_their_names(folder):
    """A changed default, or a field that changes names, would orphan what is committed."""
    assert load_config(folder / "config.yaml").folder_name == folder.name


def test_the_training_notebook_offers_every_setting_with_its_default():
    cell = parameters_cell("train")
    sections = (Together(), Keeping(), TrainingRuntime())
    expected = RunConfig().parameters()
    for section in sections:
        expected |= section.model_dump()
    assert {name: value for name, (_, value) in cell.items()} == expected
    assert all(type(value).__name__ == kind for kind, value in cell.values())


def test_further_seeds_are_runs_alike_but_for_their_seed():
    settings, _, runtime = training({"name": "a", "seed": 2, "further_seeds": "0 7"})
    assert [config.training.seed for config in settings] == [2, 0, 7]
    assert {config.with_seed(0) for config in settings} == {settings[1]}
    assert runtime == TrainingRuntime()
    two, _, _ = training({"name": "a", "seed": 2, "further_seeds": 1})
    assert [config.training.seed for config in two] == [2, 1]
    (alone,) = training({"name": "a", "seed": 2})[0]
    assert alone == settings[0]


@pytest.mark.parametrize("seeds", ["2", "1 1", "1,3", "-1", " 1", "1 x"])
def test_impossible_further_seeds_are_refused_by_name(seeds):
    with pytest.raises(ConfigError, match="further_seeds"):
        training({"name": "a", "seed": 2, "further_seeds": seeds})


def test_the_evaluation_notebook_offers_every_setting_with_its_default():
    cell = {name: value for name, (_, value) in parameters_cell("evaluate").items()}
    for name, value in EvaluationConfig().model_dump().items():
        assert cell.pop(name) == value
    assert set(cell) == {"run", "data_root", "device", "threads"}


def test_parameters_are_the_literals_among_globals():
    namespace = {
        "steps": 3,
        "_i": "x",
        "In": [],
        "runs": yaml,
        "config": RunConfig(),
        "name": "a",
    }
    assert notebook.parameters(namespace) == {"steps": 3, "name": "a"}
    namespace |= {"steps": 4, "later": "a literal of a later cell"}
    assert notebook.parameters(namespace) == {"steps": 4, "name": "a"}
    with pytest.raises(ConfigError, match="digitz = 3: unknown parameter"):
        evaluation({"run": "x", "digitz": 3})
    with pytest.raises(ConfigError, match="profil = 'x': unknown parameter"):
        presentation({"profil": "x"})


def test_parameters_are_what_earlier_cells_assign():
    """As in a kernel: the parameters cell, papermill's injected one, and the one that asks."""
    cells = ["", "steps: int = 3\nname = 'a'  # text", "steps = 5", "from x import TABLE\nask()"]
    namespace = {
        "In": cells,
        "steps": 5,
        "name": "a",
        "TABLE": "x.csv",
        "PAPERMILL_INPUT_PATH": "n",
    }
    assert notebook.parameters(namespace) == {"steps": 5, "name": "a"}
    namespace["In"] = [*cells, "later = 1", "ask()"]
    namespace["later"] = 1
    assert notebook.parameters(namespace) == {"steps": 5, "name": "a"}


def test_parameters_of_other_types_are_converted_or_refused_by_name():
    cells = ["", "a = 1\nb = 1\nc = 1", "ask()"]
    namespace = {"In": cells, "a": np.int64(20), "b": np.float64(3e-4), "c": Path("x") / "y"}
    found = notebook.parameters(namespace)
    assert found == {"a": 20, "b": 3e-4, "c": "x/y"}
    assert [type(value) for value in found.values()] == [int, float, str]
    with pytest.raises(ConfigError, match=r"c = \{1\}: a set; expected a plain number"):
        notebook.parameters(namespace | {"c": {1}})
