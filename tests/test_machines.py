"""Other people's machines: a user without a name or a home, a checkout that nobody may write to, a
locale that knows ASCII alone, a project that was moved, a folder outside of the project."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from common import ROOT
from tiny_galleries import recorded, save_run, small_writer

from dcrw.explorer import LiveExplorer

NOBODY = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
READ_ONLY = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
BARE = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "HOME": "/nonexistent",
    "LC_ALL": "POSIX",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}


def call(*command: str, cwd: Path = ROOT, fails: bool = False, **more: str) -> str:
    """What a command prints, in an environment of its own."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=BARE | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    if "unshare" in command[0] and "unshare failed" in output:
        pytest.skip("the system gives no namespaces")
    assert (done.returncode != 0) is fails, output[-3000:]
    return output


def papermill(name: str, target: Path, *settings: str) -> list[str]:
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--log-level", "ERROR"]
    return [*command, f"notebooks/{name}.ipynb", str(target), *settings]


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_a_user_without_name_and_home_trains(tmp_path: Path) -> None:
    settings = {"dataset": "digits", "iterations": 2, "batch_size": 2, "steps": 1}
    results = {"results": str(tmp_path / "results"), "progress": False}
    with_paths = ("--inject-paths", "-y", json.dumps(settings | results))
    call(*NOBODY, *papermill("train", tmp_path / "out.ipynb", *with_paths))
    assert len(list(tmp_path.glob("results/runs/*/model.safetensors"))) == 1


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_a_presentation_runs_on_a_checkout_that_nobody_may_write_to(tmp_path: Path) -> None:
    """In a locale that knows ASCII alone."""
    work = " ".join(papermill("table_1", tmp_path / "out.ipynb"))
    mounted = f"mount --bind '{ROOT}' '{ROOT}' && mount -o remount,bind,ro '{ROOT}'"
    script = f"{mounted} && cd '{ROOT}' && ! touch README.md 2>/dev/null && exec {work}"
    call(*READ_ONLY, script)
    assert '"output_type": "error"' not in (tmp_path / "out.ipynb").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_a_presentation_that_differs_says_where_it_can_write(tmp_path: Path) -> None:
    """On a checkout that nobody may write to, with a table that is not what the notebook makes."""
    table, other = ROOT / "results/paper/tables/table_1.csv", tmp_path / "other.csv"
    other.write_bytes(table.read_bytes() + b"\n")
    work = " ".join(papermill("table_1", tmp_path / "out.ipynb"))
    mounted = f"mount --bind '{ROOT}' '{ROOT}' && mount -o remount,bind,ro '{ROOT}'"
    changed = f"mount --bind '{other}' '{table}'"
    said = call(*READ_ONLY, f"{mounted} && {changed} && cd '{ROOT}' && exec {work}", fails=True)
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"RunError: {table}: cannot be written (")
    assert last.endswith("or a copy of the project")


def test_a_user_without_a_name_is_given_one() -> None:
    code = (
        "import getpass, os, pwd\n"
        "def none(number): raise KeyError('uid not found')\n"
        "pwd.getpwuid = none\n"
        "import dcrw\n"
        "print(getpass.getuser() == f'user{os.getuid()}')"
    )
    assert call(sys.executable, "-c", code).strip() == "True"


def test_runs_outside_of_the_project_are_shown_by_their_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = small_writer()
    folder = save_run(tmp_path / "run", writer.config)
    monkeypatch.chdir(tmp_path)
    shown = LiveExplorer(recorded({"first": writer}), [folder])
    assert shown.models == ["run"] and shown.folders == []


@pytest.mark.parametrize("moved", [False, True])
def test_make_notices_that_the_project_was_moved(tmp_path: Path, moved: bool) -> None:
    """Its environment names the folder that it was made in. pip and uv are stand-ins."""
    project = tmp_path / "before"
    (project / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", project)
    for name in ("requirements.lock", "pyproject.toml", ".venv/.ready", ".venv/mine"):
        (project / name).touch()
    (project / ".venv/bin/activate").write_text(f'VIRTUAL_ENV="{project}/.venv"\n')
    if moved:
        project = project.rename(tmp_path / "after")
    output = call("make", ".venv/.ready", "PYTHON=true", "BIN=.venv/bin", "--dry-run", cwd=project)
    assert ("was moved or renamed" in output) is moved
    assert ("rm -rf .venv" in output) is moved
