"""`make torture`: random damages of every kind of file, any content at every reader, random kills.

Three parts, which share the minutes: `damages` (at least 1,000 of each kind of file) and `fuzz` in
processes whose memory is bounded, and beside them `strikes` of the whole pipeline. What was counted
goes into `results/torture/torture.json`, a file of numbers of which pages print; `--only` runs one
part and leaves the numbers of the others, each with its own date and commit. The exit status is 1
where anything was silent, undocumented or harmed.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import psutil
import strikes
from damages import ANY, READERS, Account, prepare

from dcrw.training.device import describe, resolve_device
from dcrw.training.provenance import describe_software, now
from study import numbers
from study.numbers import Number

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "results/torture/torture.json"
CHILD = Path(__file__).with_name("damages.py")
SOURCE = "results/torture/torture.json"
DAMAGES = 1000  # of each kind of file, at least
CONTENTS = 1000  # of each form at each reader, at least
STRIKES = 20
COUNTED = [field.name for field in fields(Account) if field.name != "examples"]


def children(
    what: str, seed: int, count: int, folder: Path, names: Sequence[str]
) -> Iterator[tuple[str, Account]]:
    """Accounts of names, from processes whose memory is bounded. Where a process dies, the name
    that it was at has ended in a foreign way, and another process goes on."""
    left = list(names)
    while left:
        arguments = [what, str(seed), str(count), str(folder), *left]
        with subprocess.Popen(
            [sys.executable, str(CHILD), *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None and child.stderr is not None
            for line in child.stdout:
                name, found = json.loads(line)
                left.remove(name)
                yield name, Account(**found)
            said = child.stderr.read()[-1500:]
        if left:
            died = f"the process ended with {child.returncode}: {said}"
            yield left.pop(0), Account(foreign=1, examples=[died])


def files_part(what: str, names: Sequence[str], count: int, until: float) -> dict[str, Account]:
    """Rounds of `count` for each name, each with another seed: one, then more while time lasts."""
    total = {name: Account() for name in names}
    with tempfile.TemporaryDirectory() as place:
        prepare(Path(place))
        seed = 0
        while seed == 0 or time.monotonic() < until:
            for name, account in children(what, seed, count, Path(place), names):
                total[name] = added(total[name], account)
                print(f"{what} {name}: {said_of(total[name])}", flush=True)
            seed += 1
    return total


def added(first: Account, second: Account) -> Account:
    counts = {name: getattr(first, name) + getattr(second, name) for name in COUNTED}
    return Account(**counts, examples=first.examples + second.examples)


def said_of(account: Account) -> str:
    counts = ", ".join(f"{getattr(account, name)} {name}" for name in COUNTED)
    return "\n  ".join([counts, *account.examples])


def account_numbers(accounts: dict[str, Account]) -> dict[str, float]:
    """Counts of each name, and of all."""
    found: dict[str, float] = {}
    everything = Account()
    for name, account in accounts.items():
        everything = added(everything, account)
        found |= counts_of(Path(name).name, account)
    return found | counts_of("all", everything)


def counts_of(name: str, account: Account) -> dict[str, float]:
    counts = {f"{name}.{key}": getattr(account, key) for key in COUNTED}
    return counts | {f"{name}.total": account.total}


def damages_part(until: float) -> dict[str, float]:
    return account_numbers(files_part("damage", list(READERS), DAMAGES, until))


def fuzz_part(until: float) -> dict[str, float]:
    return account_numbers(files_part("fuzz", list(ANY), CONTENTS, until))


def strikes_part(until: float) -> dict[str, float]:
    found: list[strikes.Strike] = []
    with tempfile.TemporaryDirectory() as place:
        held = strikes.prepare(Path(place).resolve() / "project")
        for struck in strikes.rounds(held, int(until), until, STRIKES):
            print(f"strike {struck}", flush=True)
            found.append(struck)
    return strike_numbers(found)


def strike_numbers(found: Sequence[strikes.Strike]) -> dict[str, float]:
    """Strikes by signal and by way, and how many of them left anything wrong."""
    counts = Counter({"all": 0, "wrong": 0})
    counts |= Counter({number.name: 0 for number in strikes.SIGNALS})
    for struck in found:
        names = ("all", struck.number.name, struck.way.replace(" ", "_"))
        counts.update([*names, "wrong"] if struck.wrong else names)
    every = ["all", "wrong", *(number.name for number in strikes.SIGNALS)]
    ways = [way.replace(" ", "_") for way in strikes.WAYS]
    return {name: counts[name] for name in [*every, *ways]}


PARTS: dict[str, Callable[[float], dict[str, float]]] = {
    "damages": damages_part,
    "fuzz": fuzz_part,
    "strikes": strikes_part,
}
WRONG = ("silent", "foreign", "unclear", "wrong")


def run_part(part: str, minutes: float) -> dict[str, Number]:
    """Numbers of a part that has so many minutes, with when, where and from what they are."""
    began, said, software = time.monotonic(), now(), describe_software()
    found: dict[str, Any] = dict(PARTS[part](began + 60 * minutes))
    found |= {
        "date": said[:10],
        "minutes": round((time.monotonic() - began) / 60, 1),
        "commit": (software["commit"] or "unknown")[:12],
        "clean": {True: "yes", False: "no", None: "unknown"}[software["clean"]],
        "machine": describe(resolve_device("cpu"))["name"],
        "python": software["python"],
        "torch": software["torch"],
    }
    return {f"torture.{part}.{key}": Number(value, SOURCE) for key, value in found.items()}


def write(found: dict[str, Number], target: Path) -> None:
    """Put the numbers of parts in place of those that the file has of them."""
    parts = {key.split(".")[1] for key in found}
    before = numbers.read(target) if target.exists() else {}
    kept = {key: value for key, value in before.items() if key.split(".")[1] not in parts}
    target.parent.mkdir(parents=True, exist_ok=True)
    numbers.write(target, kept | found)


def wrong(found: dict[str, Number]) -> list[str]:
    """What must be zero and is not."""
    return [key for key, entry in found.items() if key.endswith(WRONG) and entry.value]


def leave(place: Path) -> None:
    """End at once after Ctrl-C or SIGTERM: strikes run in a thread, and their pipelines in sessions
    of their own, which neither of the two reaches. Numbers of parts that were done stay written."""
    print(f"Interrupted: {SOURCE} has what was done; the same command counts anew", flush=True)
    subprocess.Popen = None  # type: ignore[assignment, misc]  # the thread starts no other
    left = psutil.Process().children(recursive=True)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=10)
    shutil.rmtree(place, ignore_errors=True)
    os._exit(130)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30, help="of all parts together")
    parser.add_argument("--only", choices=PARTS, help="this part alone; the others' numbers stay")
    asked = parser.parse_args(arguments)
    found: dict[str, Number] = {}
    one_at_a_time = threading.Lock()

    def note(part: str, minutes: float) -> None:
        made = run_part(part, minutes)
        with one_at_a_time:
            found.update(made)
            write(made, TARGET)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = tempfile.mkdtemp()
    before, tempfile.tempdir = tempfile.tempdir, place
    pool, jobs = ThreadPoolExecutor(), []
    try:
        if asked.only in (None, "strikes"):
            jobs.append(pool.submit(note, "strikes", asked.minutes))
        for part in ("damages", "fuzz"):
            if asked.only in (None, part):
                note(part, asked.minutes if asked.only else asked.minutes / 2)
        for job in jobs:
            job.result()
    except KeyboardInterrupt:
        leave(Path(place))
    finally:
        tempfile.tempdir = before
        shutil.rmtree(place, ignore_errors=True)
    print("\n".join(f"{key} = {found[key].value}, expected 0" for key in wrong(found)))
    return 1 if wrong(found) else 0


if __name__ == "__main__":
    sys.exit(main())
