"""What was registered when: the committed file against the history, and a made-up history."""

import csv
import subprocess

import pytest

from dcrw.training.files import RunError, project_root
from study.claims.registrations import CLAIMS, HEADER, TARGET, registrations, write

PROJECT = project_root()


def commit(project, message, **files):
    for name, text in files.items():
        path = project / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (["add", "-A"], ["commit", "-qm", message]):
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *author, *command], cwd=project, check=True)


def test_each_change_has_its_runs_and_lines(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit(tmp_path, "first", readme="x")
    (tmp_path / "book").mkdir()
    (tmp_path / CLAIMS).write_text("a\nb\n")
    commit(tmp_path, "claims")
    run = tmp_path / "results" / "paper" / "runs" / "one"
    run.mkdir(parents=True)
    (run / "provenance.json").write_text("{}")
    (run / "config.yaml").write_text("")
    commit(tmp_path, "a run")
    (tmp_path / CLAIMS).write_text("a\nc\nd\n")
    commit(tmp_path, "more claims, with a comma")
    first, second = registrations(tmp_path)
    assert (first.subject, first.added, first.removed, first.runs_before) == ("claims", 2, 0, 0)
    assert (second.added, second.removed, second.runs_before) == (2, 1, 1)
    with open(write(tmp_path)) as file:
        assert [row["Message"] for row in csv.DictReader(file)][1] == "more claims, with a comma"


def test_without_a_repository_it_is_said(tmp_path):
    with pytest.raises(RunError, match="git cannot tell"):
        registrations(tmp_path)


def test_the_committed_file_is_the_history():
    """All changes but one that is not written down yet: it has no name before it is committed."""
    shallow = ["git", "rev-parse", "--is-shallow-repository"]
    said = subprocess.run(shallow, cwd=PROJECT, capture_output=True, text=True)
    if said.stdout.strip() != "false":
        pytest.skip("no whole history here")
    with open(PROJECT / TARGET) as file:
        written = list(csv.DictReader(file))
    history = registrations(PROJECT)
    assert len(written) in (len(history), len(history) - 1)
    for row, entry in zip(written, history, strict=False):
        assert row == {key: str(value) for key, value in zip(HEADER, entry, strict=True)}
