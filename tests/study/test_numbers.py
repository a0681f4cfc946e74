"""Numbers with their sources: written, read, joined, and which files they are joined from."""

import json
from pathlib import Path

import pytest

from dcrw.training.files import RunError, project_root
from study import numbers
from study.numbers import Number, number_files


def test_numbers_merge_and_clash(tmp_path):
    first, second, joined = (tmp_path / name for name in ("a.json", "b.json", "all.json"))
    numbers.write(first, {"x": Number(1.5, "a.csv", 3, (1.0, 2.0))})
    numbers.write(second, {"y": Number(2.0, "b.csv")})
    numbers.merge([first, second], joined)
    assert numbers.read(joined)["x"].value == 1.5 and set(numbers.read(joined)) == {"x", "y"}
    numbers.write(second, {"x": Number(2.0, "b.csv")})
    with pytest.raises(RunError, match=r"x is already defined by a\.csv"):
        numbers.merge([first, second], joined)
    second.write_text("{")
    with pytest.raises(RunError, match=r"b\.json: not JSON"):
        numbers.read(second)


def test_numbers_come_back_as_they_were_written(tmp_path):
    made = {"b": Number(2.0, "b.csv", 5), "a": Number(1.0, "a.csv", 3, (0.5, 1.5))}
    numbers.write(tmp_path / "n.json", made)
    assert list(json.loads((tmp_path / "n.json").read_text())) == ["a", "b"]
    again = numbers.read(tmp_path / "n.json")
    assert again["b"] == made["b"] and list(again["a"].interval) == [0.5, 1.5]
    with pytest.raises(RunError, match=r"none\.json: no such file"):
        numbers.read(tmp_path / "none.json")


def test_values_alone_are_read_by_key(tmp_path):
    numbers.write(tmp_path / "n.json", {"b": Number(2.0, "b.csv", 5), "a": Number(1.0, "a.csv")})
    assert numbers.values(tmp_path / "n.json") == {"a": 1.0, "b": 2.0}


def test_a_quick_run_has_numbers_of_its_own_alone():
    found = number_files(Path("results/quick"))
    assert [str(path) for path in found] == [
        "results/quick/numbers/data.json", "results/quick/numbers/table_1.json"
    ]  # fmt: skip


def test_the_books_numbers_are_joined_from_what_is_committed():
    """All files named are there, and no committed file of numbers is left out."""
    results = project_root() / "results"
    found = number_files(results / "paper")
    assert all(path.exists() for path in found) and len(set(found)) == len(found)
    profiles = ("paper", "grid", "round2")
    committed = {path for name in profiles for path in results.glob(f"{name}/numbers/*")}
    assert committed | {results / "benchmarks" / "numbers.json"} == set(found)


def test_the_books_numbers_are_those_files_joined(tmp_path):
    results = project_root() / "results" / "paper"
    numbers.merge(number_files(results), tmp_path / "all.json")
    assert (tmp_path / "all.json").read_bytes() == (results / "numbers.json").read_bytes()


@pytest.mark.parametrize(
    "entry",
    [1, [], {}, {"value": 1}, {"value": True, "source": "a"}, {"value": None, "source": "a"},
     {"value": 1e999, "source": "a"}, {"value": 10**400, "source": "a"},
     {"value": 1, "source": 2}, {"value": 1, "source": "a", "n": 1.5},
     {"value": 1, "source": "a", "interval": [1]}, {"value": 1, "source": "a", "more": 1}],
)  # fmt: skip
def test_what_is_no_number_is_named(tmp_path, entry):
    (tmp_path / "n.json").write_text(json.dumps({"a.key": entry}))
    with pytest.raises(RunError, match=r"n\.json: a\.key is no number with a value, a source"):
        numbers.read(tmp_path / "n.json")
