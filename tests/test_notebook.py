"""The training notebook under papermill: what a signal leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from common import ROOT

from dcrw.training.run import Run

SETTINGS = [
    "-p",
    "name",
    "tiny",
    "-p",
    "dataset",
    "digits",
    "-p",
    "batch_size",
    "10",
    "-p",
    "steps",
    "2",
    "-p",
    "hidden_size",
    "16",
]


def papermill(results: Path, *settings: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--log-level", "ERROR"]
    where = ["notebooks/train.ipynb", str(results / "out.ipynb"), "-p", "results", str(results)]
    environment = os.environ | {"IPYTHONDIR": str(ROOT / "workflow" / "ipython")}
    return subprocess.Popen([*command, *where, *SETTINGS, *settings], cwd=ROOT, env=environment)


def wait_for(found, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def rows(folder: Path) -> int:
    found = list(folder.glob("runs/*/metrics.csv"))
    return len(found[0].read_text().splitlines()) - 1 if found else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_papermill_leaves_a_checkpoint_and_no_process(tmp_path, number):
    """The checkpoint's interval is never reached: it is there because the kernel was told."""
    long = ("-p", "iterations", "1000000", "-p", "metrics_interval", "5")
    process = papermill(tmp_path, *long, "-p", "checkpoint_interval", "1000000")
    try:
        wait_for(lambda: rows(tmp_path) >= 3)
        process.send_signal(number)
        process.wait(60)
        (folder,) = tmp_path.glob("runs/*")
        wait_for(lambda: Run(folder).begun, 30)
        found = Run(folder).load_checkpoint()
        assert found is not None and found.iteration >= 15

        def free() -> bool:
            try:
                with Run(folder).locked():
                    return True
            except RuntimeError:
                return False

        wait_for(free, 30)
    finally:
        process.kill()
