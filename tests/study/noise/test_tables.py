"""Tables of the page on reused noise, from runs made by hand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dcrw.training.config import make_config
from dcrw.training.files import RunError, write_record
from study.claims import judge
from study.noise import tables

PROJECT = Path(__file__).parents[3]
ROWS = {"with attention in read": (70.0, 1.5), "without attention in read": (150.0, 30.0)}


def path(lx: np.ndarray, lz: np.ndarray) -> pd.DataFrame:
    """metrics.csv of a run with a row each 50 iterations."""
    iteration = 50 * np.arange(1, len(lx) + 1)
    return pd.DataFrame({"iteration": iteration, "reconstruction": lx, "latent": lz})


def walk(seed: int, lx: float, lz: float, length: int = 60) -> pd.DataFrame:
    """A run that wanders around two losses."""
    rng = np.random.default_rng(seed)
    steps = np.exp(0.15 * rng.normal(size=(2, length)).cumsum(1))
    return path(lx * steps[0], lz * steps[1])


def runs(**values: list[tuple[float, float]]) -> pd.DataFrame:
    """A row a run: training losses by cell, seeds from 0."""
    return pd.DataFrame(
        [
            {"cell": cell.replace("_", "-"), "seed": seed, "train_lx": lx, "train_lz": lz}
            for cell, losses in values.items()
            for seed, (lx, lz) in enumerate(losses)
        ]
    )


def test_rows_of_table_1_are_found_by_their_keys():
    published = {
        "paper.table1.attention.lx": 1.0,
        "paper.table1.attention.lz": 2.0,
        "paper.table1.write_only.lx": 3.0,
        "paper.table1.write_only.lz": 4.0,
        "other": 5.0,
    }
    rows = tables.rows_of_table_1(published)
    assert rows == {"with attention in read": (1.0, 2.0), "without attention in read": (3.0, 4.0)}
    assert next(iter(rows)) == "with attention in read"
    with pytest.raises(KeyError):
        tables.rows_of_table_1({})


def test_cells_are_compared_with_their_own_row():
    own = {cell: tables.own_row(cell) for cell in tables.CELLS}
    assert len(own) == 9 and {cell for cell, row in own.items() if row} == {
        "dcrw-write-only-fresh",
        "dcrw-write-only-shared",
        "dcrw-write-only-lineage",
    }


# The nearest iteration


def by_hand(metrics: pd.DataFrame, target: tuple[float, float]) -> tuple[int, float]:
    """The iteration and the larger difference in percent, every window of ten rows tried."""
    best = (0, np.inf)
    for end in range(10, len(metrics) + 1):
        window = metrics.iloc[end - 10 : end]
        means = sum(window.reconstruction) / 10, sum(window.latent) / 10
        worse = max(abs(mean / value - 1) for mean, value in zip(means, target, strict=True))
        if worse < best[1]:
            best = (int(window.iteration.iloc[-1]), worse)
    return best[0], 100 * best[1]


def test_the_nearest_iteration_is_that_of_every_window_tried():
    paths = {
        "dcrw-fresh": {0: walk(0, 80, 1.2), 2: walk(1, 60, 2.0)},
        "dcrw-write-only-shared": {1: walk(2, 140, 33.0)},
        "draw-lineage": {0: walk(3, 75, 1.4)},
    }
    found = tables.nearest_iteration(paths, ROWS).set_index(["cell", "seed"])
    assert list(found.index) == [(cell, seed) for cell, seeds in paths.items() for seed in seeds]
    for (cell, seed), row in found.iterrows():
        metrics = paths[cell][seed]
        target = (150.0, 30.0) if cell == "dcrw-write-only-shared" else (70.0, 1.5)
        iteration, percent = by_hand(metrics, target)
        assert row.iteration == iteration
        assert row["worse of both, %"] == pytest.approx(percent)
        window = metrics[metrics.iteration.between(iteration - 450, iteration)]
        assert (row.Lx, row.Lz) == pytest.approx(
            (window.reconstruction.mean(), window.latent.mean())
        )
    assert found.iteration.nunique() > 1


def test_both_losses_must_be_near_at_once():
    """L_x meets the row early and L_z late; in between both are 10% off."""
    lx = np.repeat([70.0, 77.0, 140.0], 20)
    lz = np.repeat([3.0, 1.65, 1.5], 20)
    (row,) = tables.nearest_iteration({"dcrw-fresh": {0: path(lx, lz)}}, ROWS).to_dict("records")
    assert 50 * 30 <= row["iteration"] <= 50 * 40
    assert row["worse of both, %"] == pytest.approx(10)
    early = path(np.array([70.0] * 5 + [140.0] * 20), np.array([1.5] * 5 + [3.0] * 20))
    (row,) = tables.nearest_iteration({"dcrw-fresh": {0: early}}, ROWS).to_dict("records")
    assert row["iteration"] == 500 and row["worse of both, %"] == pytest.approx(50)  # ten rows


@pytest.mark.parametrize(("seed_1", "expected"), [(1.09, True), (1.11, False)])
def test_what_comes_nearest_decides_the_registered_refutation(seed_1, expected):
    """Fresh noise that meets row 1 at any iteration, in any seed, by the real table."""
    rules = judge.registered(PROJECT / "book" / "claims.yaml")
    far = path(np.full(40, 140.0), np.full(40, 22.0))
    passing = far.copy()
    passing.loc[12:25, ["reconstruction", "latent"]] = [70.0 * seed_1, 1.5 * seed_1]
    other = path(np.full(40, 70.0), np.full(40, 1.5))  # under shared noise: does not count
    paths = {"dcrw-fresh": {0: far, 1: passing}, "dcrw-shared": {0: other}}
    nearest = tables.nearest_iteration(paths, ROWS)
    columns = ["cell", "seed", "train_lx", "train_lz", "train_lx_sd", "train_lz_sd"]
    nothing = pd.DataFrame(columns=columns, dtype=float).astype({"cell": str})
    published = {rule["paper"]: 1.0 for rule in rules["claims"]["g"]["tests"].values()}
    evidence = judge.losses_alone(nothing, published)
    answers = judge.hypothesis(rules, evidence, tables.nearest_shares(nearest))
    (answer,) = answers[answers.statement.str.startswith("Fresh noise reproduces row 1")].came
    assert bool(answer) is expected


# Other tables


def test_means_stand_against_both_rows():
    losses = runs(
        other=[(0.0, 0.0)],
        dcrw_write_only_shared=[(150.0, 33.0)],
        dcrw_fresh=[(70.0, 3.0), (84.0, 3.0)],
    )
    first, second = tables.against_table_1(losses, ROWS).to_dict("records")
    assert (first["cell"], first["seeds"], first["Lx"], first["Lz"]) == ("dcrw-fresh", 2, 77.0, 3.0)
    assert first["row 1: Lx, %"] == pytest.approx(10) and first["row 1: Lz, %"] == pytest.approx(
        100
    )
    assert first["row 2: Lx, %"] == pytest.approx(100 * (77 / 150 - 1))
    assert second["cell"] == "dcrw-write-only-shared" and second["seeds"] == 1
    assert second["row 2: Lx, %"] == pytest.approx(0)
    assert second["row 2: Lz, %"] == pytest.approx(10)


def test_training_paths_are_those_of_the_pages_cells():
    def entry(name: str, seed: int) -> SimpleNamespace:
        config = make_config({"name": name, "training": {"seed": seed}})
        run = SimpleNamespace(metrics=lambda: f"{name} {seed}")
        return SimpleNamespace(config=config, run=run)

    entries = [entry("draw-shared", 4), entry("dcrw-fresh", 1), entry("dcrw-z5", 0)]
    found = tables.training_paths([*entries, entry("dcrw-fresh", 0)])
    assert list(found) == ["dcrw-fresh", "draw-shared"]
    assert found["dcrw-fresh"] == {1: "dcrw-fresh 1", 0: "dcrw-fresh 0"}
    assert found["draw-shared"] == {4: "draw-shared 4"}


def test_doses_are_seed_0_of_the_papers_variants_by_correlation():
    cells = {
        "dcrw-shared": 1.0,
        "dcrw-r25": 0.25,
        "dcrw-write-only-fresh": 0.0,
        "dcrw-fresh": 0.0,
        "draw-shared": 1.0,
        "dcrw-r25-more": 0.25,
        "dcrw-lineage": 1.0,
    }
    losses = pd.DataFrame(
        [
            {
                "cell": cell,
                "seed": seed,
                "architecture": "dcrw-write-only" if "only" in cell else cell.split("-")[0],
                "noise_correlation": correlation,
                "train_lx": 1.0,
                "train_lz": 2.0,
                "test_total": 3.0,
                "fresh_total": 4.0,
                "run": "x",
            }
            for cell, correlation in cells.items()
            for seed in (0, 1)
        ]
    )
    dose = tables.dose_table(losses)
    assert dose.cell.tolist() == ["dcrw-fresh", "dcrw-r25", "dcrw-shared", "dcrw-write-only-fresh"]
    assert dose.columns.tolist() == [
        *("cell", "model", "noise_correlation", "train_lx", "train_lz", "test_total"),
        "fresh_total",
    ]
    shown = tables.dose_in_words(dose)
    assert shown.columns.tolist() == ["model", "r", "Lx", "Lz", "total, fresh noise"]


def test_bounds_stand_side_by_side_by_samples():
    bounds = pd.DataFrame(
        {
            "cell": ["b", "b", "a", "a"],
            "samples": [1, 50, 1, 50],
            "bound": [10.0, 8.0, 7.0, 6.0],
            "bound_se": [1.0, 0.5, 1.0, 0.25],
            "effective_samples": [1.0, 4.0, 1.0, 5.0],
        }
    )
    shown = tables.bounds_in_words(bounds)
    assert shown.columns.tolist() == ["cell", "k = 1", "k = 50", "±", "effective"]
    assert shown.values.tolist() == [["b", 10.0, 8.0, 0.98, 4.0], ["a", 7.0, 6.0, 0.49, 5.0]]


@pytest.fixture
def mechanism() -> pd.DataFrame:
    conditions = ["as drawn", "first repeated", *(f"step {step} replaced" for step in range(1, 11))]
    rows = []
    for base, (cell, seed) in enumerate([("draw-fresh", 0), ("dcrw-fresh", 0), ("dcrw-fresh", 1)]):
        for number, condition in enumerate(conditions):
            row = {"cell": cell, "seed": seed, "condition": condition}
            row |= {"reconstruction": 100.0 * base + number**2, "latent": 20.0 + number}
            rows.append(row | {"latent_as_printed": 1.0, "latent_half_t_each_step": 2.0})
    rows.append(rows[0] | {"cell": "conv-vae"})
    return pd.DataFrame(rows)


def test_replaced_latents_cost_the_difference_from_as_drawn(mechanism):
    table = tables.replaced_table(mechanism)
    assert table.cell.tolist() == ["dcrw-fresh", "draw-fresh"]
    assert table["Lx as drawn"].tolist() == [100.0, 0.0]
    for name, place in (("first", 2), ("fifth", 6), ("last", 11), ("all by the first", 1)):
        assert table[name].tolist() == [place**2] * 2


def test_readings_of_the_constant_are_of_seed_0_as_drawn(mechanism):
    table = tables.readings_of_the_constant(mechanism)
    assert table.values.tolist() == [["draw-fresh", 20.0, 2.0, 1.0], ["dcrw-fresh", 20.0, 2.0, 1.0]]
    assert table.columns.tolist() == ["cell", "exact", "T/2 a step", "as printed"]


def test_answers_are_words():
    answers = pd.DataFrame(
        {"kind": ["refuted_by"] * 3, "statement": ["s"] * 3, "came": [True, False, None]}
    )
    shown = tables.answers_in_words(answers)
    assert shown.answer.tolist() == ["yes", "no", "cannot be judged yet"]
    assert shown.kind.tolist() == ["would refute it"] * 3
    judged = pd.DataFrame(
        {
            "test": ["rival_lx", "rival_lz"],
            "subject": "dcrw-z6-fresh",
            "value": [1.0, 2.0],
            "n": 1,
            "rule": "r",
            "holds": [False, None],
        }
    )
    shown = tables.rival_in_words(judged)
    assert shown.loss.tolist() == ["Lx", "Lz"]
    assert shown.holds.tolist() == ["no", "cannot be judged yet"]
    assert "cell" in shown and "subject" not in shown


def test_files_are_read(tmp_path):
    """Where a record holds them; else they are refused."""
    point = {"size": [1, 16], "slope": [0.0, 0.2], "rate": [0.0, 2.5], "distortion": [206.0, 158.0]}
    pd.DataFrame(point | {"hull": [True, False]}).to_csv(tmp_path / "curve.csv", index=False)
    with pytest.raises(RunError, match=r"no curve\.json beside it that holds it"):
        tables.curve(tmp_path / "curve.csv")
    write_record(tmp_path / "curve.json", {"images": 7}, [tmp_path / "curve.csv"])
    assert tables.curve(tmp_path / "curve.csv").hull.dtype == bool
    assert tables.images(tmp_path / "curve.json") == 7
    data = pd.DataFrame({"split": ["test", "train"], "images": 5, "entropy": [1, 2]})
    data.assign(mean_image=[3, 4]).to_csv(tmp_path / "data.csv", index=False)
    write_record(tmp_path / "data.json", {}, [tmp_path / "data.csv"])
    expected = {"perfect reconstruction": 2, "mean image, no latent": 4}
    assert tables.levels(tmp_path) == expected
    data.assign(mean_image=[3, 5]).to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(RunError, match=r"data\.csv: SHA-256 is .* as its record says"):
        tables.levels(tmp_path)
