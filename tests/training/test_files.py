"""Readers and writers of files: what is damaged is refused, with the file's name and a way out."""

import errno
import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from damages import (
    ANY,
    ANY_BYTES,
    ANY_TABLE,
    ANY_VALUES,
    DOCUMENTED,
    READERS,
    WAY_OUT,
    damage,
    fuzz,
    prepare,
)
from hypothesis import HealthCheck, given, settings
from tiny_runs import dataset, images, tiny

from dcrw.model.config import ConfigError
from dcrw.training import files
from dcrw.training.config import EvaluationConfig, load_config
from dcrw.training.evaluation import evaluate
from dcrw.training.files import RunError, write_json
from dcrw.training.loop import train
from dcrw.training.run import METRICS, Run

__all__ = ["dataset"]  # a fixture

DAMAGES = 60  # of each kind of file; `make torture`: at least 1,000
BIAS = "model.heads.bias"


@pytest.fixture
def run(tmp_path) -> Run:
    return prepare(tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_no_damage_is_silent(run: Run, name: str) -> None:
    """Whatever happens to a file: it is refused with an error that names it and says what to do,
    or what is read is what was written."""
    account = damage(run, name, name, DAMAGES)
    assert account.wrong == 0, account.examples
    assert account.total == DAMAGES and account.refused > 0.8 * DAMAGES


@pytest.mark.parametrize("name", READERS)
def test_what_is_missing_is_named(run: Run, name: str) -> None:
    (run.folder.parent / name).unlink()
    if name.startswith("cut"):
        assert Run(run.folder.parent / "cut").load_checkpoint() is None
        return
    expected = r"no such file|missing|not a complete run|there is no data\.json"
    with pytest.raises(DOCUMENTED, match=expected):
        READERS[name](run)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tensors: tensors.pop("optimizer.heads.bias.exp_avg"), "is missing"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "does not belong there"),
        (
            lambda tensors: tensors.update({"optimizer.heads.bias.exp_avg": torch.zeros(1)}),
            r"has shape \(1,\)",
        ),
        (
            lambda tensors: tensors.update(
                {"model.heads.bias": tensors["model.heads.bias"].half()}
            ),
            "type F16",
        ),
        (lambda tensors: tensors.pop("pending"), "tensor pending is missing"),
        (lambda tensors: tensors["model.heads.bias"].add_(1e-6), "not what was written"),
    ],
)
def test_checkpoints_hold_what_they_must_and_nothing_else(run: Run, change, expected) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    cut = Run(run.folder.parent / "cut")
    path = cut.folder / "checkpoint.safetensors"
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    change(tensors)
    save_file(tensors, path, metadata)
    with pytest.raises(RunError, match=expected):
        cut.load_checkpoint()


def test_a_checkpoint_says_its_own_iteration(run: Run) -> None:
    from safetensors.torch import load_file, save_file

    path = run.folder.parent / "cut" / "checkpoint.safetensors"
    found = Run(path.parent).load_checkpoint()
    assert found is not None
    save_file(load_file(path), path, {"iteration": "7", "segments": "[]", "sha256": "0" * 64})
    with pytest.raises(RunError, match="not what was written"):
        Run(path.parent).load_checkpoint()


@pytest.mark.parametrize("change", [("canvas: 0.0", "canvas: 2.0"), ("name: tiny", "name: other")])
def test_an_edited_configuration_of_a_complete_run_is_refused(run: Run, change) -> None:
    path = run.folder / "config.yaml"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(
        RunError, match=r"config\.yaml: its name and settings .*; expected tiny-s0-"
    ):
        _ = run.config


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_mark_at_the_start_and_other_line_ends_change_no_configuration(run, encoding) -> None:
    path, before = run.folder / "config.yaml", run.config
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    assert run.config == before


def test_folders_of_two_runs_are_not_mixed_up(run: Run) -> None:
    """Each folder is sound in itself: only together do they tell."""
    config = tiny("other", {"noise_correlation": 1.0})
    other = train(Run(run.folder.parent / "other"), config, images())
    evaluate(other, images(), EvaluationConfig(batch_size=10, digits=4), torch.device("cpu"))
    with pytest.raises(RunError, match=r"other: holds the run other-s0-\w+; expected tiny-s0-"):
        other.require(run.config)
    (run.folder / "evaluation").rename(run.folder / "aside")
    (other.folder / "evaluation").rename(run.folder / "evaluation")
    with pytest.raises(RunError, match=r"is of the run other-s0-\w+; expected .* were mixed up"):
        run.evaluated("losses.csv")


@pytest.mark.parametrize("change", [(b"\n4,", b"\n4,1"), (b"\n4,", b"\n5,"), (b",0.", b",0.1")])
def test_metrics_that_changed_since_the_checkpoint_are_refused(run: Run, change) -> None:
    cut = Run(run.folder.parent / "cut")
    path = cut.folder / "metrics.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(*change, 1))
    assert path.read_bytes() != whole
    with pytest.raises(RunError, match=r"metrics\.csv: .*(checkpoint says|as the checkpoint)"):
        train(cut, tiny(), images())
    path.write_bytes(whole + b"12,half")  # what was written after the checkpoint is done again
    assert train(cut, tiny(), images()).metrics().equals(run.metrics())


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", ".lock"])
def test_what_vanishes_during_training_does_not_end_in_a_complete_run(
    tmp_path, dataset, monkeypatch, name
) -> None:
    from dcrw.training.engine import Engine

    run, real, calls = Run(tmp_path / "run"), Engine.iterate, []

    def removing(self, *arguments):
        calls.append(None)
        if len(calls) == 6:
            (run.folder / name).unlink()
        return real(self, *arguments)

    monkeypatch.setattr(Engine, "iterate", removing)
    with pytest.raises((RunError, ConfigError), match=name.replace(".", r"\.")):
        train(run, tiny(), dataset)
    assert not run.complete


# Small files that ask for much, in a process whose memory is bounded


def in_little_memory(code: str, tmp_path: Path) -> str:
    """What a piece of code prints that may take 256 MiB beyond what importing takes."""
    limit = 256 << 20
    head = f"""
import resource
from pathlib import Path
from dcrw.training import files
from dcrw.training.files import RunError, write_json
from dcrw.model.config import ConfigError
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {limit}, used + {limit}))
folder = Path({str(tmp_path)!r})
try:
    {code}
except (RunError, ConfigError) as error:
    print(len(str(error)), error)
"""
    done = subprocess.run([sys.executable, "-c", head], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="no limit on memory here")
def test_small_files_cannot_ask_for_much(tmp_path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(12)
    )
    (tmp_path / "bomb.yaml").write_text(bomb)
    assert "aliases are not taken" in in_little_memory(
        "files.read_yaml(folder / 'bomb.yaml')", tmp_path
    )
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    assert "not valid YAML" in in_little_memory("files.read_yaml(folder / 'deep.yaml')", tmp_path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(300 << 20))
    assert "unpacked; expected at most" in in_little_memory(
        "files.read_arrays(folder / 'a.npz', 'Do this.')", tmp_path
    )
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header)
    assert "expected 80000000128" in in_little_memory(
        "files.read_arrays(folder / 'b.npz', 'Do this.')", tmp_path
    )
    many = {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(40_000)}
    content = json.dumps(many).encode()
    (tmp_path / "c.safetensors").write_bytes(len(content).to_bytes(8, "little") + content)
    assert "c.safetensors" in in_little_memory(
        "files.read_tensors(folder / 'c.safetensors', {}, 'Do this.')", tmp_path
    )


# One error for each kind of trouble


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[1, 2]",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"{",
        b"null",
    ],
    ids=["empty", "no text", "deep", "a list", "many digits", "cut", "null"],
)
def test_json_that_is_no_object_is_refused(tmp_path, content) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"a\.json: .*Do this\.$"):
        files.read_json(path, WAY_OUT)
    with pytest.raises(RunError, match=r"a\.json: .*Do this\.$"):
        files.read_record(path, WAY_OUT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "'a' stands twice|a stands twice"),
        ("a: [b: {c: 1, c: 2}]\n", "stands twice"),
        ("a: &x 1\nb: *x\n", "aliases are not taken here"),
        ("!!timestamp x", "not valid YAML"),
        ("!!int x", "not valid YAML"),
        ("a: 2026-99-99", "not valid YAML"),
        ("!!python/object/apply:os.system [true]", "not valid YAML"),
        ("? [a]\n: 1", "not valid YAML"),
        ("\x00", "not valid YAML"),
        (r'{"a": "\ud800"}', "is half a character"),
        ("a: [010]", "010 is a number to another base than 10"),
        ("a: 1:30", "another base"),
        ("a: 0x10", "another base"),
        ("a: 1:30.5", "another base"),
    ],
)
def test_yaml_that_misleads_is_refused(tmp_path, text, expected) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"(?s)a\.yaml: .*({expected})"):
        files.read_yaml(path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"iteration: [1", b"[" * 3000, b"- 1", b""])
def test_configurations_of_another_kind_are_one_error(tmp_path, content) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path)


def test_a_folder_or_an_impossible_name_is_one_error(tmp_path) -> None:
    (tmp_path / "a.json").mkdir()
    for name in ("a.json", "x" * 300, "a\0b", "half \ud800"):
        with pytest.raises(RunError, match=WAY_OUT):
            files.read_json(tmp_path / name, WAY_OUT)
        with pytest.raises(RunError, match="cannot be written"):
            files.write_json(tmp_path / name, {})


def test_a_pipe_a_device_and_links_in_a_circle_are_one_error(tmp_path) -> None:
    """Reading a pipe waits for ever, and a device may have no end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to("circle")
    for name in ("pipe", "zeros", "circle"):
        with pytest.raises(RunError, match=rf"{name}: cannot be read \(.*Do this"):
            files.read_record(tmp_path / name, WAY_OUT)
        assert files.listed_digest(tmp_path / name) is None
        files.write_atomically(tmp_path / name, b"")
        assert (tmp_path / name).read_bytes() == b"" and not (tmp_path / name).is_symlink()


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    before = path.stat()
    path.write_text("{} and more")
    monkeypatch.setattr(Path, "stat", lambda path, **_: before)
    with pytest.raises(RunError, match=r"a\.json: was written to while it was read"):
        files.read_json(path, WAY_OUT)


def test_names_with_line_breaks_and_commands_for_terminals_are_escaped(tmp_path) -> None:
    for name, shown in (("a\x1b[31m.json", r"a\x1b[31m.json"), ("b\u202e.yaml", r"b\u202e.yaml")):
        (tmp_path / name).write_text("{")
        read = files.read_yaml if name.endswith("yaml") else lambda path: files.read_json(path, "")
        with pytest.raises((RunError, ConfigError)) as refused:
            read(tmp_path / name)
        assert shown in str(refused.value) and name not in str(refused.value)


def test_a_table_has_its_columns(tmp_path) -> None:
    path = tmp_path / "a.csv"
    files.write_table(path, pd.DataFrame({"iteration": [1], "latent": [2.0]}))
    with pytest.raises(RunError, match="has no column reconstruction, reconstruction_std"):
        files.read_table(path, METRICS, WAY_OUT)
    path.write_text("iteration,latent\n1,x\n")
    with pytest.raises(RunError, match=r"not a CSV table \(could not convert string to float"):
        files.read_table(path, {"latent": float}, WAY_OUT)
    for text, expected in {
        'a,b\n1,2\n3,4,5,6\n"x': "line 3: 4 cells; expected 2",
        "a,b\n1,2,3\n4,5,6\n": "line 2: 3 cells; expected 2",  # pandas: an index
        "a,b\n1,2\n3\n": "line 3: 1 cells; expected 2",  # pandas: not a number
        "a,a\n1,2\n": "column a stands twice",  # pandas: a.1
        "a;b\n1;2\n": "has no column a",
    }.items():
        path.write_text(text)
        with pytest.raises(RunError, match=expected):
            files.read_table(path, {"a": int}, WAY_OUT)
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,"2\r\n3"\r\n')
    assert files.read_table(path, {"a": int}, WAY_OUT).a.tolist() == [1]


def test_arrays_are_what_was_written(tmp_path) -> None:
    path, arrays = tmp_path / "a.npz", {"x": np.arange(6).reshape(2, 3), "text": np.array("ä")}
    files.write_arrays(path, arrays)
    found = files.read_arrays(path, WAY_OUT, files.digest_of(path.read_bytes()))
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(values, arrays[name]) for name, values in found.items())
    with pytest.raises(RunError, match=r"expected 0+, as its record says"):
        files.read_arrays(path, WAY_OUT, "0" * 64)
    np.savez(path, x=np.array([{}], dtype=object))
    with pytest.raises(RunError, match="not a readable NPZ"):
        files.read_arrays(path, WAY_OUT)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "x.npy"):
            archive.writestr(name, b"")
    with pytest.raises(RunError, match=r"not a readable NPZ \(x stands twice\)"):
        files.read_arrays(path, WAY_OUT)


def test_the_manifest_holds_what_has_no_record(tmp_path) -> None:
    (tmp_path / "results").mkdir()
    path, manifest = tmp_path / "results" / "old.json", tmp_path / files.MANIFEST
    path.write_text('{"a": 1}')
    with pytest.raises(RunError, match="has no entry content_sha256"):
        files.read_record(path, WAY_OUT)
    manifest.write_text(f"{files.digest_of(path.read_bytes())}  results/old.json\n")
    assert files.read_record(path, WAY_OUT) == {"a": 1}
    path.write_text('{"a": 2}')
    with pytest.raises(RunError, match=r"as results/manifest\.sha256 says"):
        files.read_record(path, WAY_OUT)
    files.write_record(path, {"a": 3})
    assert files.read_record(path, WAY_OUT) == {"a": 3}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"0" * 63 + b"  a\n", b"0" * 64 + b" a\n", None])
def test_a_damaged_manifest_is_named(tmp_path, content) -> None:
    """What is held by it alone is not read without it."""
    (tmp_path / "results").mkdir()
    path, manifest = tmp_path / "results" / "a.csv", tmp_path / files.MANIFEST
    path.write_text("a\n1\n")
    if content is None:
        manifest.mkdir()
    else:
        manifest.write_bytes(content)
    with pytest.raises(RunError, match=r"manifest\.sha256: .*\(make manifest\)"):
        files.read_table(path, {}, WAY_OUT)


def test_what_killed_writers_left_is_removed(tmp_path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = tmp_path / f".a.json.{dead.pid}.tmp"
    alive = tmp_path / f".a.json.{os.getppid()}.tmp"
    other = tmp_path / f".b.json.{dead.pid}.tmp"
    for path in (stale, alive, other):
        path.write_text("half")
    files.write_json(tmp_path / "a.json", {})
    assert not stale.exists() and alive.exists() and other.exists()


def test_atomic_writing_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"a": float("nan")})
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(RunError, match=r"file\.json: cannot be written \(disk full\)"):
        write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [path]


def test_what_is_there_already_is_not_written_again(tmp_path, monkeypatch) -> None:
    """Only its time is renewed, for the pipeline; where that is not ours to do, nothing."""
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    os.utime(path, (1, 1))
    before = path.stat()
    files.write_json(path, {"a": 1})
    assert path.stat().st_ino == before.st_ino and path.stat().st_mtime > before.st_mtime

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    real = Path.open
    for place in ("os.utime", "pathlib.Path.replace"):
        monkeypatch.setattr(place, refuse)
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", **more: (real if mode == "rb" else refuse)(path, mode)
    )
    files.write_json(path, {"a": 1})
    with pytest.raises(RunError, match=r"a\.json: cannot be written \(Permission denied\)"):
        files.write_json(path, {"a": 2})


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_is_one_error(tmp_path, monkeypatch, number) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(RunError, match=rf"a\.json: cannot be written \({os.strerror(number)}\)"):
        files.write_json(path, {"a": 2})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_outside_of_the_project_the_way_in_is_named(tmp_path) -> None:
    with pytest.raises(RunError, match=r"not inside the project .*go there, or .* with --cwd$"):
        files.project_root(tmp_path)


def test_a_path_that_cannot_be_looked_at_is_one_error(tmp_path) -> None:
    assert files.exists(tmp_path) and not files.exists(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    assert not files.exists(tmp_path / "file" / "b")
    for name in ("x" * 300, "a\0b", "\ud800"):
        with pytest.raises(RunError, match="cannot be looked at") as refused:
            files.exists(tmp_path / name)
        str(refused.value).encode()  # can be printed


# Any bytes, and any values, at every reader

BRIEF = settings(
    max_examples=DAMAGES // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def only_documented(folder: Path, name: str, content: bytes) -> None:
    account = fuzz(folder, name, [content])
    assert account.wrong == 0, account.examples


@pytest.mark.parametrize("name", ANY)
@BRIEF
@given(content=ANY_BYTES)
def test_any_bytes_end_in_a_documented_error(tmp_path, name, content) -> None:
    only_documented(tmp_path, name, content)


@pytest.mark.parametrize("name", [name for name in ANY if name.endswith(("json", "yaml"))])
@BRIEF
@given(content=ANY_VALUES)
def test_any_values_end_in_a_documented_error(tmp_path, name, content) -> None:
    only_documented(tmp_path, name, content)


@BRIEF
@given(content=ANY_TABLE)
def test_any_table_ends_in_a_documented_error(tmp_path, content) -> None:
    only_documented(tmp_path, "a.csv", content)
