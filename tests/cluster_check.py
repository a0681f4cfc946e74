"""A grid on a real SLURM, parts of which are killed: `make test-cluster`. No part of `make test`.

Eight tiny runs on two nodes. A job is killed, a node's slurmd, and the command that submitted all.
In the project's copy training waits at an iteration while its run is held, so that each kill hits
what it is meant to hit, however fast the machine is.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from local_slurm import NODES, Cluster, obstacle, run, wait_for
from safetensors.torch import load_file
from test_pipeline import copy_project

from dcrw.training.datasets.table import load
from dcrw.training.loop import train
from dcrw.training.profiles import load_profile
from dcrw.training.run import Run, run_for

PROFILE = """
profile: tiny
seeds: [0, 1, 2, 3]
defaults:
  data: {dataset: digits}
  model: {steps: 2, latent_size: 2, hidden_size: 8, read_size: 3, write_size: 2}
  training: {iterations: 12, batch_size: 4, metrics_interval: 2, checkpoint_interval: 2}
runs:
  dcrw-fresh: {}
  dcrw-write-only-fresh: {model: {architecture: dcrw-write-only}}
"""
LINE = "            done = iteration + 1\n"
HELD = (
    LINE
    + """\
            import os, time
            from pathlib import Path
            name = pairs[0][0].folder.name
            if iteration == first:
                with (Path("began") / name).open("a") as began:
                    print(first, file=began)
            while done == 7 and (Path("hold") / name).exists():
                job, node = os.environ["SLURM_JOB_ID"], os.environ["SLURMD_NODENAME"]
                (Path("held") / name).write_text(f"{job} {node} {os.getpid()}")
                time.sleep(0.1)
"""
)
QUICKLY = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
PATIENCE = 600.0  # seconds, for what takes a minute where nothing else runs


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if problem := obstacle():
        assert not os.environ.get("DCRW_REQUIRE_CLUSTER"), problem
        pytest.skip(f"the test on a cluster was not run. {problem}")
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop the cluster then, too
    made.start()
    try:
        yield made
    finally:
        made.stop()
    assert not made.running()


class Held(NamedTuple):
    """Where a run that is held in its training is trained."""

    job: str
    node: str
    process: int


class Grid:
    """A copy of the project with eight runs to be trained."""

    def __init__(self, folder: Path):
        self.folder = copy_project(folder)
        (folder / "configs/tiny.yaml").write_text(PROFILE)
        loop = folder / "dcrw/training/loop.py"
        assert loop.read_text().count(LINE) == 1
        loop.write_text(loop.read_text().replace(LINE, HELD))
        (self.configs,) = load_profile(folder / "configs/tiny.yaml").stage_configs().values()
        self.runs = [run_for(config, folder / "results/tiny") for config in self.configs]
        for name in ("hold", "held", "began"):
            (folder / name).mkdir()
        for one in self.runs:
            (folder / "hold" / one.folder.name).touch()
        self.log = folder.parent / "log.txt"

    def submit(self) -> subprocess.Popen[bytes]:
        """The command that submits what is not complete, in a process group of its own."""
        targets = [
            str((one.folder / "provenance.json").relative_to(self.folder)) for one in self.runs
        ]
        command = ["workflow/run.py", "--profile", "workflow/profiles/slurm", *targets, *QUICKLY]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(self.folder), "CUDA_VISIBLE_DEVICES": ""},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def held(self) -> dict[str, Held]:
        """Of each run that waits in its training, by its name."""
        found = {path.name: path.read_text().split() for path in (self.folder / "held").iterdir()}
        return {
            name: Held(words[0], words[1], int(words[2]))
            for name, words in found.items()
            if len(words) == 3
        }

    def release(self, *names: str) -> None:
        for name in names:
            (self.folder / "hold" / name).unlink(missing_ok=True)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Those that work in the project and have the words in their command."""
        found = []
        for process in psutil.process_iter(["cwd", "cmdline"]):
            command = " ".join(process.info["cmdline"] or [])
            if process.info["cwd"] == str(self.folder) and all(word in command for word in words):
                found.append(process)
        return found

    def attempts(self, name: str) -> list[psutil.Process]:
        """Processes that want to train a run, whether they do or wait."""
        return self.processes("-m papermill", f"runs/{name}/train.ipynb")


def say(started: float, what: str) -> None:
    print(f"  {time.monotonic() - started:5.0f} s  {what}", flush=True)


def test_whatever_is_killed_a_grid_ends_as_it_does_locally(
    cluster: Cluster, tmp_path: Path
) -> None:
    started, grid = time.monotonic(), Grid(tmp_path.resolve() / "project")
    submitter = grid.submit()

    def reached(condition, what: str) -> None:
        wait_for(lambda: condition() or submitter.poll() is not None, what, PATIENCE)
        assert condition(), f"{what}: the command ended\n{grid.log.read_text()[-5000:]}"
        say(started, what)

    try:
        reached(lambda: len(grid.held()) == 4, "four runs train, two on each node")
        held = grid.held()
        assert sorted(one.node for one in held.values()) == sorted([*NODES, *NODES])
        killed = next(name for name, one in held.items() if one.node == NODES[0])
        orphans = [name for name, one in held.items() if one.node == NODES[1]]

        run("scancel", "--full", "--signal=KILL", held[killed].job)
        psutil.Process(held[killed].process).kill()  # it would write a checkpoint, were it not held
        reached(lambda: not psutil.pid_exists(held[killed].process), "a job is killed")
        cluster.kill_node(NODES[1])
        grid.release(*(one.folder.name for one in grid.runs if one.folder.name not in orphans))
        say(started, "the slurmd of the other node is killed")
        reached(lambda: cluster.states()[NODES[1]].startswith("down"), "the node is given up")
        assert all(grid.attempts(name) for name in orphans), "they go on without it"
        reached(
            lambda: any(len(grid.attempts(name)) > 1 for name in orphans),
            "a second process wants to train a run that an orphan trains",
        )

        os.killpg(submitter.pid, signal.SIGKILL)
        for process in grid.processes("-m snakemake", "--profile"):
            process.kill()
        submitter.wait(10)
        assert "RUNNING" in cluster.jobs().values(), "jobs outlive the command"
        submitter = grid.submit()
        say(started, "the submitting command is killed and called again")
        time.sleep(5)
        unfinished = [name for name in orphans if (grid.runs[0].folder.parent / name).exists()]
        assert not any(Run(grid.runs[0].folder.parent / name).complete for name in unfinished)

        grid.release(*orphans)
        reached(
            lambda: all(Run(grid.runs[0].folder.parent / name).complete for name in orphans),
            "the orphans are done",
        )
        cluster.start_node(NODES[1])
        assert submitter.wait(PATIENCE) == 0, grid.log.read_text()[-5000:]
        say(started, "the command ends")
        assert not cluster.states()[NODES[1]].startswith("down")
    finally:
        if submitter.poll() is None:
            os.killpg(submitter.pid, signal.SIGKILL)
        grid.release(*(one.folder.name for one in grid.runs))
        for process in grid.processes("-m snakemake", "--profile"):
            process.kill()

    dataset = load("digits", tmp_path)
    for one, config in zip(grid.runs, grid.configs, strict=True):
        alone = train(run_for(config, tmp_path / "local"), config, dataset, threads=1)
        assert one.complete and not one.begun
        found, expected = (load_file(each.folder / "model.safetensors") for each in (one, alone))
        assert found.keys() == expected.keys()
        assert all(found[name].equal(expected[name]) for name in found), one.folder
        assert one.metrics().equals(alone.metrics())
    began = (grid.folder / "began" / killed).read_text().split()
    assert began[:2] == ["0", "6"], "the killed job's run went on from its checkpoint"
    say(started, "eight runs are complete, bit for bit as local ones")
