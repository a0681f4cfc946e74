"""What each decision does, from tables."""

from pathlib import Path

import pandas as pd
import pytest

from dcrw.model.config import ModelConfig
from study import decisions

PROJECT = Path(__file__).parents[2]
REACH = 10.0


def ablations(*rows: tuple[str, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["change", "difference"])
    return table.assign(iterations=3000)


def runs(shared: float | None) -> pd.DataFrame:
    rows = [("dcrw-fresh", seed, 100.0 + 2 * seed) for seed in range(3)]
    rows += [] if shared is None else [("dcrw-shared", 0, shared)]
    return pd.DataFrame(rows, columns=["cell", "seed", "train_total"]).assign(iterations=10_000)


def test_settings_belong_to_the_decision_that_describes_them() -> None:
    owner = decisions.decision_of()
    assert owner["window_parameters"] == 2
    assert owner["optimizer"] == owner["steps"] == 9
    assert "read_size" not in owner  # Table I gives it
    assert "[2]" in ModelConfig.model_fields["window_parameters"].description


def test_a_change_matters_beyond_the_spread_of_seeds() -> None:
    table = ablations(
        ("window_parameters = four", 10.1),
        ("window_heads = shared", -9.9),
        ("optimizer = sgd, learning_rate = 0.01", 50.0),
        ("steps = 5", 1.0),
    )
    found = decisions.effects(table, REACH, runs(None))
    assert {number: decisions.badge(measured) for number, measured in found.items()} == {
        2: "matters",
        6: "within the spread of seeds",
        9: "matters",
    }
    assert decisions.badge([]) == "not measured"


@pytest.mark.parametrize(("shared", "badge"), [(103.0, "within the spread"), (70.0, "matters")])
def test_the_noise_is_judged_on_whole_runs(shared: float, badge: str) -> None:
    (effect,) = decisions.effects(ablations(), REACH, runs(shared))[1]
    assert (effect.difference, effect.reach, effect.iterations) == (shared - 100, 4.0, 10_000)
    assert decisions.badge([effect]).startswith(badge)


def test_the_page_has_cards_from_the_committed_files() -> None:
    figure = decisions.figure(PROJECT)
    assert all((PROJECT / name).is_file() for name in decisions.FILES)
    assert figure.kind == "decisions"
    assert figure.state["cards"]["2"]["badge"] == "matters"
