"""The pipeline and every notebook through real papermill, tiny, in a project of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("dcrw", "notebooks", "workflow", "configs", "book/published.json")
TINY = """
profile: quick
seeds: [0]
defaults:
  data: {dataset: digits}
  model: {steps: 2, latent_size: 2, hidden_size: 8, read_size: 3, write_size: 2}
  training: {iterations: 6, batch_size: 4, metrics_interval: 2, checkpoint_interval: 2}
runs:
  dcrw-fresh: {}
  dcrw-write-only-fresh: {model: {architecture: dcrw-write-only}}
evaluation: {batch_size: 150, digits: 32}
final_iterations: 4
"""
PARAMETERS = {"dataset": "digits", "iterations": 3, "batch_size": 2, "steps": 1, "threads": 1}


def call(project: Path, *command: str, check: bool = True) -> str:
    """Run a command of the virtual environment in a project; stdout and stderr together."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stdout
    else:
        assert done.returncode != 0, done.stdout
    return done.stdout


def snakemake(project: Path, *arguments: str, check: bool = True) -> str:
    options = ("--snakefile", "workflow/Snakefile", "--cores", "2", "--rerun-triggers", "mtime")
    return call(project, "snakemake", *arguments, *options, check=check)


def planned(project: Path, *arguments: str) -> set[str]:
    """Names of the rules that a dry run would execute."""
    output = snakemake(project, *arguments, "--dry-run")
    return set(re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE))


def copy_project(target: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / part)
    (target / "configs" / "paper.yaml").unlink()
    (target / "configs" / "quick.yaml").write_text(TINY)
    return target


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project whose tiny quick profile has been run, all notebooks with it."""
    folder = copy_project(tmp_path_factory.mktemp("pipeline") / "project")
    snakemake(folder, "quick")
    return folder


def test_a_run_leaves_weights_figures_tables_and_a_fragment(project):
    results = project / "results" / "quick"
    for number in (4, 5, 6):
        for kind in ("png", "svg"):
            assert (results / "figures" / f"figure_{number}.{kind}").stat().st_size > 1000
    fragment = (results / "your_run.md").read_text()
    assert "no evidence about the paper" in fragment and "figures/figure_6.png" in fragment
    found = json.loads((results / "numbers.json").read_text())
    assert found["table1.dcrw-fresh.iterations"]["value"] == 6
    assert "digits" in fragment
    assert len(list((results / "runs").glob("*/model.safetensors"))) == 2


def test_a_second_run_does_nothing(project):
    assert "Nothing to be done" in snakemake(project, "quick")


def test_edits_rerun_what_depends_on_them(project):
    shown = {"figures_4_5", "figure_6", "table_1", "numbers", "your_run", "quick"}
    cases = {
        "study/style.py": shown,
        "notebooks/figure_6.ipynb": {"figure_6", "your_run", "quick"},
        "notebooks/evaluate.ipynb": shown | {"evaluate"},
        "dcrw/model/writer.py": shown | {"train", "evaluate"},
    }
    for path, expected in cases.items():
        before = (project / path).read_text()
        (project / path).write_text(before + "\n")
        assert planned(project, "quick") == expected, path
        (project / path).write_text(before)
    assert planned(project, "quick") == set()


def test_an_interrupted_run_keeps_its_metrics_and_goes_on(project, tmp_path):
    """A failed job's outputs are deleted: metrics and checkpoint must not be among them."""
    cut = tmp_path / "project"
    shutil.copytree(project, cut, ignore=shutil.ignore_patterns(".snakemake", "results"))
    training = cut / "dcrw" / "training.py"
    whole = training.read_text()
    line = "            done = iteration + 1\n"
    assert line in whole
    training.write_text(
        whole.replace(line, line + "            assert done < 5, 'pulled the plug'\n")
    )
    target = "results/quick/runs/{}/provenance.json"
    (name,) = (run.name for run in (project / "results/quick/runs").glob("dcrw-fresh-*"))
    assert "pulled the plug" in snakemake(cut, target.format(name), check=False)
    run = cut / "results/quick/runs" / name
    assert len((run / "metrics.csv").read_text().splitlines()) == 3
    assert (run / "checkpoint.safetensors").exists()
    training.write_text(whole)
    snakemake(cut, target.format(name))
    provenance = json.loads((run / "provenance.json").read_text())
    assert [part["from"] for part in provenance["segments"]] == [0, 4]
    uncut = project / "results/quick/runs" / name / "model.safetensors"
    assert (run / "model.safetensors").read_bytes() == uncut.read_bytes()


def test_another_setting_is_another_run(project):
    config = project / "configs" / "quick.yaml"
    before = config.read_text()
    config.write_text(before.replace("iterations: 6", "iterations: 8"))
    rules = planned(project, "quick")
    config.write_text(before)
    assert {"train", "evaluate", "figures_4_5", "table_1"} <= rules
    assert planned(project, "quick") == set()


def test_a_failed_notebook_stays_and_stops_the_pipeline(project, tmp_path):
    broken = tmp_path / "project"
    shutil.copytree(project, broken, ignore=shutil.ignore_patterns(".snakemake"))
    path = broken / "notebooks" / "figure_6.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("raise RuntimeError('the ink has run out')"))
    nbformat.write(book, path)
    output = snakemake(broken, "quick", "--forcerun", "figure_6", check=False)
    assert "the ink has run out" in output
    partial = nbformat.read(broken / "results/quick/notebooks/figure_6.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in partial.cells)
    assert "the ink has run out" in json.dumps(partial)


def run_notebook(
    project: Path, name: str, *arguments: str, cwd: str = ".", check: bool = True
) -> str:
    source = os.path.relpath(project / "notebooks" / f"{name}.ipynb", project / cwd)
    target = str(project / f"out-{name}.ipynb")
    return call(
        project / cwd, "papermill", source, target, "--no-progress-bar", *arguments, check=check
    )


@pytest.mark.parametrize(
    ("name", "parameter", "expected"),
    [
        ("train", "iterationz: 3", "iterationz = 3: unknown parameter"),
        ("train", "noise_correlation: 2.0", "noise_correlation = 2.0"),
        ("train", "{device: cuda, results: results/x}", "no CUDA device is available"),
        ("evaluate", "run: results/nowhere", "not a complete run"),
        ("table_1", "profile: absent", "absent.yaml: no such file"),
    ],
)
def test_impossible_parameters_stop_before_any_work(project, name, parameter, expected):
    before = sorted(project.joinpath("results").rglob("*"))
    output = run_notebook(project, name, "-y", parameter, check=False)
    assert expected in output
    assert sorted(project.joinpath("results").rglob("*")) == before


def test_notebooks_run_from_their_own_folder(project):
    """As in plain Jupyter: the kernel starts in notebooks/."""
    run_notebook(project, "train", "-y", json.dumps(PARAMETERS | {"name": "mine"}), cwd="notebooks")
    (run,) = (project / "results" / "custom" / "runs").glob("mine-s0-*")
    assert (run / "model.safetensors").exists()
    run_notebook(project, "table_1", "-p", "profile", "quick", cwd="notebooks")


def test_seeds_are_trained_side_by_side_where_asked(project, tmp_path):
    several = tmp_path / "project"
    shutil.copytree(project, several, ignore=shutil.ignore_patterns(".snakemake"))
    for path in (several / "results").rglob("*"):
        path.touch()  # newer than the code, which other tests edit and put back
    config = several / "configs" / "quick.yaml"  # newer than the results: it asks for more of them
    config.write_text(config.read_text().replace("seeds: [0]", "seeds: [0, 1, 2]"))
    asked = ("quick", "--config", "together=1", "--until", "evaluate")
    # seed 0 is complete and stays; the other two of each cell are owed
    assert planned(several, *asked) == {
        "train_quick_dcrw_fresh", "train_quick_dcrw_write_only_fresh", "evaluate"
    }  # fmt: skip
    assert "train" in planned(several, "quick")
    snakemake(several, *asked)
    for cell in ("dcrw-fresh", "dcrw-write-only-fresh"):
        folders = sorted((several / "results/quick/runs").glob(f"{cell}-s*"))
        made = [json.loads((folder / "provenance.json").read_text()) for folder in folders]
        assert [part["segments"][0].get("side_by_side", 1) for part in made] == [1, 2, 2]
        assert all((folder / "evaluation/losses.csv").exists() for folder in folders)


@pytest.mark.parametrize("name", ["train", "evaluate", "data"])
def test_help_reads_like_a_manual(name):
    text = call(ROOT, "papermill", "--help-notebook", f"notebooks/{name}.ipynb")
    book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    (cell,) = (cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    lines = [line for line in cell.source.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        parameter, described = line.split(":", 1)[0], line.split("# ", 1)[1]
        assert f"{parameter}: " in text
        assert described in text


def test_a_fresh_clone_plans_no_training(tmp_path):
    """What is committed is evidence: no data, no training, no evaluation for the paper profile."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    rules = planned(clone, "paper", "book")
    assert {"table_1", "figures_4_5", "figure_6", "book"} <= rules
    assert not rules & {"data", "train", "evaluate"}
    with (clone / "dcrw" / "writer.py").open("a") as file:
        file.write("\n")
    assert not planned(clone, "paper") & {"data", "train", "evaluate"}
