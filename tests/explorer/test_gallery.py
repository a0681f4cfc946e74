"""The explorer's file, and what needs to be loaded to read it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from common import ROOT
from tiny_galleries import STEPS, recorded, small_writer

from dcrw.explorer.gallery import ExplorerError, Gallery


def test_a_gallery_is_read_as_it_was_written(tmp_path: Path) -> None:
    gallery = recorded({"first": small_writer(), "second": small_writer(architecture="draw")})
    gallery.save(tmp_path / "explorer.npz")
    found = Gallery.load(tmp_path / "explorer.npz")
    assert found.about == {"seed": 7} and found.steps == STEPS
    np.testing.assert_array_equal(found.images, gallery.images)
    for mine, theirs in zip(gallery.recordings, found.recordings, strict=True):
        assert (mine.name, mine.config) == (theirs.name, theirs.config)
        assert mine.modes.keys() == theirs.modes.keys()
        for mode, tracks in mine.modes.items():
            assert tracks.keys() == theirs.modes[mode].keys()
            for key, values in tracks.items():
                np.testing.assert_array_equal(values, theirs.modes[mode][key])


@pytest.mark.parametrize("content", [None, b"not an archive"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "explorer.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExplorerError, match=r"not a file of the explorer: .*explorer\.npz: "):
        Gallery.load(path)


def test_the_committed_file_is_small_and_complete() -> None:
    path = ROOT / "results/grid/explorer/explorer.npz"
    gallery = Gallery.load(path)
    assert path.stat().st_size < 1e6
    assert len(gallery.images) >= 32
    assert {recording.config.architecture for recording in gallery.recordings} == {
        "dcrw",
        "dcrw-write-only",
        "draw",
    }


def test_a_gallery_needs_no_widget() -> None:
    script = (
        "import sys; sys.modules['anywidget'] = sys.modules['matplotlib'] = None; "
        "from dcrw.explorer import Gallery; Gallery.load"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
