"""Python and torch in pairs: `make matrix` installs each in an environment of its own, outside the
project, runs a part of the tests there, and removes it.

    python workflow/matrix.py [CELL ...]        a cell is Python/torch, as 3.12/2.14.0; default: all

What was found goes to `results/matrix/matrix.csv`, a row a cell; cells that were not asked for keep
their rows. Everything but torch and what it brings along comes in the versions of
`requirements.lock`. Each environment takes some 5 GB while its tests run.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pandas as pd

from dcrw.training.files import read_table, write_table

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path("results/matrix/matrix.csv")
PYTHONS = ("3.11", "3.12", "3.13")
PAIRS = {  # torch to the torchvision of its release: the newest, one between, the pins
    "2.15.0": "0.29.2",
    "2.14.0": "0.29.0",
    "2.12.1": "0.27.1",
}
BROUGHT = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)==")  # by torch, pair by pair
TESTING = ("pytest", "hypothesis", "nbformat")
# Models against plain implementations, weights against those that were kept, training that resumes.
TESTS = ("tests/model/test_writer.py", "tests/test_golden.py", "tests/training/test_loop.py")
CHOSEN = "not for_real and not run_learns"  # which take a minute
COLUMNS = ["Python", "torch", "Outcome", "Passed", "Failed", "torchvision", "NumPy"]
COLUMNS += ["System", "Day"]
NOT_RUN = "not run"
VERSIONS = (
    "import json, platform, numpy, torch, torchvision; found = [platform.python_version(), "
    "torch.__version__, torchvision.__version__, numpy.__version__]; print(json.dumps(found))"
)


class Cell(NamedTuple):
    """One pair of Python and torch."""

    python: str
    torch: str

    @property
    def name(self) -> str:
        """How it is asked for."""
        return f"{self.python}/{self.torch}"


CELLS = [Cell(python, torch) for torch in PAIRS for python in PYTHONS]


class MatrixError(ValueError):
    """A cell that is not in the matrix."""


def chosen(names: Iterable[str]) -> list[Cell]:
    """The cells that are named, all if none is. Raises `MatrixError`."""
    known = {cell.name: cell for cell in CELLS}
    for name in names:
        if name not in known:
            raise MatrixError(f"{name}: expected cells among {', '.join(known)}")
    return [known[name] for name in names] or CELLS


def constraints(lock: str) -> str:
    """The pins of a lock file without torch and what it brings along."""
    pins = [line for line in lock.splitlines() if line and not line.lstrip().startswith("#")]
    return "\n".join(pin for pin in pins if not BROUGHT.match(pin)) + "\n"


def counted(report: str) -> tuple[int, int]:
    """Passed and failed tests of a JUnit report."""
    suites = list(ElementTree.fromstring(report).iter("testsuite"))
    count = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in REPORTED}
    failed = count["failures"] + count["errors"]
    return count["tests"] - failed - count["skipped"], failed


REPORTED = ("tests", "failures", "errors", "skipped")


def merged(table: pd.DataFrame, rows: dict[Cell, dict[str, str]]) -> pd.DataFrame:
    """A row for every cell of the matrix, in its order: the new one, else the one that the table
    has, else one that says that the cell was not run."""
    known = {(_minor(row["Python"]), row["torch"]): row for row in table.to_dict("records")}
    found = []
    for cell in CELLS:
        empty = {"Python": cell.python, "torch": cell.torch, "torchvision": PAIRS[cell.torch]}
        kept = known.get((cell.python, cell.torch), empty | {"Outcome": NOT_RUN})
        found.append(rows.get(cell, kept))
    return pd.DataFrame(found, columns=COLUMNS).fillna("")


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def tried(cell: Cell, folder: Path) -> dict[str, str]:
    """Install a cell into an empty folder and run the tests: its row of the table."""
    python, pins, report = folder / "venv/bin/python", folder / "pins.txt", folder / "report.xml"
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins.write_text(constraints(locked), encoding="utf-8")
    row: dict[str, str] = {
        "Python": cell.python,
        "torch": cell.torch,
        "torchvision": PAIRS[cell.torch],
        "System": f"{os.uname().sysname} {os.uname().machine}",
        "Day": datetime.now(UTC).date().isoformat(),
    }
    pair = (f"torch=={cell.torch}", f"torchvision=={PAIRS[cell.torch]}")
    uv = [sys.executable, "-m", "uv"]
    install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--constraint", str(pins)]
    try:
        run([*uv, "venv", "--quiet", "--python", cell.python, str(folder / "venv")])
        run([*install, "--requirement", "pyproject.toml", *pair, *TESTING])
        versions = run([str(python), "-c", VERSIONS]).stdout
    except subprocess.CalledProcessError as error:
        print(f"{cell.name}: {error.stderr}", file=sys.stderr)
        return row | {"Outcome": "cannot be installed"}
    named = zip(("Python", "torch", "torchvision", "NumPy"), json.loads(versions), strict=True)
    row |= {name: value.partition("+")[0] for name, value in named}
    arguments = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}", "-k", CHOSEN, *TESTS]
    done = run([str(python), "-m", "pytest", *arguments], check=False)
    passed, failed = counted(report.read_text(encoding="utf-8")) if report.exists() else (0, 0)
    if done.returncode:
        print(f"{cell.name}: {done.stdout[-4000:]}{done.stderr[-2000:]}", file=sys.stderr)
    outcome = "failed" if done.returncode or not passed else "passed"
    return row | {"Outcome": outcome, "Passed": str(passed), "Failed": str(failed)}


def run(command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in the project, which the environment does not have installed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=check,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def main(names: list[str]) -> int:
    """Try cells and write the table after each; 1 where one did not pass, 2 for an unknown cell."""
    try:
        cells = chosen(names)
    except MatrixError as error:
        print(error, file=sys.stderr)
        return 2
    path, good = ROOT / TABLE, True
    for cell in cells:
        with tempfile.TemporaryDirectory(prefix="dcrw-matrix-") as folder:
            row = tried(cell, Path(folder))
        table = pd.DataFrame(columns=COLUMNS)
        if path.exists():
            table = read_table(path, dict.fromkeys(COLUMNS, str), "Put it back, or remove it.")
        write_table(path, merged(table, {cell: row}))
        print(f"Python {row['Python']}, torch {row['torch']}: {row['Outcome']}")
        good &= row["Outcome"] == "passed"
    return int(not good)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
