"""The explorer with its models at hand, without a browser."""

import io
from pathlib import Path

import pytest
from PIL import Image
from tiny_galleries import SIZE, STEPS, digits, recorded, save_run

from dcrw.explorer.gallery import ExplorerError
from dcrw.explorer.live import LiveExplorer, animate
from dcrw.model.config import ModelConfig


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as the project, with two complete runs and one of another size."""
    for name in ("configs", "dcrw"):
        (tmp_path / name).mkdir()
    given = {"image_size": SIZE, "read_size": 4, "write_size": 3, "steps": STEPS}
    for name, settings in {
        "first": {},
        "second": {"architecture": "draw"},
        "large": {"image_size": 16},
    }.items():
        config = ModelConfig.model_validate(given | settings)
        save_run(tmp_path / "results/custom/runs" / name, config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def live(project: Path) -> LiveExplorer:
    return LiveExplorer(recorded({}), ["results/custom/runs/first"])


def test_live_models_draw_the_gallery_and_the_sketch(live: LiveExplorer) -> None:
    assert live.models == ["first"] and live.total_steps == STEPS
    assert live.folders == [f"results/custom/runs/{name}" for name in ("first", "large", "second")]
    before = live.block
    live.sketch = digits(1).tobytes()
    assert live.block != before and live.message == ""
    shape = live.catalogue["arrays"]["first/sketch/patch"]["shape"]
    assert shape == [STEPS, 1, 3, 3]


@pytest.mark.parametrize(("name", "value"), [("seed", 5), ("temperature", 0.5)])
def test_noise_changes_what_is_drawn(live: LiveExplorer, name: str, value: float) -> None:
    before = live.block
    setattr(live, name, value)
    assert live.block != before


def test_the_number_of_steps_can_be_changed(live: LiveExplorer) -> None:
    live.total_steps = 7
    assert live.catalogue["steps"] == 7
    assert live.catalogue["arrays"]["first/reconstruct/patch"]["shape"][0] == 7


def test_further_runs_are_loaded_by_message(live: LiveExplorer) -> None:
    live._answer(live, {"kind": "load", "folder": "results/custom/runs/second"}, [])
    assert live.message == "" and live.models == ["first", "second"]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("results/nowhere", "no such folder"),
        ("", "no such folder"),
        ("configs", "not a complete run"),
        ("results/custom/runs/first", "shown already"),
        ("results/custom/runs/large", "takes images of 16 x 16 pixels"),
    ],
)
def test_a_folder_that_cannot_be_loaded_changes_nothing(
    live: LiveExplorer, folder: str, reason: str
) -> None:
    before = live.block
    live._answer(live, {"kind": "load", "folder": folder}, [])
    assert reason in live.message
    assert live.block == before and live.models == ["first"]


def test_every_request_is_answered(live: LiveExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a view that hears nothing the kernel counts as gone."""
    sent: list[object] = []
    monkeypatch.setattr(live, "send", lambda content, buffers=None: sent.append(content))
    live.seed = 5
    live.sketch = b"12"
    live._answer(live, {"kind": "load", "folder": "results/nowhere"}, [])
    assert sent == [{"kind": "done"}] * 3


def test_a_setting_that_is_impossible_is_set_back(live: LiveExplorer) -> None:
    kept = live.sketch
    live.sketch = b"12"
    assert "expected 12 x 12 = 144" in live.message
    assert live.sketch == kept


def test_frames_become_an_animation() -> None:
    frames = []
    for level in (0, 120, 240):
        target = io.BytesIO()
        Image.new("RGB", (8, 6), (level, 0, 0)).save(target, "PNG")
        frames.append(target.getvalue())
    animation = Image.open(io.BytesIO(animate(frames)))
    assert (animation.n_frames, animation.size) == (3, (8, 6))  # type: ignore[attr-defined]
    with pytest.raises(ExplorerError):
        animate([])
