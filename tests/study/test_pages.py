"""What the README, a terminal and the page "Your run" show."""

import json
import re

import pytest
from finished_runs import make_project

from dcrw.training.files import project_root
from study import numbers, pages
from study.finished import cells
from study.numbers import Number
from study.pages import headline, readme_table, with_reach, with_table, your_run

EVERY_ARCHITECTURE = {
    "seeds": [0],
    "defaults": {"training": {"iterations": 200, "batch_size": 10}, "data": {"dataset": "digits"}},
    "final_iterations": 100,
    "runs": {
        "dcrw-fresh": {},
        "dcrw-shared": {"model": {"noise_correlation": 1.0}},
        "whole": {"model": {"architecture": "dcrw-whole-image"}},
        "stepwise": {"model": {"architecture": "dcrw-stepwise"}},
        "conv-vae": {"model": {"architecture": "conv-vae", "steps": 1}},
    },
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_project(tmp_path, "quick", EVERY_ARCHITECTURE)


def test_every_architecture_has_a_line(results):
    lines = headline(results).splitlines()
    assert len(lines) == 2 + 5
    words = lines[2].split()
    assert " ".join(words) == "with attention in read, fresh - 97.5 + 10.2 80.0 + 20.0"
    starts = ("the whole image at every step", "a posterior for every step", "convolutional VAE")
    assert all(line.startswith(start) for line, start in zip(lines[4:], starts, strict=True))
    assert len({len(line) for line in lines[2:]}) == 1


def test_a_quick_runs_page_says_that_it_is_no_evidence(results):
    page = your_run(results)
    assert page.startswith(f"**{pages.NO_EVIDENCE}**")
    assert page.count("data set `digits, grey`, 200 iterations of batch 10, 90 s on CPU") == 5
    assert headline(results) in page
    assert "![Your Fig. 5: without attention in read. From your quick run.]" in page


def test_the_readmes_table_has_every_architecture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = make_project(tmp_path, "paper", EVERY_ARCHITECTURE)
    grid = tmp_path / "results" / "grid"
    found = {
        f"grid.{cell}.{name}": Number(1.5, "runs.csv", 2, (1.0, 2.0))
        for cell in EVERY_ARCHITECTURE["runs"]
        for name in ("train.lx", "train.lz", "test.total")
    }
    numbers.write(grid / "numbers" / "claims.json", found)
    (grid / "tables").mkdir()
    rows = [f"{cell},cpu,200" for cell in EVERY_ARCHITECTURE["runs"]]
    (grid / "tables" / "runs.csv").write_text("\n".join(["cell,device,iterations", *rows]) + "\n")
    table = readme_table(results)
    for title in ("With attention in read", "Whole-image bridge", "Convolutional VAE"):
        assert f"| **{title}: paper** |" in table
    assert table.count("| ours, fresh noise | 1.50 ± 0.50 | 1.50 ± 0.50 | 1.50 ± 0.50 |") == 4
    assert "Training runs (seeds) a row: 1;" in table
    assert "200 iterations on grey-scale MNIST, trained on CPU." in table


def test_a_command_that_does_not_exist_is_refused():
    with pytest.raises(SystemExit, match=r"usage: .*headline"):
        pages.main(["headlines", "paper"])
    with pytest.raises(SystemExit, match="usage"):
        pages.main(["headline"])


def test_commands_write_what_they_name(results, capsys):
    pages.main(["headline", "quick"])
    assert capsys.readouterr().out == headline(results) + "\n"
    pages.main(["your-run", "quick"])
    assert (results / "your_run.md").read_text() == your_run(results)
    for name in ("data", "table_1"):
        numbers.write(results / "numbers" / f"{name}.json", {name: Number(1.0, "x")})
    pages.main(["numbers", "quick"])
    assert set(json.loads((results / "numbers.json").read_text())) == {"data", "table_1"}


def test_the_readme_agrees_with_the_committed_numbers():
    """Every loss in the README's table is one of numbers.json, to the digits shown."""
    root = project_root()
    readme = (root / "README.md").read_text()
    assert with_table(readme, readme_table(root / "results" / "paper")) == readme
    found = numbers.read(root / "results" / "paper" / "numbers.json")
    for cell in cells(root / "results" / "paper"):
        shown = [f"{found[f'grid.{cell}.{key}'].value:.2f}" for key in ("train.lx", "test.total")]
        assert re.search(rf"noise \| {shown[0]}.* \| {shown[1]}[ |]", readme)
    with pytest.raises(ValueError, match="expected results/paper"):
        readme_table(root / "results" / "quick")
    with pytest.raises(ValueError, match="markers"):
        with_table("no markers", "table")


def test_a_mean_shows_how_far_its_interval_reaches():
    assert with_reach(Number(84.04, "a.csv", 3, (83.0, 85.1))) == "84.04 ± 1.05"
    assert with_reach(Number(84.04, "a.csv", 1)) == "84.04"
