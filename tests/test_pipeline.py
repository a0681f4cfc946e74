"""The pipeline and every notebook through real papermill, tiny, in a project of its own."""

import ast
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
import pytest
from common import rewrite_record

from dcrw.training.profiles import load_profile

ROOT = Path(__file__).parent.parent
PARTS = ("dcrw", "study", "notebooks", "workflow", "configs", "book/published.json", "Makefile")
TINY = """
profile: quick
seeds: [0]
defaults:
  data: {dataset: digits}
  model: {steps: 2, latent_size: 2, hidden_size: 8, read_size: 3, write_size: 2}
  training: {iterations: 12, batch_size: 4, metrics_interval: 2, checkpoint_interval: 2}
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


class Job(NamedTuple):
    """One job of a dry run."""

    rule: str
    inputs: set[str]
    outputs: set[str]
    command: str


def jobs(project: Path, *arguments: str) -> list[Job]:
    """The jobs that a dry run would execute."""
    output = snakemake(project, *arguments, "--dry-run", "--printshellcmds")
    blocks = re.split(r"^(?:local)?rule (\w+):\n", output, flags=re.MULTILINE)[1:]
    return [
        Job(
            rule,
            listed(text, "input"),
            listed(text, "output"),
            text.partition("Shell command: ")[2],
        )
        for rule, text in zip(blocks[::2], blocks[1::2], strict=True)
    ]


def listed(text: str, kind: str) -> set[str]:
    found = re.search(rf"^    {kind}: (.*)$", text, re.MULTILINE)
    return set(re.sub(r" \(\w+\)", "", found[1]).split(", ")) if found else set()


def planned(project: Path, *arguments: str) -> set[str]:
    """Names of the rules that a dry run would execute."""
    return {job.rule for job in jobs(project, *arguments)}


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


@pytest.fixture(scope="module", autouse=True)
def _ctrl_c_is_heard():
    """Also where the tests were started with Ctrl-C ignored, as a background job is: processes
    inherit that, and the pipeline respects it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
    assert found["table1.dcrw-fresh.iterations"]["value"] == 12
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
        "dcrw/model/writer.py": shown | {"data", "train", "evaluate"},
    }
    for path, expected in cases.items():
        before = (project / path).read_text()
        (project / path).write_text(before + "\n")
        assert planned(project, "quick") == expected, path
        (project / path).write_text(before)
    assert planned(project, "quick") == set()


def test_a_missing_figure_is_made_again(project):
    """Whatever it is; and so is one of whose job no page is left, since it failed."""
    for name in ("figures/figure_6.svg", "pages/figure_6.ipynb"):
        file = project / "results/quick" / name
        aside = file.rename(file.with_suffix(".aside"))
        rules = planned(project, "quick")
        aside.rename(file)
        assert rules == {"figure_6", "your_run", "quick"}, name


def test_another_setting_is_another_run(project):
    config = project / "configs" / "quick.yaml"
    before = config.read_text()
    config.write_text(before.replace("iterations: 12", "iterations: 14"))
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
    assert output.splitlines()[-1].endswith("figure_6.ipynb: RuntimeError: the ink has run out")
    partial = nbformat.read(broken / "results/quick/notebooks/figure_6.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in partial.cells)
    assert "the ink has run out" in json.dumps(partial)


def test_a_faulty_profile_stops_what_needs_it_alone(project):
    copy, faulty = (project / "configs" / name for name in ("quick copy.yaml", "mine.yaml"))
    shutil.copy(project / "configs/quick.yaml", copy)
    faulty.write_text(TINY.replace("profile: quick", "profile: mine").replace("[0]", "[true]"))
    said = "configs/mine.yaml: seeds = [True]: expected a number, not yes or no"
    try:
        output = snakemake(project, "quick", "--dry-run")
        wanted = snakemake(project, "results/mine/pages/table_1.ipynb", "--dry-run", check=False)
    finally:
        copy.unlink()
        faulty.unlink()
    assert "Nothing to be done" in output and said in output
    assert "configs/quick copy.yaml: profile = 'quick': expected 'quick copy'" in output
    assert wanted.splitlines()[-1] == said


def test_labels_of_a_profile_of_ones_own_are_drawn(project):
    """Whatever they are: a figure shows the first run of its variant."""
    own = TINY.replace("profile: quick", "profile: mine").replace("dcrw-fresh", "five")
    (project / "configs/mine.yaml").write_text(own.replace("dcrw-write-only-fresh", "twenty"))
    for label, given in (("dcrw-fresh", "five"), ("dcrw-write-only-fresh", "twenty")):
        (run,) = project.glob(f"results/quick/runs/{label}-s0-*")
        copy = project / "results/mine/runs" / run.name.replace(label, given)
        shutil.copytree(run, copy)
        config = copy / "config.yaml"  # as if it had been trained by this label
        config.write_text(config.read_text().replace(label, given))
        for record in ("provenance.json", "evaluation/evaluation.json"):
            rewrite_record(copy / record, run=copy.name)
    try:
        run_notebook(project, "figures_4_5", "-p", "profile", "mine")
        made = {path.name for path in project.glob("results/mine/figures/*.png")}
        forms = ("", "_narrow")
        assert made == {f"figure_{number}{form}.png" for number in (4, 5) for form in forms}
    finally:
        (project / "configs/mine.yaml").unlink()
        shutil.rmtree(project / "results/mine")


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
    assert expected in output.strip().splitlines()[-1]
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
    cells = ("dcrw-fresh", "dcrw-write-only-fresh")
    found = [job for job in jobs(several, *asked) if job.rule != "evaluate"]
    assert [(job.rule, len(job.outputs)) for job in found] == [("train_seeds", 1)] * 2
    says = {cell: next(name for job in found for name in job.outputs if f"/{cell}-s1-" in name)
            for cell in cells}  # fmt: skip
    assert all(name.endswith("/with-seeds-2.done") for name in says.values())
    assert "train" in planned(several, "quick")
    snakemake(several, *asked)
    for cell in cells:
        folders = sorted((several / "results/quick/runs").glob(f"{cell}-s*"))
        made = [json.loads((folder / "provenance.json").read_text()) for folder in folders]
        assert [part["segments"][0].get("side_by_side", 1) for part in made] == [1, 2, 2]
        assert all((folder / "evaluation/losses.csv").exists() for folder in folders)
    assert planned(several, *asked) == set()
    # A job that was killed between its runs' ends starts again as it was submitted: a node reads
    # the rules when one run is complete and the other is not.
    (several / says["dcrw-fresh"]).unlink()
    first, second = sorted((several / "results/quick/runs").glob("dcrw-fresh-s[12]-*"))
    (second / "provenance.json").unlink()
    kept = (first / "provenance.json").read_bytes()
    on_a_node = ("--mode", "remote", "--force", "--allowed-rules", "train_seeds")
    snakemake(several, says["dcrw-fresh"], *on_a_node, "--config", "together=1")
    assert (second / "provenance.json").exists()
    assert (first / "provenance.json").read_bytes() == kept


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


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def test_a_fresh_clone_plans_no_training(clone):
    """What is committed is evidence: no data, no training, no evaluation for the paper profile."""
    rules = planned(clone, "paper", "book")
    assert {"table_1", "figures_4_5", "figure_6", "book"} <= rules
    assert not rules & {"data", "train", "evaluate"}
    writer = clone / "dcrw" / "model" / "writer.py"
    whole = writer.read_text()
    writer.write_text(whole + "\n")
    rules = planned(clone, "paper")
    writer.write_text(whole)
    assert "table_1" in rules
    assert not rules & {"data", "train", "evaluate"}


def test_a_committed_run_of_the_second_round_is_never_trained(clone):
    """The rest of the stage is, side by side; and what is measured of it."""
    stage = load_profile(ROOT / "configs/round2.yaml").stage_configs()["confirmation"]
    (done,) = (run for run in stage if (run.name, run.training.seed) == ("draw-tensorflow2016", 11))
    folder = f"results/round2/runs/{done.folder_name}"
    shutil.rmtree(clone / "results/round2", ignore_errors=True)
    (clone / folder).mkdir(parents=True, exist_ok=True)
    (clone / folder / "provenance.json").write_text("{}")
    found = jobs(clone, "round2", "--config", "round2=confirmation", "together=1")
    trained = {name for job in found if job.rule.startswith("train") for name in job.outputs}
    # the watched seed of each cell is trained alone; the others of a cell together
    assert sorted(re.sub(r".*-s(\d+)-\w+/", r"\1 ", name) for name in trained) == [
        *["10 provenance.json"] * 3,
        *["11 with-seeds-12-13-14.done"] * 2,
        "12 with-seeds-13-14.done",
    ]
    measured = [job.command for job in found if job.rule == "measure"]
    assert len(measured) == len(stage)
    assert all('"classifier": "results/grid/classifier"' in command for command in measured)
    examined = {name for job in found if job.rule == "forensics" for name in job.outputs}
    assert {re.search(r"runs/(.*)-\w+/", name)[1] for name in examined} == {
        f"{model}-tensorflow2016-s10" for model in ("dcrw", "dcrw-write-only", "draw")
    }


def imports(source: str) -> Iterator[str]:
    """Modules, and names that may be modules, which Python code imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_imports(source: str, project: Path, found: set[str]) -> set[str]:
    """Files of the project that code imports, and what these import in turn.

    Those that hold a docstring alone are left out: nothing depends on them.
    """
    for name in imports(source):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            stem = Path(*parts[:length])
            for path in (stem.with_suffix(".py"), stem / "__init__.py"):
                if (project / path).is_file() and str(path) not in found:
                    text = (project / path).read_text(encoding="utf-8")
                    if len(ast.parse(text).body) > 1:
                        found.add(str(path))
                        with_imports(text, project, found)
    return found


def code_of(job: Job, project: Path) -> set[str]:
    """The project's code that a job's command runs: a notebook, or a module."""
    files = set()
    for name in re.findall(r"(notebooks/\w+\.ipynb) ", job.command):
        if not name.startswith("results/") and (project / name).exists():
            book = nbformat.read(project / name, as_version=4)
            cells = [cell.source for cell in book.cells if cell.cell_type == "code"]
            files |= {name} | with_imports("\n".join(cells), project, set())
    for module in re.findall(r"-m ((?:study|dcrw)[\w.]*)", job.command):
        files |= with_imports(f"import {module}", project, set())
    return files


def test_every_job_depends_on_all_the_code_that_it_runs(clone):
    unasked = ("results/grid/explorer/explorer.npz", "results/grid/rate_distortion_lower.csv")
    everything = jobs(clone, "quick", "paper", "grid", "book", *unasked, "--forceall")
    found = {job.rule: job for job in everything}
    assert len(found) > 20
    without = {"book", "page", "quick", "paper", "grid"}
    for rule, job in found.items():
        needed = code_of(job, clone)
        assert needed or rule in without, rule
        assert needed <= job.inputs, f"{rule} runs {sorted(needed - job.inputs)}"


OTHER = TINY.replace("profile: quick", "profile: other").replace(
    "  dcrw-write-only-fresh: {model: {architecture: dcrw-write-only}}\n", ""
)
MAKEFILE = """
include Makefile
tiny:
\t@$(PIPELINE) results/quick/pages/figure_6.ipynb {run}/provenance.json --cores 4 --rerun-incomplete
"""
WAITS = {  # while there is a file `hold`, a figure and a training go no further
    "study/style.py": (
        "STYLE: Any",
        "while Path('hold').exists(): Path('held-figure').touch()\nSTYLE: Any",
    ),
    "dcrw/training/loop.py": (
        "            done = iteration + 1\n",
        "            done = iteration + 1\n"
        "            from pathlib import Path\n"
        "            while done > 2 and not stopped and Path('hold').exists():\n"
        "                Path('held-run').touch()\n",
    ),
}


class Held(NamedTuple):
    """A project in which `make tiny` makes a committed figure again and trains a run; both wait."""

    folder: Path
    run: Path  # relative
    log: Path
    makefile: str = "tiny.mk"

    def start(self) -> subprocess.Popen:
        """`make tiny`, once figure and training wait."""
        for name in ("held-figure", "held-run"):
            (self.folder / name).unlink(missing_ok=True)
        made = self.make("tiny")
        deadline = time.monotonic() + 300
        while not all((self.folder / f"held-{name}").exists() for name in ("figure", "run")):
            assert made.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return made

    def make(self, target: str, *variables: str) -> subprocess.Popen:
        """make, as the leader of a session of its own."""
        settings = (f"BIN={Path(sys.executable).parent}", "READY=ready", *variables)
        environment = os.environ | {"PYTHONPATH": str(self.folder), "CUDA_VISIBLE_DEVICES": ""}
        with self.log.open("w") as log:
            return subprocess.Popen(
                ["make", "-f", self.makefile, target, *settings],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Those that work in the project and have a word in their command, whoever started them."""
        found = []
        for process in psutil.process_iter(["cwd", "cmdline"]):
            command = " ".join(process.info["cmdline"] or [])
            if process.info["cwd"] == str(self.folder) and name in command:
                found.append(process)
        return found

    def locked(self) -> bool:
        with (self.folder / ".snakemake/run.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def assert_unharmed(self) -> None:
        """No process is left, the lock is free, and no committed file is missing or other."""
        assert self.processes() == []
        assert not self.locked()
        assert self.git("status", "--porcelain", "--untracked-files=no") == ""


@pytest.fixture(scope="module")
def held(project, tmp_path_factory) -> Held:
    folder = tmp_path_factory.mktemp("held").resolve() / "project"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".snakemake"))
    (run,) = (path.relative_to(project) for path in project.glob("results/quick/runs/dcrw-fresh-*"))
    run = Path("results/other/runs") / run.name
    (folder / "configs/quick.yaml").write_text(TINY + "committed: true\n")
    (folder / "configs/other.yaml").write_text(OTHER)
    (folder / "tiny.mk").write_text(MAKEFILE.format(run=run))
    for name in ("requirements.lock", "pyproject.toml", "ready"):
        (folder / name).touch()
    for name, (line, waiting) in WAITS.items():
        text = (folder / name).read_text()
        assert text.count(line) == 1, name
        (folder / name).write_text(text.replace(line, waiting))
    shutil.copy(ROOT / ".gitignore", folder)
    made = Held(folder, run, folder.parent / "log.txt")
    made.git("init", "--quiet")
    made.git("add", "--all")
    committed = ("figures", "tables", "numbers", "runs", "numbers.json")
    made.git("add", "--force", *(f"results/quick/{name}" for name in committed))
    made.git("commit", "--quiet", "--message", "all")
    (folder / "hold").touch()
    return made


@pytest.mark.parametrize(
    ("target", "number", "status"),
    [
        ("make", signal.SIGTERM, -signal.SIGTERM),
        ("its group", signal.SIGINT, -signal.SIGINT),  # run.py among it, as Ctrl-C does
        ("run.py", signal.SIGTERM, 2),
    ],
)
def test_signals_end_everything_and_harm_nothing(held, target, number, status):
    made = held.start()
    send: dict[str, Callable[[], None]] = {
        "make": lambda: made.send_signal(number),
        "its group": lambda: os.killpg(made.pid, number),
        "run.py": lambda: held.processes("workflow/run.py")[-1].send_signal(number),
    }
    send[target]()
    assert made.wait(90) == status
    held.assert_unharmed()
    assert (held.folder / held.run / "checkpoint.safetensors").exists()
    output = held.log.read_text()
    assert output.count("Interrupted: ending the jobs") == 1
    assert 'run.py", line' not in output
    if target == "run.py":
        assert f"Error {128 + number}" in output


def test_the_lock_lives_as_long_as_its_last_process(held):
    made = held.start()
    for name in ("workflow/run.py", "-m snakemake"):
        held.processes(name)[-1].kill()
        made.wait(90)
        second = held.make("tiny")
        assert second.wait(90) == 2
        assert "another run of the pipeline is under way" in held.log.read_text()
    left = held.processes()
    for process in held.processes("papermill"):
        process.send_signal(signal.SIGINT)
    psutil.wait_procs(left, timeout=90)
    held.assert_unharmed()


def test_what_was_interrupted_goes_on(held, project):
    """To the same weights as without any interruption."""
    (held.folder / "hold").unlink()
    assert held.make("tiny").wait(300) == 0, held.log.read_text()
    held.assert_unharmed()
    uncut = project / "results/quick/runs" / held.run.name / "model.safetensors"
    assert (held.folder / held.run / "model.safetensors").read_bytes() == uncut.read_bytes()
    assert (held.folder / "results/quick/pages/figure_6.ipynb").exists()


def test_retraining_goes_on_where_it_was_interrupted(held, tmp_path):
    """The pipeline is a stand-in here."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    runs = held.folder / "results/paper/runs"
    before = runs.with_name("runs.before")
    runs.mkdir(parents=True)
    (runs / "old").touch()

    def retrain(pipeline: str) -> int:
        return held.make("retrain", f"BIN={tmp_path}", f"PIPELINE={pipeline}").wait(60)

    assert retrain("false") == 2
    runs.mkdir()  # what the interrupted training leaves
    (runs / "new").touch()
    assert retrain("false") == 2
    assert retrain("true") == 0
    assert [path.name for path in runs.iterdir()] == ["new"]
    assert (before / "old").exists()
    assert retrain("true") == 2
    assert "move it away first" in held.log.read_text()
