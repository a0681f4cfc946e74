"""What `make torture` counts is what happened; the page of promises names tests that exist."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import damages
import psutil
import pytest
import strikes
import torture
from common import ROOT
from damages import damage, damaged, fuzz
from test_pipeline import Held

from dcrw.training.files import RunError
from dcrw.training.run import Run
from study import numbers

PAGE = ROOT / "book/promises.md"


def test_damages_are_those_of_their_seed() -> None:
    content = bytes(range(200))
    first, same, other = (
        [damaged(content, source) for source in [random.Random(seed)] for _ in range(20)]
        for seed in (1, 1, 2)
    )
    assert first == same != other
    assert sum(result == content for result in first) < 5


def careless(run: Run) -> object:
    return (run.folder.parent / "a.csv").read_bytes()


def crashing(run: Run) -> object:
    if careless(run) != b"0123456789" * 9:
        raise KeyError("exp_avg")
    return 0


def mumbling(run: Run) -> object:
    if careless(run) != b"0123456789" * 9:
        raise RunError("something is wrong")
    return 0


@pytest.mark.parametrize(
    ("reader", "ended"), [(careless, "silent"), (crashing, "foreign"), (mumbling, "unclear")]
)
def test_a_reader_with_a_fault_is_caught(tmp_path, monkeypatch, reader, ended) -> None:
    monkeypatch.setitem(damages.READERS, "a.csv", reader)
    (tmp_path / "a.csv").write_bytes(b"0123456789" * 9)
    account = damage(Run(tmp_path / "whole"), "a.csv", 0, 50)
    assert getattr(account, ended) == account.wrong > 40
    assert account.total == 50 and account.refused == 0
    assert account.examples[0].startswith(f"{ended}: ")
    found = torture.account_numbers({"a/a.csv": account})
    assert found["a.csv.total"] == found["all.total"] == 50


def test_contents_are_counted_once(tmp_path) -> None:
    inputs = damages.contents("a.yaml", 3, 20)
    assert inputs == damages.contents("a.yaml", 3, 20)
    account = fuzz(tmp_path, "a.yaml", inputs)
    assert account.total == len(inputs) > 20 and account.wrong == 0
    assert account.refused and account.equal


DYING = """
import json, sys
for name in sys.argv[5:]:
    if name == "b":
        sys.exit("out of memory")
    print(json.dumps([name, {"refused": int(sys.argv[3])}]), flush=True)
"""


def test_a_process_that_dies_is_a_foreign_end(tmp_path, monkeypatch) -> None:
    """What it had still to do is done by another."""
    monkeypatch.setattr(torture, "CHILD", tmp_path / "child.py")
    torture.CHILD.write_text(DYING)
    found = dict(torture.children("fuzz", 0, 7, tmp_path, ["a", "b", "c"]))
    assert [(name, account.refused, account.foreign) for name, account in found.items()] == [
        ("a", 7, 0), ("b", 0, 1), ("c", 7, 0)
    ]  # fmt: skip
    assert "ended with 1: out of memory" in found["b"].examples[0]


def test_parts_are_written_beside_the_others(tmp_path, monkeypatch) -> None:
    target = tmp_path / "results" / "torture.json"
    for count, part in enumerate(["fuzz", "strikes", "fuzz"]):
        counts = {"all": count, "wrong": count}
        monkeypatch.setitem(torture.PARTS, part, lambda _, counts=counts: counts)
        torture.write(torture.run_part(part, 0), target)
    found = numbers.read(target)
    assert found["torture.fuzz.all"].value == 2 and found["torture.strikes.all"].value == 1
    assert torture.wrong(found) == ["torture.fuzz.wrong", "torture.strikes.wrong"]


@pytest.mark.parametrize("harmed", [0, 1])
def test_one_command_counts_all_parts_and_fails_where_one_found_harm(
    tmp_path, monkeypatch, capsys, harmed
) -> None:
    monkeypatch.setattr(torture, "TARGET", tmp_path / "torture.json")
    for part in torture.PARTS:
        counts = {"all": 3, "wrong": harmed * (part == "strikes")}
        monkeypatch.setitem(torture.PARTS, part, lambda _, counts=counts: counts)
    assert torture.main(["--minutes", "0"]) == harmed
    found = numbers.read(torture.TARGET)
    assert {key.split(".")[1] for key in found} == set(torture.PARTS)
    assert ("torture.strikes.wrong = 1, expected 0" in capsys.readouterr().out) is bool(harmed)


INTERRUPTED = """
import subprocess, sys, tempfile
from pathlib import Path
import torture
def wait(until):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    print(child.pid, tempfile.mkdtemp(), flush=True)
    child.wait()
    return wait(until)
torture.TARGET = Path(sys.argv[1])
torture.PARTS |= {"damages": lambda until: {"all": 1}, "fuzz": wait, "strikes": wait}
torture.main(["--minutes", "9"])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_all_parts_and_leaves_what_was_done(tmp_path, number) -> None:
    target = tmp_path / "torture.json"
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(target)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        started = [process.stdout.readline().split() for _ in range(2)]
        process.send_signal(number)
        assert process.wait(30) == 130
    assert all(not psutil.pid_exists(int(child)) for child, _ in started)
    assert all(not Path(folder).exists() for _, folder in started)
    assert {key.split(".")[1] for key in numbers.read(target)} == {"damages"}


# Strikes at a pipeline that is a stand-in

CAREFUL = "tortured:\n\t@sleep 0.2; echo 1 > results/a.csv\n"
HARMING = (
    "tortured:\n\t@echo half > kept; trap 'exit 1' INT TERM; sleep 0.4; "
    "echo whole > kept; echo 1 > results/a.csv\n"
)


def project(folder: Path, makefile: str) -> Held:
    for name in ("results", ".snakemake"):
        (folder / name).mkdir(parents=True)
    (folder / "tortured.mk").write_text(makefile)
    (folder / "kept").write_text("whole\n")
    held = Held(folder, Path("results"), folder.parent / "log.txt", "tortured.mk")
    held.git("init", "--quiet")
    held.git("add", "kept")
    held.git("commit", "--quiet", "--message", "all")
    return held


def test_strikes_tell_harm_from_none(tmp_path) -> None:
    until = time.monotonic() + 60
    careful = project(tmp_path / "careful", CAREFUL)
    found = list(strikes.rounds(careful, 1, until, 3))
    assert [struck.wrong for struck in found] == [""] * len(found) and len(found) >= 3
    counts = torture.strike_numbers(found)
    assert counts["all"] == len(found) and counts["wrong"] == 0
    assert sum(counts[number.name] for number in strikes.SIGNALS) == len(found)
    assert counts["one_by_one"] + counts["side_by_side"] == len(found)
    harming = project(tmp_path / "harming", HARMING)
    found = list(strikes.rounds(harming, 1, until, 3))
    assert any("AssertionError" in struck.wrong for struck in found)
    assert torture.strike_numbers(found)["wrong"] > 0


def test_what_ends_other_than_before_is_named(tmp_path) -> None:
    held = project(tmp_path / "project", "tortured:\n\t@date +%N > results/a.csv\n")
    strikes.complete(held, "one by one")
    assert "results/a.csv" in strikes.differences(held, "one by one", strikes.made(held))


# The page


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)::(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 30
    for stem, name in sorted(named):
        files = list((ROOT / "tests").rglob(f"{stem}.py"))
        texts = [file.read_text(encoding="utf-8") for file in files]
        assert any(f"def {name}(" in text for text in texts), f"{stem}::{name}"


def test_the_page_shows_every_kind_of_file_and_reader() -> None:
    shown = set(re.findall(r"\{num\}`(torture\.[\w.]+):", PAGE.read_text(encoding="utf-8")))
    kinds = {f"torture.damages.{Path(name).name}.total" for name in damages.READERS}
    readers = {f"torture.fuzz.{name}.total" for name in damages.ANY}
    assert shown >= kinds | readers | {"torture.strikes.all"}
    assert shown <= numbers.read(torture.TARGET).keys()


def test_nothing_was_silent_foreign_or_harmed_when_last_counted() -> None:
    assert torture.wrong(numbers.read(torture.TARGET)) == []
