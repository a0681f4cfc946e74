"""`make gpu`: what is still to be measured on a GPU, in order of worth, within a limit of time.

    python -m workflow.gpu [--dry]

Every item is a command with the files that it leaves. What is done is skipped; what does not fit
into the time that is left is not begun; what is stopped at the limit, by Ctrl-C or SIGTERM goes on
at the next call where it can. Results, logs and a summary are below `results/gpu`. Without a GPU
nothing is written.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import torch

from dcrw.training.device import DeviceError, describe, resolve_device
from dcrw.training.files import (
    TEXT_LIMIT,
    project_root,
    read_bytes,
    read_json,
    write_atomically,
    write_json,
)
from dcrw.training.provenance import describe_software, now
from workflow.gpu_plan import ASSUMPTIONS, FOLDER, Item, assumptions, plan
from workflow.run import PATIENCE, POLL, end, note_signals

SUMMARY = "Move it away; what is complete is found again by its files."
SLACK, LEAST = 3.0, 120.0  # an item may take so many times its estimate, and so many seconds
WORTH_A_START = 60.0  # seconds left that are worth going on with a training


class Outcome(NamedTuple):
    """What became of an item."""

    state: str = "waiting"  # or done, stopped, failed
    minutes: float = 0.0  # of all calls
    note: str = ""
    finished: str = ""
    device: str = ""
    commit: str = ""


def read_summary(root: Path) -> dict[str, Outcome]:
    """What earlier calls left, by item. Raises `RunError` where the file is damaged."""
    path = root / FOLDER / "summary.json"
    found = read_json(path, SUMMARY)["items"] if path.exists() else {}
    return {name: Outcome(**entry) for name, entry in found.items()}


def is_done(item: Item, outcome: Outcome, root: Path) -> bool:
    """Whether it ended well, and what it leaves is there."""
    return outcome.state == "done" and all((root / name).exists() for name in item.outputs)


def table(items: Sequence[Item], found: Mapping[str, Outcome], root: Path) -> str:
    """The plan in lines, with what is left and the minutes that this may take."""
    left = [item for item in items if not is_done(item, found.get(item.name, Outcome()), root)]
    lines = [
        f"{item.minutes:6.1f}  {'' if item in left else 'done':7} {item.name:34} {item.words}"
        for item in items
    ]
    total = sum(item.minutes for item in left)
    return "\n".join(
        [
            "minutes  state   item                               what",
            *lines,
            f"{total:6.1f}  in all that is left; estimated from {ASSUMPTIONS}, not measured",
        ]
    )


def carry_out(
    items: Sequence[Item], root: Path, seconds: float, made_with: Outcome, received: list[int]
) -> dict[str, Outcome]:
    """Run what is not done within so many seconds; returns and writes what became of every item.

    made_with: device and commit, for what is done now. received: signals so far; after one, nothing
    more is begun.
    """
    deadline = time.monotonic() + seconds - PATIENCE
    earlier = read_summary(root)
    found = {item.name: earlier.get(item.name, Outcome()) for item in items}
    for item in items:
        before = found[item.name]
        if is_done(item, before, root):
            continue
        left = deadline - time.monotonic()
        needed = WORTH_A_START if item.resumes else 60 * item.minutes
        if received or left < needed:
            state = before.state if before.state in ("stopped", "failed") else "waiting"
            found[item.name] = before._replace(state=state, note=_too_late(needed, left, received))
        else:
            print(f"{item.name}: {item.words}, about {item.minutes:.0f} minutes", flush=True)
            found[item.name] = _attempt(item, before, root, left, made_with, received)
            print(f"{item.name}: {found[item.name].state}. {found[item.name].note}", flush=True)
        write_summary(items, found, root)
    return found


def _too_late(needed: float, left: float, received: list[int]) -> str:
    if received:
        return "not begun: interrupted before"
    return f"not begun: needs {needed / 60:.1f} minutes, {max(0, left) / 60:.1f} were left"


def _attempt(
    item: Item,
    before: Outcome,
    root: Path,
    left: float,
    made_with: Outcome,
    received: list[int],
) -> Outcome:
    began, log = time.monotonic(), root / FOLDER / "logs" / f"{item.name}.log"
    allowed = min(left, max(SLACK * 60 * item.minutes, LEAST))
    code, stopped = _execute(item.command, root, log, allowed, received)
    minutes = round(before.minutes + (time.monotonic() - began) / 60, 2)
    missing = [name for name in item.outputs if not (root / name).exists()]
    place = log.relative_to(root)
    if code == 0 and not missing:
        return made_with._replace(state="done", minutes=minutes, finished=now())
    if stopped:
        why = "interrupted" if received else f"stopped after {allowed / 60:.1f} minutes"
        again = "goes on at the next call" if item.resumes else "starts again at the next call"
        return made_with._replace(state="stopped", minutes=minutes, note=f"{why}; {again}")
    why = f"exit status {code}" if code else f"{missing[0]} is missing"
    return made_with._replace(state="failed", minutes=minutes, note=f"{why}; see {place}")


def _execute(
    command: Sequence[str], root: Path, log: Path, seconds: float, received: list[int]
) -> tuple[int, bool]:
    """Exit status, and whether it had to be stopped, by a signal or at the end of its time."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"DCRW_REQUIRE_CUDA": "1", "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        deadline = time.monotonic() + seconds
        while child.poll() is None and not received and time.monotonic() < deadline:
            time.sleep(POLL)
        stopped = child.poll() is None
        end(child)
    write_atomically(log, without_places(read_bytes(log, TEXT_LIMIT, "Remove it."), root))
    return child.returncode, stopped


def without_places(text: bytes, root: Path) -> bytes:
    """A log without the folders of the machine that it was made on, so that it can be committed."""
    places = {str(root): b".", sys.prefix: b".venv", str(Path.home()): b"~"}
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place.encode(), places[place])
    return text


def write_summary(items: Sequence[Item], found: Mapping[str, Outcome], root: Path) -> None:
    """`summary.json`, from which the next call goes on, and the same to read, `summary.md`."""
    entries = {item.name: found[item.name]._asdict() for item in items}
    write_json(root / FOLDER / "summary.json", {"written": now(), "items": entries})
    rows = [_row(item, found[item.name]) for item in items]
    left = [item.name for item in items if found[item.name].state != "done"]
    text = [
        "# On a GPU",
        "",
        "Written by `make gpu`, which goes on with what is not done. Logs are in `logs/`.",
        "",
        f"Not done: {', '.join(left) or 'nothing'}.",
        "",
        "| Item | What | State | Minutes | Estimated | |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    write_atomically(root / FOLDER / "summary.md", ("\n".join(text) + "\n").encode())


def _row(item: Item, each: Outcome) -> str:
    """An item's line; what it was done with, or why it was not."""
    remark = each.note or ", ".join((each.device, each.commit[:7], each.finished[:10]))
    minutes = (f"{each.minutes:.1f}", f"{item.minutes:.1f}")
    return f"| {' | '.join((item.name, item.words, each.state, *minutes, remark))} |"


def gpu() -> dict[str, Any]:
    """The GPU in words. Raises `DeviceError` that says what is expected where there is none."""
    try:
        return describe(resolve_device("cuda"))
    except DeviceError:
        raise DeviceError(
            "no CUDA device is available; expected an NVIDIA GPU with its driver, as nvidia-smi "
            f"lists it, and a torch built for CUDA. Found torch {torch.__version__}, built for "
            f"CUDA: {torch.version.cuda or 'no'}. Nothing was written; make gpu DRY=1 prints the "
            "plan"
        ) from None


def main(arguments: list[str]) -> int:
    """The command line. Returns 0 where nothing failed, also if some of it is left; 1 where
    something failed or there is no GPU; 128 and the signal's number after a signal."""
    parser = argparse.ArgumentParser(prog="python -m workflow.gpu", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print the plan and do nothing")
    chosen = parser.parse_args(arguments)
    root = project_root()
    assumed = assumptions(root)
    items = plan(root, assumed)
    if chosen.dry:
        print(table(items, read_summary(root), root))
        print(f"{assumed.limit_minutes:6.1f}  at most in one call; the next one goes on")
        return 0
    try:
        made_with = Outcome(device=gpu()["name"], commit=describe_software()["commit"] or "unknown")
    except DeviceError as error:
        print(f"make gpu: {error}", file=sys.stderr)
        return 1
    return _locked(items, root, 60 * assumed.limit_minutes, made_with)


def _locked(items: Sequence[Item], root: Path, seconds: float, made_with: Outcome) -> int:
    """Alone: under the lock of the pipeline, which would train on the same GPU."""
    lock = root / ".snakemake/run.lock"
    lock.parent.mkdir(exist_ok=True)
    try:
        with filelock.FileLock(lock, timeout=0):
            received = note_signals()
            found = carry_out(items, root, seconds, made_with, received)
    except filelock.Timeout:
        print(f"{lock.parent}: another run of the pipeline is under way", file=sys.stderr)
        return 1
    left = [f"{name} ({each.state})" for name, each in found.items() if each.state != "done"]
    print(f"Not done: {', '.join(left) or 'nothing'}. Results and summary: {FOLDER}")
    if received:
        return 128 + received[0]
    return int(any(each.state == "failed" for each in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
