"""Profiles and presets: what is accepted, what is refused and how."""

from pathlib import Path

import pytest

from dcrw.model.config import ConfigError
from dcrw.training.profiles import load_profile, load_profiles

ROOT = Path(__file__).parents[2]


def test_presets_are_the_layer_between_defaults_and_run(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "{profile: p, seeds: [0, 1],"
        " defaults: {training: {iterations: 7}, model: {latent_size: 3}},"
        " runs: {a: {preset: lineage2016, model: {forget_bias: 0.5}}}}"
    )
    first, second = load_profile(path).configs()
    assert first.model.latent_size == 3 and first.model.noise_correlation == 1
    assert first.training.iterations == 10_000 and first.model.forget_bias == 0.5
    assert (first.training.seed, second.training.seed) == (0, 1)
    assert first.digest != second.digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{profile: p, seeds: [0]}", "runs"),
        ("{profile: p, seeds: [0], runs: {a: {training: }}}", "runs.a.training = None"),
        ("{profile: p, seeds: [0], runs: {}}", "runs = {}: .*at least 1 item"),
        ("{profile: p, seeds: [010], runs: {a: {}}}", "another base"),
        (f"{{profile: {'x' * 9999}, seeds: [0], runs: {{a: {{}}}}}}", r".{,300}expected 'p'$"),
        ("{profile: p, seeds: [0], runs: {a: {training: {model: {}}}}}", "training.model = {}"),
        ("{profile: p, seeds: [], runs: {a: {}}}", "seeds, stages: expected one"),
        (
            "{profile: p, seeds: [0], stages: {a: {a: [0]}}, runs: {a: {}}}",
            "expected one of the two",
        ),
        ("{profile: p, stages: {one: {b: [0]}}, runs: {a: {}}}", "b is not among the runs"),
        ("{profile: p, stages: {one: {a: [0]}}, runs: {a: {}, b: {}}}", "b has no seeds"),
        (
            "{profile: p, stages: {one: {a: [0]}, two: {a: [1, 0]}}, runs: {a: {}}}",
            "seeds of a = 0: expected each once",
        ),
        (
            "{profile: p, seeds: [0], watched: {a: 1}, runs: {a: {}}}",
            "watched: a with seed 1 is not among the runs",
        ),
        ("{profile: p, seeds: [0], runs: {a: {preset: x}}}", r"runs\.a\.preset = 'x'"),
        ("{profile: p, seeds: [0], runs: {a: {model: {steps: 0}}}}", r"model\.steps = 0"),
        ("{profile: p, seeds: [0], runs: {A_b: {}}}", r"runs\.A_b: name = 'A_b'"),
        ("{profile: p, seeds: [true, 2], runs: {a: {}}}", r"seeds = \[True, 2\]: .*not yes or no"),
        ("{profile: p, seeds: ['1'], runs: {a: {}}}", r"seeds\.0 = '1'"),
        ("{profile: p, seeds: [-1], runs: {a: {}}}", r"seeds\.0 = -1"),
        ("{profile: p, seeds: [0], watched: {a: true}, runs: {a: {}}}", "watched = .*True"),
        ("{profile: p, seeds: [0], defaults: {training: [x]}, runs: {a: {}}}", "defaults.training"),
        ("{profile: p, seeds: [0], defaults: {trainin: {}}, runs: {a: {}}}", "unknown parameter"),
        ("{profile: p, seeds: [0], runs: {a: {training: }}}", r"runs\.a\.training = None"),
        ("{profile: p, seeds: [0], runs: {a: {preset: [x]}}}", r"runs\.a\.preset = \['x'\]"),
        ("{profile: p, seeds: [0], runs: {a: {name: b}}}", r"runs\.a\.name = 'b': unknown"),
        ("{profile: p, seeds: [0], runs: {a: {}, a: {}}}", "stands twice"),
        ("{profile: p, seeds: [0], seeds: [1], runs: {a: {}}}", "stands twice"),
        ("[p]", "valid dictionary"),
        ("", "valid dictionary"),
        ("profile: p\nseeds: !!timestamp x\nruns: {a: {}}", "not valid YAML"),
        ("{profile: [", "not valid YAML"),
        ("{profile: p, seeds: [0, 0], runs: {a: {}}}", "seeds of a = 0: expected each once"),
        ("{profile: q, seeds: [0], runs: {a: {}}}", "profile = 'q': expected 'p'"),
        ("{profile: p, seeds: [0], runs: {a: {training: {seed: 1}}}}", "name and seed come from"),
    ],
)
def test_bad_profiles_are_refused(tmp_path, text, expected):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"(?s)p\\.yaml: .*{expected}"):
        load_profile(path)
    with pytest.raises(ConfigError, match="no such file"):
        load_profile(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem
)
def test_shipped_profiles_hold(path):
    profile = load_profile(path)
    assert profile.profile == path.stem
    names = [run.folder_name for run in profile.configs()]
    assert len(set(names)) == len(names)


def test_one_faulty_profile_leaves_the_others(tmp_path):
    good = "profile: good\nseeds: [0]\nruns: {a: {}}\n"
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "good copy.yaml").write_text(good)
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    profiles, faults = load_profiles(tmp_path)
    assert list(profiles) == ["good"] and list(faults) == ["bad", "good copy"]
    assert all(f"{name}.yaml: " in fault for name, fault in faults.items())
