"""Canvases rebuilt from what is kept of a drawing."""

import pytest
import torch
from tiny_galleries import PAIRS, READINGS, SAMPLING, digits, recorded, small_writer

from dcrw.explorer.gallery import COLUMNS
from dcrw.explorer.rebuild import rebuild_canvas
from dcrw.explorer.recording import reconstruct


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "draw", "dcrw-whole-image"])
def test_canvases_are_rebuilt_from_windows_and_patches(architecture: str, reading: str) -> None:
    model = small_writer(architecture=architecture, **READINGS[reading])
    recording = recorded({"model": model}).recordings[0]
    drawn = reconstruct(model, digits(), SAMPLING).canvas
    rebuilt = rebuild_canvas(recording, "reconstruct")
    assert (rebuilt.sigmoid() - drawn.sigmoid()).abs().max() < 1 / 255


def test_blends_start_and_end_as_the_reconstructions() -> None:
    gallery = recorded({"model": small_writer()})
    drawn = rebuild_canvas(gallery.recordings[0], "reconstruct")
    blended = rebuild_canvas(gallery.recordings[0], "interpolate")
    assert blended.shape[1] == COLUMNS
    torch.testing.assert_close(blended[:, [0, -1]], drawn[:, PAIRS[0]], atol=0.02, rtol=0)
