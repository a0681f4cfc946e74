"""Kills and terms of the whole pipeline at random moments; then the same command again.

A project of its own, under git, in which one command trains, evaluates and shows a small profile
and makes committed figures again. A strike sends one signal to one process, to make's group, or to
all at once, as the end of a machine would. What must hold: no process is left, the lock is free, no
committed file is missing or other; and once the same command has run to its end, everything is bit
for bit what it is without any strike, with nothing half-written.
"""

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from test_pipeline import OTHER, ROOT, TINY, Held, copy_project, snakemake

from dcrw.training.files import digest_of

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
AIMS = ("make", "its group", "run.py", "Snakemake", "papermill", "a kernel", "any", "all")
WORDS = {
    "run.py": "workflow/run.py",
    "Snakemake": "-m snakemake",
    "papermill": "papermill",
    "a kernel": "ipykernel_launcher",
    "any": "",
}
IN_A_ROW = 5  # strikes before the command is left alone, at most
SHARE = (
    0.5  # of the time that the command takes, in which a strike comes: the next finds it further
)
ENDS = 300.0  # seconds in which what a strike leaves must have ended
WAYS = {"one by one": "", "side by side": "together=1"}
MAKEFILE = """
include Makefile
tortured:
\t@$(PIPELINE) results/quick/pages/figure_6.ipynb results/other/pages/table_1.ipynb \
--cores 2 --rerun-incomplete $(CONFIG) $(WAY)
"""


class Strike(NamedTuple):
    """What was done to the pipeline, and what was wrong after it."""

    way: str
    aim: str
    number: signal.Signals
    after: float  # seconds from the start of make
    wrong: str = ""

    def __str__(self) -> str:
        said = f"{self.number.name} to {self.aim}, {self.way}, after {self.after:.1f} s"
        return f"{said}: {self.wrong}" if self.wrong else said


def prepare(folder: Path) -> Held:
    """The project. Its quick profile has been run and committed; `other` is there to be trained."""
    copy_project(folder)
    snakemake(folder, "quick")
    shutil.rmtree(folder / ".snakemake")
    (folder / "configs/quick.yaml").write_text(TINY + "committed: true\n")
    (folder / "configs/other.yaml").write_text(OTHER.replace("seeds: [0]", "seeds: [0, 1]"))
    (folder / "tortured.mk").write_text(MAKEFILE)
    for name in ("requirements.lock", "pyproject.toml", "ready"):
        (folder / name).touch()
    shutil.copy(ROOT / ".gitignore", folder)
    held = Held(folder, Path("results/other/runs"), folder.parent / "log.txt", "tortured.mk")
    held.git("init", "--quiet")
    held.git("add", "--all")
    committed = ("figures", "tables", "numbers", "runs", "numbers.json")
    held.git("add", "--force", *(f"results/quick/{name}" for name in committed))
    held.git("commit", "--quiet", "--message", "all")
    return held


def undo(held: Held) -> None:
    """As before the first call of the command."""
    for name in ("other", "quick/pages", "quick/notebooks"):
        shutil.rmtree(held.folder / "results" / name, ignore_errors=True)


def made(held: Held) -> dict[str, str]:
    """Digests of all that the command has trained, measured and shown, but for records of time."""
    kinds = {".safetensors", ".csv", ".npz", ".png", ".yaml"}
    files = (held.folder / "results").rglob("*")
    return {
        str(path.relative_to(held.folder)): digest_of(path.read_bytes())
        for path in sorted(files)
        if path.suffix in kinds
    }


def complete(held: Held, way: str) -> float:
    """Run the command to its end; returns its seconds. AssertionError where it fails, or leaves
    anything half-written, a process, a lock, or a committed file other than it was."""
    began = time.monotonic()
    status = held.make("tortured", f"WAY={WAYS[way]}").wait(900)
    seconds = time.monotonic() - began
    assert status == 0, f"the same command ended with {status}: {tail(held)}"
    held.assert_unharmed()
    left = [path for path in (held.folder / "results").rglob("*") if is_scratch(path)]
    assert left == [], f"left behind: {left}"
    return seconds


def is_scratch(path: Path) -> bool:
    return path.suffix in {".tmp", ".partial"} or path.name == "checkpoint.safetensors"


def tail(held: Held, count: int = 600) -> str:
    return held.log.read_text(errors="replace")[-count:]


def targets(held: Held, aim: str, leader: int) -> list[psutil.Process]:
    """The processes that a strike is to reach: none where there is none of that kind now."""
    if aim == "make":
        return [psutil.Process(leader)] if psutil.pid_exists(leader) else []
    if aim == "its group":
        return [found for found in held.processes() if os.getpgid(found.pid) == leader]
    return held.processes(WORDS.get(aim, ""))


def strike(held: Held, way: str, seconds: float, numbers: random.Random) -> Strike | None:
    """Start the command, which takes so long, and strike it; None where it was done before."""
    leader = held.make("tortured", f"WAY={WAYS[way]}")
    began, moment = time.monotonic(), numbers.uniform(0, SHARE * seconds)
    while time.monotonic() - began < moment and leader.poll() is None:
        time.sleep(0.02)
    aim, number = numbers.choice(AIMS), numbers.choice(SIGNALS)
    try:
        found = targets(held, aim, leader.pid)
        if leader.poll() is not None:
            return None
        aim = aim if found else "make"
        struck = found or [psutil.Process(leader.pid)]
        for process in struck if aim in {"its group", "all"} else [numbers.choice(struck)]:
            send(process, number)
    except (psutil.NoSuchProcess, ProcessLookupError):
        aim = "make"
        leader.send_signal(number)
    done = Strike(way, aim, number, time.monotonic() - began)
    return done._replace(wrong=trouble(lambda: settle(held, leader)))


def send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
        process.send_signal(number)


def settle(held: Held, leader) -> None:
    """Wait until what the strike left has ended: jobs that nobody interrupted finish their work."""
    leader.wait(ENDS)
    _, alive = psutil.wait_procs(held.processes(), timeout=ENDS)
    for process in alive:
        process.kill()
    assert not alive, f"{len(alive)} processes are left after {ENDS:.0f} s"
    held.assert_unharmed()


def trouble(act: Callable[[], object]) -> str:
    """What went wrong, in short; empty where nothing did."""
    try:
        act()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:1200]
    return ""


def rounds(held: Held, seed: int, until: float, at_most: int) -> Iterator[Strike]:
    """Strikes, one after another, until a moment of the monotonic clock or so many. What is wrong
    once the command has run to its end is said of the last strike before."""
    numbers = random.Random(seed)
    whole: dict[str, tuple[float, dict[str, str]]] = {}
    count = 0
    while count < at_most and time.monotonic() < until:
        way = numbers.choice(list(WAYS))
        undo(held)
        if way not in whole:
            whole[way] = complete(held, way), made(held)
            continue
        row = []
        for _ in range(numbers.randint(1, IN_A_ROW)):
            if row and time.monotonic() > until:
                break
            struck = strike(held, way, whole[way][0], numbers)
            if struck is None:
                break
            row.append(struck)
        if row:
            wrong = row[-1].wrong or differences(held, way, whole[way][1])
            yield from [*row[:-1], row[-1]._replace(wrong=wrong)]
        count += len(row)


def differences(held: Held, way: str, whole: dict[str, str]) -> str:
    """What is wrong after the command has run to its end; empty where nothing is."""
    wrong = trouble(lambda: complete(held, way))
    found = made(held)
    names = sorted(whole.keys() | found.keys())
    other = [name for name in names if whole.get(name) != found.get(name)]
    return wrong or (f"other than without any strike: {other[:5]}" if other else "")
