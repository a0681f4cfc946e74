"""Main effects against least squares, and Holm's intervals."""

import itertools

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_accounts import PROJECT
from scipy import stats

from study.claims import attribution
from study.claims.attribution import COMBINATIONS, FACTORS, cell_of, main_effects


def factorial(effects: dict[str, float], noise: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """L_x moves by each factor's effect, L_z does not; both with noise."""
    draws = np.random.default_rng(seed)
    rows = []
    for cell, chosen in COMBINATIONS.items():
        moved = sum(effects.get(name, 0) for name, has in zip(FACTORS, chosen, strict=True) if has)
        for run in (10, 11):
            lx, lz = draws.normal((70 + moved, 1.5), (noise, 0.1))
            rows.append({"cell": cell, "seed": run, "lx": lx, "lz": lz})
    return pd.DataFrame(rows)


def test_the_eight_cells_are_those_that_are_trained():
    stages = yaml.safe_load((PROJECT / "configs" / "round2.yaml").read_text())["stages"]
    assert set(COMBINATIONS) == set(stages["attribution"]) | {"dcrw-tensorflow2016"}
    assert cell_of((True, False, True)) == "dcrw-lineage-weights-division"
    assert cell_of((False, False, False)) == "dcrw-lineage"
    assert len(COMBINATIONS) == 8


def test_effects_are_those_of_least_squares():
    table = factorial({"weights": -5.0})
    found = main_effects(table)
    assert [(effect.factor, effect.loss) for effect in found] == [
        (factor, loss) for loss in ("lx", "lz") for factor in FACTORS
    ]
    signs = np.array([COMBINATIONS[cell] for cell in table.cell]) * 1.0
    # the full model: main effects of centred factors and all their products; 16 - 8 = 8 degrees
    centred = signs - 0.5
    columns = [np.ones(len(table))]
    for size in (1, 2, 3):
        columns += [
            np.prod(centred[:, chosen], axis=1)
            for chosen in map(list, itertools.combinations(range(3), size))
        ]
    design = np.stack(columns, axis=1)
    for number, loss in enumerate(("lx", "lz")):
        values = table[loss].to_numpy()
        coefficients, residuals, *_ = np.linalg.lstsq(design, values, rcond=None)
        variance = residuals[0] / 8
        errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
        for place, effect in enumerate(found[3 * number : 3 * number + 3], start=1):
            assert effect.value == pytest.approx(coefficients[place])
            t = coefficients[place] / errors[place]
            assert effect.p == pytest.approx(2 * stats.t.sf(abs(t), 8))


def test_only_the_setting_that_moves_matters():
    found = main_effects(factorial({"weights": -5.0}))
    assert [effect.matters for effect in found] == [True, False, False, False, False, False]
    assert all(effect.low < effect.value < effect.high for effect in found)
    assert all((effect.low > 0 or effect.high < 0) == effect.matters for effect in found)


def test_the_interval_is_at_holms_level():
    """The smallest of six p-values is held against 0.05/6, and its interval is at that level."""
    (first, *_) = main_effects(factorial({"weights": -5.0}))
    error = abs(first.value) / stats.t.isf(first.p / 2, 8)
    reach = stats.t.ppf(1 - 0.05 / 6 / 2, 8) * error
    assert (first.low, first.high) == pytest.approx((first.value - reach, first.value + reach))


@pytest.mark.parametrize("effects", [{}, {"division": 1.0}])
def test_what_holm_rejects_is_what_matters(effects):
    for seed in range(40):
        found = main_effects(factorial(effects, seed=seed))
        ordered = sorted(found, key=lambda effect: effect.p)
        rejecting = True
        for rank, effect in enumerate(ordered):
            rejecting = rejecting and effect.p <= 0.05 / (6 - rank)
            assert effect.matters == rejecting


def test_a_family_without_effects_rejects_one_in_twenty():
    families = [main_effects(factorial({}, seed=seed)) for seed in range(400)]
    share = np.mean([any(effect.matters for effect in found) for found in families])
    assert share == pytest.approx(0.05, abs=0.035)


def test_a_combination_that_lacks_a_seed_leaves_nothing():
    table = factorial({})
    assert main_effects(table.iloc[1:]) == []
    assert main_effects(table[table.seed == 10], seeds=[10]) == []
    more = pd.concat([table, table.assign(seed=12, lx=1e6)])  # other seeds do not count
    assert main_effects(more) == main_effects(table)
    assert attribution.SEEDS == (10, 11)
