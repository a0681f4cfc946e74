"""Numbers that the prose on reused noise quotes, from tables made by hand."""

import math

import pandas as pd
import pytest

from study.noise import quoted
from study.numbers import Number

ROWS = {"with attention in read": (70.0, 1.5), "without attention in read": (150.0, 31.0)}


def values(numbers: dict[str, Number]) -> dict[str, float]:
    assert all(key.startswith("noise.") for key in numbers)
    return {key.removeprefix("noise."): number.value for key, number in numbers.items()}


def test_whole_numbers_are_written_as_such():
    assert isinstance(quoted.number(3.0, "file").value, int)
    assert quoted.number(3.5, "file", 2) == Number(3.5, "file", 2)


def test_rows_stand_below_the_curve_at_their_rates():
    """A hull that falls by 20 a nat up to 2 nats, then by 10; row 2's rate is L_z / 10."""
    curve = pd.DataFrame(
        {
            "size": [1, 4, 64, 8],
            "rate": [0.0, 2.0, 5.0, 1.0],
            "distortion": [200.0, 160.0, 130.0, 190.0],
            "hull": [True, True, True, False],
        }
    )
    found = values(quoted.curve_numbers(curve, ROWS, images=600))
    assert found["steps"] == 10 and found["words"] == 64 and found["images"] == 600
    assert found["rate.attention"] == 1.5 and found["rate.write_only"] == pytest.approx(3.1)
    assert found["curve.attention"] == pytest.approx(170)
    assert found["below.attention"] == pytest.approx(100)
    assert found["curve.write_only"] == pytest.approx(149)
    assert found["below.write_only"] == pytest.approx(-1)


def test_each_cell_is_quoted_against_its_own_row():
    names = [f"row {row}: {loss}, %" for row in (1, 2) for loss in ("Lx", "Lz")]
    against = pd.DataFrame(
        [["dcrw-shared", 1.0, 2.0, 3.0, 4.0], ["dcrw-write-only-shared", 5.0, 6.0, 7.0, 8.0]],
        columns=["cell", *names],
    )
    assert values(quoted.against_numbers(against)) == {
        "against.dcrw-shared.lx": 1,
        "against.dcrw-shared.lz": 2,
        "against.dcrw-write-only-shared.lx": 7,
        "against.dcrw-write-only-shared.lz": 8,
    }


def test_seeds_are_apart_by_the_widest_range_of_a_cell():
    losses = pd.DataFrame(
        {
            "cell": ["dcrw-fresh"] * 3 + ["dcrw-shared"] * 2 + ["draw-fresh"] * 2,
            "train_lx": [80.0, 81.5, 79.0, 70.0, 71.0, 0.0, 99.0],
        }
    )
    found = values(quoted.seed_numbers(losses, [True, False, True]))
    assert found == {"seeds.range": 2.5, "seeds.shared": 3, "seeds.shared.all_four": 2}


def test_the_nearest_of_a_cells_seeds():
    nearest = pd.DataFrame(
        {
            "cell": ["a", "a", "b"],
            "worse of both, %": [9.5, 4.5, 7.0],
            "iteration": [700, 900, 500],
        }
    )
    numbers = quoted.nearest_numbers(nearest)
    found = values(numbers)
    assert (found["nearest.a.best"], found["nearest.a.worst"]) == (4.5, 9.5)
    assert (found["nearest.a.first"], found["nearest.a.last"]) == (700, 900)
    assert numbers["noise.nearest.a.best"].n == 2 and numbers["noise.nearest.b.best"].n == 1


def test_what_the_constant_would_make_of_table_1():
    """T = 10: with 20 nats missing z is 6; z - 1 at most 2 L_z / T, rounded down."""
    found = values(quoted.constant_numbers(ROWS, offset=20))
    assert found == {
        "printed_floor": 45,
        "printed_most.attention": 1,
        "printed_most.write_only": 7,
        "rival.z": 6,
        "rival.offset": 20,
        "rival.attention": 21.5,
        "rival.write_only": 51,
    }
    for z in (found["printed_most.write_only"], found["printed_most.attention"]):
        assert 10 * (z - 1) / 2 <= 31.0
    assert 10 * (10 - found["rival.z"]) / 2 == 20


def test_the_rival_and_what_matched():
    judged = pd.DataFrame(
        {"test": ["rival_lx", "rival_lz"], "value": [81.25, 22.5], "n": [1, 1], "holds": [None] * 2}
    )
    numbers = quoted.rival_numbers(judged, offset=20)
    assert values(numbers) == {"rival.lx": 81.25, "rival.lz": 22.5, "rival.printed": 2.5}
    assert all(number.n == 1 for number in numbers.values())
    matched = quoted.matched_numbers({"fresh": 0, "shared": 2})
    assert values(matched) == {"matched.fresh": 0, "matched.shared": 2}


def test_doses_and_how_far_two_are_from_row_2():
    dose = pd.DataFrame(
        {
            "cell": ["dcrw-write-only-r50", "dcrw-write-only-shared"],
            "train_lx": [165.0, 135.0],
            "train_lz": [31.0, 62.0],
            "fresh_total": [1.5, 2.5],
        }
    )
    found = values(quoted.dose_numbers(dose, ROWS))
    assert found["dose.dcrw-write-only-r50.train_lx"] == 165
    assert found["dose.dcrw-write-only-shared.fresh_total"] == 2.5
    off = {name: found[f"dose.off.dcrw-write-only-{name}"] for name in ("r50.lx", "r50.lz")}
    assert off == pytest.approx({"r50.lx": 10, "r50.lz": 0})
    assert found["dose.off.dcrw-write-only-shared.lx"] == pytest.approx(-10)
    assert found["dose.off.dcrw-write-only-shared.lz"] == pytest.approx(100)


def test_bounds_of_the_most_samples():
    bounds = pd.DataFrame(
        {
            "cell": ["a", "a", "b", "b"],
            "samples": [1, 100, 1, 100],
            "images": 500,
            "bound": [9.0, 8.5, 7.0, 6.5],
        }
    )
    numbers = quoted.bound_numbers(bounds)
    expected = {"bound.images": 500, "bound.samples": 100, "bound.a": 8.5, "bound.b": 6.5}
    assert values(numbers) == expected
    assert numbers["noise.bound.a"].n == 500


def test_medians_over_later_steps_leave_out_the_first_and_the_infinite():
    steps = pd.DataFrame(
        {
            "cell": ["a"] * 4,
            "step": [1, 2, 3, 4],
            "difference_over_posterior": [9.0, 0.25, 0.5, 1.0],
            "difference_nats": [0.0, math.inf, math.inf, 3.0],
            "latent": [50.0, 1.5, 1.0, 2.0],
        }
    )
    numbers = quoted.mechanism_numbers(steps)
    assert values(numbers) == {"left.a": 0.5, "charged.a": 1.5}
    assert numbers["noise.left.a"].n == 3


def test_replaced_latents_are_quoted():
    replaced = pd.DataFrame(
        {"cell": ["a"], "Lx as drawn": [1.0], "first": [2.5], "fifth": [3.5], "last": [4.5]}
    )
    expected = {"replaced.a.first": 2.5, "replaced.a.fifth": 3.5, "replaced.a.last": 4.5}
    assert values(quoted.replaced_numbers(replaced)) == expected


def test_rows_stand_below_the_lower_side_of_the_curve():
    """Two lines that meet at 2 nats; row 2's rate is L_z / 10."""
    lower = pd.DataFrame({"slope": [0.1, 0.05], "rate": [2.0, 2.0], "distortion": [160.0, 160.0]})
    found = values(quoted.lower_numbers(lower, ROWS, starts=411))
    assert found["lower.starts"] == 411
    assert found["lower.attention"] == pytest.approx(170)  # the steeper line is the higher one
    assert found["lower.below.attention"] == pytest.approx(100)
    assert found["lower.write_only"] == pytest.approx(149)
    assert found["lower.below.write_only"] == pytest.approx(-1)


def test_the_public_codes_curve_is_quoted_at_its_end():
    control = {"at": {1000: [147, 5], 9900: [65.6, 1.5]}}
    rules = {"second_round": {"rules": {"positive_control": control}}}
    found = values(quoted.public_numbers(rules))
    assert found == {"public.iterations": 9900, "public.lx": 65.6, "public.lz": 1.5}
