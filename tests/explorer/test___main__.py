"""`python -m dcrw.explorer`."""

from pathlib import Path

import pytest
from tiny_galleries import save_run

import dcrw.explorer.__main__ as command
from dcrw.model.config import ModelConfig
from dcrw.training.config import Runtime
from dcrw.training.data import DataError
from dcrw.training.run import Run

SMALL = {"steps": 2, "latent_size": 2, "hidden_size": 5, "read_size": 3, "write_size": 2}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A complete run on the embedded digits, never trained."""
    return save_run(tmp_path / "small-s0", ModelConfig.model_validate(SMALL), "digits")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What would have been shown in a browser; the current folder is a new one."""
    found: list[str] = []
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", found.append)
    return found


def test_it_is_named_after_the_run_and_opened(
    run: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(run), "--each", "1"]) == 0
    page = Path("small-s0.html").resolve()
    assert capsys.readouterr().out == "small-s0.html\n"
    assert opened == [page.as_uri()]
    assert "small-s0: 1 iterations on digits, grey, seed 0; 10 test images" in page.read_text()


def test_a_named_file_is_written_alone(run: Path, opened: list[str], tmp_path: Path) -> None:
    assert command.main([str(run), "--output", str(tmp_path / "a.html"), "--each", "1"]) == 0
    assert (tmp_path / "a.html").exists()
    assert opened == []


def test_the_same_command_gives_the_same_file(run: Path, opened: list[str]) -> None:
    for name in ("a.html", "b.html"):
        assert command.main([str(run), "--output", name, "--each", "1", "--seed", "3"]) == 0
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()


@pytest.mark.parametrize("name", ["nothing", "vae"])
def test_a_run_that_cannot_be_shown_is_an_error(
    opened: list[str], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_run(tmp_path / "vae", ModelConfig(architecture="conv-vae", steps=1))
    reason = {"nothing": "not a complete run", "vae": "no windows to show"}[name]
    assert command.main([str(tmp_path / name)]) == 1
    assert reason in capsys.readouterr().err
    assert list(Path().iterdir()) == []
    assert opened == []


def test_without_a_screen_nothing_is_opened(
    run: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert command.main([str(run), "--each", "1"]) == 0
    assert opened == []


@pytest.mark.parametrize(("option", "value"), [("--each", "0"), ("--each", "x"), ("--seed", "-1")])
def test_a_number_out_of_range_is_refused(
    run: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main([str(run), f"{option}={value}"])
    assert "expected a whole number from" in capsys.readouterr().err


def test_images_of_ones_own_are_looked_for_where_they_are_said_to_be(
    run: Path,
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(found: Run, runtime: Runtime, project: Path) -> None:
        raise DataError(f"{found.folder.name} on {runtime.own_images}")

    monkeypatch.setattr("dcrw.explorer.standalone.load_run_data", refused)
    assert command.main([str(run), "--own-images", "~/moved"]) == 1
    assert capsys.readouterr().err == "small-s0 on ~/moved\n"
