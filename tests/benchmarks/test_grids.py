"""The measured cost of large grids: what is simulated, and the numbers of the page."""

import re
from pathlib import Path

import pandas as pd

from benchmarks import grids
from dcrw.training.profiles import load_profile
from study import numbers

ROOT = Path(__file__).parents[2]


def test_a_simulated_profile_has_as_many_different_runs_as_asked(tmp_path):
    path = tmp_path / "many.yaml"
    path.write_text(grids.profile(30))
    (runs,) = load_profile(path).stage_configs().values()
    assert len({run.folder_name for run in runs}) == 30
    assert len({run.name for run in runs}) == 3


def test_the_page_shows_the_committed_table():
    table = pd.read_csv(ROOT / grids.SOURCE)
    found = numbers.read(ROOT / "results/benchmarks/grids.json")
    assert found == grids.numbers(table)
    used = re.findall(r"{num}`(grids\.[\w.]+):", (ROOT / "book/cluster.md").read_text())
    assert set(used) == found.keys()


def test_a_simulated_project_has_all_profiles_that_the_rules_ask_for(tmp_path):
    path = grids.project(tmp_path, 10)
    found = {file.name for file in path.parent.iterdir()}
    assert found == {file.name for file in (ROOT / "configs").glob("*.yaml")} | {"many.yaml"}
    assert (tmp_path / "workflow/Snakefile").is_file()
    assert path.read_text() == grids.profile(10)
