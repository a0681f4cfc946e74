"""The moving picture: what its panels hold, and the files that it leaves."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcrw.model.config import ModelConfig
from study.paper import moving

STEPS, COUNT, SIDE = 3, moving.SAMPLES + 2, 6


def traces(grey: int) -> dict[str, np.ndarray]:
    window = np.tile(np.float32([2.5, 2.5, 0.5, 1, 1]), (STEPS, COUNT, 1))
    canvas = np.full((STEPS, COUNT, SIDE, SIDE), grey, np.uint8)
    canvas += np.arange(STEPS, dtype=np.uint8)[:, None, None, None]
    return {
        "images": np.arange(COUNT, dtype=np.uint8)[:, None, None].repeat(SIDE, 1).repeat(SIDE, 2),
        "reconstructed_canvas": canvas,
        "generated_canvas": canvas,
        "reconstructed_read_window": window,
        "reconstructed_write_window": window,
    }


@pytest.fixture
def shown() -> list[moving.Panel]:
    return moving.panels(traces(50), traces(90), ModelConfig(), digit=1)


def test_panels_show_the_digit_its_drawing_and_both_kinds_of_samples(shown) -> None:
    read, drawn, fresh, shared = shown
    assert (read.images == 1).all() and read.windows.shape == (STEPS, 5)
    assert [int(step.max()) for step in drawn.images] == [50, 51, 52]
    assert fresh.windows is None and fresh.images.shape == (STEPS, 4 * (SIDE + 2), 4 * (SIDE + 2))
    assert (fresh.images[0][1:-1, 1:2] == 50).any() and (shared.images[0][1:-1, 1:2] == 90).any()


def test_a_digit_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError):
        moving.panels(traces(50), traces(90), ModelConfig(), digit=COUNT)


def test_it_moves_through_the_steps_and_stands_still_at_the_last(shown, tmp_path: Path) -> None:
    pictures = moving.frames(shown, "narrow")
    moving.save(pictures, tmp_path / "drawing")
    with Image.open(tmp_path / "drawing.webp") as file:
        assert file.n_frames == STEPS
        file.seek(STEPS - 1)
        last = np.asarray(file.convert("RGB"))
    with Image.open(tmp_path / "drawing_still.webp") as still:
        np.testing.assert_array_equal(np.asarray(still.convert("RGB")), last)
    wide = moving.frames([panel._replace(images=panel.images[:1]) for panel in shown], "wide")
    assert wide[0].width > 2 * wide[0].height


def test_the_committed_pictures_are_light() -> None:
    folder = Path(moving.__file__).parents[2] / "results" / "paper" / "figures"
    sizes = {path.name: path.stat().st_size for path in folder.glob("drawing_*.webp")}
    assert len(sizes) == 2 * len(moving.LAYOUTS) and max(sizes.values()) < 300_000
