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
from dcrw.training.datasets.table import DATASETS

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
    "own_validation": st.floats(0.01, 0.49),
    "own_test": st.floats(0.01, 0.49),
    "own_split_seed": st.integers(0, 2**31 - 1),
}
OTHERS = {
    "dataset": st.sampled_from(list(DATASETS)),
    "own_invert": st.booleans(),
    "own_sha256": st.from_regex(r"\A([0-9a-f]{64})?\Z"),
}


def choices(name: str) -> tuple[str, ...]:
    kind = next(kind for kind in SECTIONS.values() if name in kind.model_fields)
    return typing.get_args(kind.model_fields[name].annotation)


@st.composite
def parameters(draw) -> dict:
    found = {"name": draw(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,20}\Z"))}
    for name in parameter_names():
        if name != "name" and draw(st.booleans()):
            given = NUMBERS | OTHERS
            found[name] = draw(given[name] if name in given else st.sampled_from(choices(name)))
    if found.get("dataset") != "own":
        found = {name: value for name, value in found.items() if not name.startswith("own_")}
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
        ("dataset", "cifar", "expected one of mnist, fashion-mnist, kmnist, digits, own"),
        ("binarisation", "half", "'none', 'threshold', 'sampled' or 'dynamic'"),
        ("own_invert", True, "it is for dataset = own"),
        ("own_sha256", "abc", "match pattern"),
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
    assert set(cell) == {"run", "data_root", "own_images", "device", "threads"}


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


@pytest.mark.parametrize("value", ["1e3", "1E+3", "10.0e2", 1000.0, 1000])
def test_a_whole_number_may_have_an_exponent(value) -> None:
    """papermill's -p makes a number of 1e3, YAML a text."""
    found = config_from_parameters({"iterations": value})
    assert found.training.iterations == 1000
    assert found.digest == config_from_parameters({"iterations": 1000}).digest


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"iterations": "1.5e0"}, "iterations = '1.5e0'"),
        ({"iterations": "1e99"}, "iterations"),
        ({"name": 2024}, r"name = 2024: .*with -r in place of -p"),
        ({"name": "x" * 245}, "at most 200 characters"),
        ({"name": "a\0b"}, r"name = 'a\\x00b': expected text that can be printed"),
        ({"dataset": "\ud800"}, r"dataset = '\\ud800': expected text that can be printed"),
        ({"steps": [True]}, r"steps = \[True\]: expected a number"),
        ({"steps": 10**5000}, "steps = a number of over 300 digits: "),
        ({"steps": {"a": 1}}, "steps = "),
    ],
)
def test_odd_values_are_refused_by_name(parameters, expected) -> None:
    with pytest.raises(ConfigError, match=expected) as refused:
        config_from_parameters(parameters)
    str(refused.value).encode()  # can be printed


def test_a_long_value_is_cut_in_the_message() -> None:
    for parameters in ({"other": "x" * 9999}, {"dataset": "x" * 9999}, {"name": "x" * 9999}):
        with pytest.raises(ConfigError, match=r"x\.\.\.x") as refused:
            config_from_parameters(parameters)
        assert len(str(refused.value)) < 1500


def test_a_message_names_ten_problems_at_most() -> None:
    with pytest.raises(ConfigError, match="and 40 more") as refused:
        make_config({f"{'k' * 500}{number}": 1 for number in range(50)})
    assert len(str(refused.value)) < 3000
