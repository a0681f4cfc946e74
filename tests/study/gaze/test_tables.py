"""From what was measured to tables and numbers, and the notebooks that do so."""

import json

import numpy as np
import pandas as pd
import pytest
from common import cells, execute, rewrite_record
from gaze_project import split

from dcrw.training.data import Dataset
from dcrw.training.files import RunError
from study.gaze import tables
from study.gaze.measure import ALL, COLUMNS
from study.gaze.tables import collect, gaze_numbers, wandering


def test_wandering_on_a_known_case():
    """Two classes a pixel above and below a path of two steps, nothing else."""
    rows = []
    for step, middle in (("1", 10.0), ("2", 14.0)):
        for label, shift in ((ALL, 0.0), ("0", -1.0), ("1", 1.0)):
            images, sd = (4, 1.0) if label == ALL else (2, 0.0)
            rows.append((label, step, "read", "y", images, middle + shift, sd))
            rows.append((label, step, "read", "x", images, 5.0, 0.0))
    found = wandering(pd.DataFrame(rows, columns=list(COLUMNS)), "read")
    expected = {"path": 2, "spread": 1, "class_percent": 100, "own_percent": 20, "step_percent": 80}
    assert found == pytest.approx(expected)


def test_numbers_follow_from_the_tables(recorded):
    found = gaze_numbers(recorded)
    assert found["gaze.images"].value == 30
    number = found["gaze.draw-fresh.read.area"]
    rows = recorded["draw-fresh"].table.query("part == 'read' and quantity == 'area'")
    row = rows[(rows["class"] == ALL) & (rows.step == ALL)].iloc[0]
    assert number.value == row["mean"] and number.n == 30
    assert number.interval[1] - number.value == pytest.approx(1.96 * row.sd / np.sqrt(30))
    assert number.source.endswith("evaluation/gaze.csv")
    assert found["gaze.dcrw-write-only-fresh.kl.steps"].value == pytest.approx(2)
    assert not any(key.startswith("gaze.dcrw-write-only-fresh.read") for key in found)
    summary = tables.summary(recorded)
    assert len(summary) == 10 and summary.notna().all().all()


def test_what_is_missing_is_named(project, recorded):
    source = project / recorded["draw-fresh"].source
    marker, before = source.with_name("gaze.json"), source.with_name("gaze.json").read_text()
    marker.unlink()
    with pytest.raises(RunError, match=r"windows not measured yet \(notebooks/gaze"):
        collect(project)
    marker.write_text(before)
    rewrite_record(marker, settings=json.loads(before)["settings"] | {"seed": 8})
    with pytest.raises(RunError, match=r"'seed': 8.*the profile asks for.*'seed': 9"):
        collect(project)
    marker.write_text(before)
    provenance = source.parents[1] / "provenance.json"
    provenance.rename(provenance.with_suffix(".away"))
    with pytest.raises(RunError, match="not a complete run; train it first"):
        collect(project)
    provenance.with_suffix(".away").rename(provenance)
    profile = project / "configs" / "grid.yaml"
    whole = profile.read_text()
    profile.write_text(whole.replace("seeds: [0]", "seeds: [1]"))
    with pytest.raises(RunError, match="no run draw-fresh with seed 0"):
        collect(project)
    profile.write_text(whole)
    assert len(collect(project)) == 6


def test_the_cells_of_both_notebooks_run(project, recorded, monkeypatch):
    """In this process, to save two kernels' start; papermill does nothing else with them."""
    monkeypatch.chdir(project)
    whole, few = split(30, 28), split(20, 28)
    dataset = Dataset(whole, few, few, name="digits")
    monkeypatch.setattr("dcrw.notebook.load_run_data", lambda *_: dataset)
    run = (project / recorded["draw-fresh"].source).parents[1]
    named = {"run": str(run.relative_to(project)), "batch_size": 100, "seed": 9}
    execute("gaze", named | {"device": "cpu", "threads": 1})
    assert json.loads((run / "evaluation" / "gaze.json").read_text())["images"] == 20
    execute("where_it_looks", {})
    names = [f"gaze_{name}" for name in ("paths_dcrw", "paths_draw", "paths_write_only")]
    for name in [*names, "gaze_sizes", "gaze_maps", "gaze_kl"]:
        for kind in ("png", "svg", "csv"):
            assert (project / "results/grid/figures" / f"{name}.{kind}").stat().st_size > 500
    keys = json.loads((project / "results/grid/numbers/gaze.json").read_text())
    prose = "".join(cell.source for cell in cells("where_it_looks") if cell.cell_type != "code")
    cited = {part.split(":")[0] for part in prose.split("`") if part.startswith("gaze.")}
    assert cited and cited <= keys.keys()
