"""`make gpu`: the plan and its order, what is skipped, limits of time, interruption, and no GPU."""

import fcntl
import json
import multiprocessing
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from common import ROOT
from test_project import ignored

from dcrw.model.config import ConfigError
from dcrw.training.device import DeviceError
from dcrw.training.files import RunError
from dcrw.training.profiles import load_profile
from workflow import cell, gpu, gpu_plan
from workflow.gpu import Outcome
from workflow.gpu_plan import Item

CELLS = [f"dcrw{kind}-{noise}" for noise in ("fresh", "shared") for kind in ("", "-write-only")]
SIX = [*CELLS, "draw-fresh", "draw-shared"]
MADE = Outcome(device="a GPU", commit="abc")
QUICK = 60.0  # seconds for tiny commands


@pytest.fixture(scope="module")
def assumed() -> gpu_plan.Assumptions:
    return gpu_plan.assumptions(ROOT)


@pytest.fixture(scope="module")
def items(assumed: gpu_plan.Assumptions) -> list[Item]:
    return gpu_plan.plan(ROOT, assumed)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept back of a limit, and what a command takes to end counts for little."""
    monkeypatch.setattr(gpu, "PATIENCE", 0.0)
    monkeypatch.setattr(gpu, "WORTH_A_START", 0.0)
    monkeypatch.setattr(gpu, "POLL", 0.01)


def fake(name: str, code: str = "", resumes: bool = False, minutes: float = 0.01) -> Item:
    """A command that leaves a file, after some code."""
    output = f"results/gpu/{name}.txt"
    write = f"{code}\nfrom pathlib import Path; Path({output!r}).write_text('x')"
    return Item(name, f"does {name}", (sys.executable, "-c", write), (output,), minutes, resumes)


def go(items: list[Item], root: Path, seconds: float = QUICK, received: list[int] | None = None):
    found = gpu.carry_out(items, root, seconds, MADE, [] if received is None else received)
    return {name: outcome.state for name, outcome in found.items()}


def text(root: Path, name: str) -> str:
    return (root / "results/gpu" / name).read_text()


def test_the_plan_is_in_order_of_worth(items: list[Item]) -> None:
    names = [item.name for item in items]
    assert names[:4] == ["tests", "benchmark", "kernels", "seeds"]
    assert names[4:10] == [f"table-1-{name}" for name in SIX]
    assert names[10].startswith("long-")
    assert len(set(names)) == len(names)
    assert all("10 seeds side by side, 10,000" in item.words for item in items[4:10])
    assert "50,000 iterations" in items[10].words
    assert [item.resumes for item in items] == [False] * 4 + [True] * (len(items) - 4)


def test_every_result_goes_to_one_folder_that_git_takes(items: list[Item]) -> None:
    outputs = [name for item in items for name in item.outputs]
    assert len(outputs) > 100
    assert all(name.startswith("results/gpu/") for name in outputs)
    shown = {*outputs, "results/gpu/summary.json", "results/gpu/logs/tests.log"}
    assert not [name for name in sorted(shown)[::10] if ignored(name)]
    assert ignored("results/gpu/runs/x/model.safetensors")


def test_commands_are_modules_with_arguments_that_they_take(items: list[Item]) -> None:
    profile = load_profile(ROOT / "configs/gpu.yaml")
    for item in items:
        assert item.command[:2] == (sys.executable, "-m")
        if item.command[2] == "workflow.cell":
            name, stage, label = item.command[3:]
            assert name == "gpu" and cell.cell_configs(profile, stage, label)
        elif item.command[2] != "pytest":
            assert (ROOT / f"{item.command[2].replace('.', '/')}.py").is_file()
    with pytest.raises(ConfigError, match="stage and cell = table-1 nothing: expected one of "):
        cell.cell_configs(profile, "table-1", "nothing")


def test_binarised_images_at_64_steps_are_in_the_plan(items: list[Item]) -> None:
    stages = load_profile(ROOT / "configs/gpu.yaml").stage_configs()
    runs = stages["binarised"]
    assert {run.data.binarisation for run in runs} == {"sampled"}
    assert {run.model.steps for run in runs} == {64}
    assert items[-1].name.startswith("binarised-")


def test_the_measurements_fit_well_into_a_call(
    items: list[Item], assumed: gpu_plan.Assumptions
) -> None:
    assert assumed.limit_minutes == 25
    assert sum(item.minutes for item in items if not item.resumes) < 0.5 * assumed.limit_minutes


def test_minutes_follow_from_the_assumptions(assumed: gpu_plan.Assumptions) -> None:
    first, *_ = load_profile(ROOT / "configs/gpu.yaml").configs()
    training = assumed.training.model_copy(
        update={
            "start_seconds": 6.0,
            "operation_microseconds": 10.0,
            "further_operations": {"dcrw": 0.5},
            "gflop_per_second": 1e12,
            "evaluation_seconds": 3.0,
        }
    )
    minutes = gpu_plan.training_minutes(first, 3, training, {"dcrw": 100.0})
    iteration = 100 * 10 * 10e-6 * 2  # operations of ten steps, twice as many for three seeds
    assert minutes * 60 == pytest.approx(6 + 10_000 * iteration + 9, rel=1e-3)
    slow = training.model_copy(update={"host_microseconds": 1e6})  # the CPU holds it up
    assert gpu_plan.training_minutes(first, 3, slow, {"dcrw": 100.0}) * 60 > 30_000


def test_assumptions_are_checked(tmp_path: Path) -> None:
    (tmp_path / "workflow").mkdir()
    known = yaml.safe_load((ROOT / gpu_plan.ASSUMPTIONS).read_text())
    (tmp_path / gpu_plan.ASSUMPTIONS).write_text(yaml.safe_dump(known | {"limit_minutes": -1}))
    with pytest.raises(ConfigError, match=r"gpu\.yaml: limit_minutes = -1"):
        gpu_plan.assumptions(tmp_path)


def test_what_is_done_is_skipped_and_what_failed_is_tried_again(tmp_path: Path) -> None:
    trace = "print('at work')"
    items = [fake("a", trace), fake("b", "raise SystemExit(3)"), fake("c", trace)]
    assert go(items, tmp_path) == {"a": "done", "b": "failed", "c": "done"}
    assert "exit status 3; see results/gpu/logs/b.log" in text(tmp_path, "summary.md")
    items[1] = fake("b", trace)
    (tmp_path / "results/gpu/c.txt").unlink()  # what it left is gone
    assert go(items, tmp_path) == {"a": "done", "b": "done", "c": "done"}
    lines = {name: text(tmp_path, f"logs/{name}.log").count("at work") for name in "abc"}
    assert lines == {"a": 1, "b": 1, "c": 2}
    assert "Not done: nothing." in text(tmp_path, "summary.md")
    entry = json.loads(text(tmp_path, "summary.json"))["items"]["a"]
    assert (entry["device"], entry["commit"]) == ("a GPU", "abc") and entry["finished"]


def test_a_command_that_leaves_nothing_has_failed(tmp_path: Path) -> None:
    item = fake("a")._replace(command=(sys.executable, "-c", "pass"))
    assert go([item], tmp_path) == {"a": "failed"}
    assert "results/gpu/a.txt is missing" in text(tmp_path, "summary.md")


def test_what_does_not_fit_is_left_and_what_fits_is_done(tmp_path: Path) -> None:
    items = [fake("large", minutes=5), fake("small"), fake("training", "", True, minutes=5)]
    states = go(items, tmp_path, seconds=QUICK)
    assert states == {"large": "waiting", "small": "done", "training": "done"}
    assert "not begun: needs 5.0 minutes, 1.0 were left" in text(tmp_path, "summary.md")
    assert "Not done: large." in text(tmp_path, "summary.md")


SLEEPER = """
import signal, sys, time
from pathlib import Path
mark = Path('results/gpu/begun')
def save(*_):
    mark.write_text('saved'); sys.exit(1)
signal.signal(signal.SIGINT, save)
if not mark.exists():
    mark.write_text('')
    time.sleep(600)
"""


def clock(root: Path, later: float) -> SimpleNamespace:
    """Time that stands still until the sleeper has begun, and is then so many seconds later."""
    mark = root / "results/gpu/begun"
    return SimpleNamespace(monotonic=lambda: later * mark.exists(), sleep=time.sleep)


def test_time_is_up_for_one_item_and_the_next_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "time", clock(tmp_path, 100.0))
    items = [fake("long", SLEEPER, resumes=True), fake("after")]
    assert go(items, tmp_path, seconds=90.0) == {"long": "stopped", "after": "waiting"}
    assert text(tmp_path, "begun") == "saved"  # it was told, not killed
    assert "stopped after 1.5 minutes; goes on at the next call" in text(tmp_path, "summary.md")
    assert go(items, tmp_path, seconds=90.0) == {"long": "done", "after": "done"}


def test_an_item_has_a_limit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "time", clock(tmp_path, gpu.LEAST + 1))
    items = [fake("hangs", SLEEPER), fake("after")]
    assert go(items, tmp_path, seconds=3600.0) == {"hangs": "stopped", "after": "done"}
    assert "starts again at the next call" in text(tmp_path, "summary.md")


def test_a_failure_is_not_forgotten_where_time_is_up(tmp_path: Path) -> None:
    items = [fake("a", "raise SystemExit(3)", minutes=0.5)]
    assert go(items, tmp_path) == {"a": "failed"}
    assert go(items, tmp_path, seconds=1.0) == {"a": "failed"}
    assert "not begun: needs 0.5 minutes" in text(tmp_path, "summary.md")


def test_after_a_signal_nothing_more_is_begun(tmp_path: Path) -> None:
    items = [fake("a"), fake("b")]
    received = [int(signal.SIGTERM)]
    assert go(items, tmp_path, received=received) == {"a": "waiting", "b": "waiting"}
    assert "interrupted before" in text(tmp_path, "summary.md")


def test_sigterm_ends_it_with_a_summary(tmp_path: Path) -> None:
    """In a fork, since signals are a process's own."""
    items = [fake("long", SLEEPER, resumes=True), fake("after")]
    process = multiprocessing.get_context("fork").Process(
        target=lambda: sys.exit(gpu._locked(items, tmp_path, 3600.0, MADE))
    )
    process.start()
    while not (tmp_path / "results/gpu/begun").exists() and process.is_alive():
        time.sleep(0.05)
    process.terminate()
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    summary = text(tmp_path, "summary.md")
    assert "Not done: long, after." in summary
    assert "interrupted; goes on at the next call" in summary and "not begun" in summary
    assert text(tmp_path, "begun") == "saved"


def test_one_runs_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pipeline's own lock, as `workflow/run.py` takes it."""
    (tmp_path / ".snakemake").mkdir()
    with (tmp_path / ".snakemake/run.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert gpu._locked([fake("a")], tmp_path, QUICK, MADE) == 1
    assert "another run of the pipeline is under way" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_logs_name_no_folder_of_the_machine(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[0], sys.prefix); print(Path.cwd() / 'x')"
    assert go([fake("a", f"from pathlib import Path; {code}")], tmp_path) == {"a": "done"}
    log = text(tmp_path, "logs/a.log")
    assert "./x" in log and ".venv" in log
    assert str(tmp_path) not in log and sys.prefix not in log


def test_a_dry_run_prints_the_plan_and_needs_no_gpu(
    items: list[Item], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--dry"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1 : 1 + len(items)]] == [i.name for i in items]
    total = sum(item.minutes for item in items)
    assert lines[-2].startswith(f"{total:6.1f}  in all") and "not measured" in lines[-2]
    assert lines[-1].startswith("  25.0  at most in one call")


def test_a_dry_run_tells_what_is_done(tmp_path: Path) -> None:
    items = [fake("a"), fake("b", minutes=4)]
    go(items[:1], tmp_path)
    shown = gpu.table(items, gpu.read_summary(tmp_path), tmp_path).splitlines()
    assert "done" in shown[1] and "done" not in shown[2]
    assert shown[-1].startswith("   4.0  in all that is left")


def test_without_a_gpu_there_is_one_error_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("configs", "workflow", "dcrw", "results"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu, "project_root", lambda: tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir()), (ROOT / gpu_plan.FOLDER).exists()
    assert gpu.main([]) == 1
    found = capsys.readouterr()
    assert found.out == "" and found.err.count("\n") == 1
    assert found.err.startswith("make gpu: no CUDA device is available; expected an NVIDIA GPU")
    assert f"torch {torch.__version__}" in found.err and "DRY=1" in found.err
    assert before == (
        sorted(path.name for path in tmp_path.iterdir()),
        (ROOT / gpu_plan.FOLDER).exists(),
    )
    with pytest.raises(DeviceError, match="no CUDA device is available"):
        gpu.gpu()


def test_operations_must_have_been_counted(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected launches\.csv below it; make bench writes it"):
        gpu_plan._operations(tmp_path)
