"""The matrix of Pythons and torches: its cells, its pins and its table."""

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
specification = importlib.util.spec_from_file_location("matrix", ROOT / "workflow/matrix.py")
assert specification and specification.loader
matrix = importlib.util.module_from_spec(specification)
specification.loader.exec_module(matrix)

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_pinned_pair_is_in_it() -> None:
    pins = dict(line.split("==") for line in LOCK.splitlines() if line.startswith("torch"))
    assert matrix.PAIRS[pins["torch"]] == pins["torchvision"]
    assert len(matrix.PAIRS) >= 3


def test_the_constraints_leave_torch_free_and_pin_the_rest() -> None:
    left = [Requirement(line) for line in matrix.constraints(LOCK).splitlines()]
    names = {entry.name for entry in left}
    assert {"numpy", "pydantic", "pytest", "hypothesis"} <= names
    assert [n for n in names if n.startswith(("torch", "nvidia", "cuda", "triton"))] == []
    dropped = {line.split("==")[0] for line in LOCK.splitlines() if "==" in line[:40]} - names
    assert {"torch", "torchvision"} <= dropped


def test_the_tests_of_a_cell_are_there() -> None:
    assert [path for path in matrix.TESTS if not (ROOT / path).is_file()] == []
    for name in matrix.CHOSEN.replace("not ", "").split(" and "):
        assert any(name in (ROOT / path).read_text() for path in matrix.TESTS)


def test_cells_are_asked_for_by_name() -> None:
    assert matrix.chosen([]) == matrix.CELLS
    assert [cell.name for cell in matrix.chosen(["3.12/2.14.0"])] == ["3.12/2.14.0"]
    with pytest.raises(matrix.MatrixError, match=r"3\.9/1\.0: expected cells among 3\.11/"):
        matrix.chosen(["3.9/1.0"])


def test_a_report_is_counted() -> None:
    report = '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    assert matrix.counted(report) == (3, 3)


def test_the_table_keeps_the_rows_of_other_cells() -> None:
    first, second = matrix.CELLS[:2]
    row = {"Python": f"{first.python}.7", "torch": first.torch, "Outcome": "passed", "Passed": "4"}
    table = matrix.merged(pd.DataFrame(columns=matrix.COLUMNS), {first: row})
    assert list(table.Outcome) == ["passed"] + ["not run"] * (len(matrix.CELLS) - 1)
    again = matrix.merged(table, {second: row | {"Python": second.python, "Outcome": "failed"}})
    assert list(again.Outcome[:3]) == ["passed", "failed", "not run"]
    assert again.Passed[0] == "4"


class Done:
    returncode, stdout, stderr = 1, "", ""


@pytest.mark.parametrize(
    ("broken", "outcome"),  # a word of the command
    [("venv", "cannot be installed"), ("no:cacheprovider", "failed"), ("", "passed")],
)
def test_what_goes_wrong_in_a_cell_is_its_outcome(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str, outcome: str
) -> None:
    def run(command: list[str], check: bool = True) -> Any:
        if broken in command and check:
            raise subprocess.CalledProcessError(1, command, stderr="no interpreter")
        done = Done()
        done.returncode = int(bool(broken) and broken in command)
        done.stdout = '["3.11.7", "2.12.1+cu130", "0.27.1", "2.4.6"]'
        if "pytest" in command:
            (tmp_path / "report.xml").write_text('<testsuite tests="2" failures="1"/>')
        return done

    monkeypatch.setattr(matrix, "run", run)
    row = matrix.tried(matrix.Cell("3.11", "2.12.1"), tmp_path)
    assert row["Outcome"] == outcome
    assert row["torch"] == "2.12.1"


def test_the_committed_table_is_of_this_matrix() -> None:
    table = pd.read_csv(ROOT / matrix.TABLE, dtype=str)
    assert list(table.columns) == matrix.COLUMNS
    cells = [(matrix._minor(row["Python"]), row["torch"]) for row in table.to_dict("records")]
    assert cells == [(cell.python, cell.torch) for cell in matrix.CELLS]
    assert (table.Outcome == "passed").any()
