"""Letters as a folder of PNG: the same from the same seed, and taken as images of one's own."""

import numpy as np
import pytest
from common import ROOT

from dcrw.training.datasets.table import load
from dcrw.training.profiles import load_profile
from study import glyphs


def test_letters_are_different_pictures_within_their_frames():
    found = dict(glyphs.pictures(each=6))
    assert len(found) == 6 * 33
    stacked = np.stack(list(found.values()))
    assert stacked.shape[1:] == (28, 28) and stacked.dtype == np.uint8
    assert len(np.unique(stacked, axis=0)) == len(stacked)
    assert (stacked.max((1, 2)) > 150).all()
    assert (stacked.mean((1, 2)) > 5).all()
    frame = np.concatenate([stacked[:, 0], stacked[:, -1], stacked[:, :, 0].reshape(198, -1)])
    assert (frame == 0).mean() > 0.99
    again = dict(glyphs.pictures(each=6))
    assert all(np.array_equal(found[name], again[name]) for name in found)
    other = dict(glyphs.pictures(seed=1, each=6))
    assert not np.array_equal(found["an/000"], other["an/000"])


def test_every_letter_is_in_every_font():
    from fontTools.ttLib import TTFont

    for name in glyphs.FONTS:
        held = TTFont(glyphs.font_path(name)).getBestCmap()
        assert all(ord(letter) in held for letter in glyphs.LETTERS.values())
        assert (glyphs.font_path(name).parent / "LICENSE_DEJAVU").exists()


def test_a_folder_of_them_is_a_data_set(tmp_path):
    assert glyphs.write(tmp_path, each=2) == 66
    found = load("own", images=tmp_path)
    assert found.classes == tuple(sorted(glyphs.LETTERS))
    assert sum(len(split.images) for split in found.splits().values()) == 66


def test_the_profile_names_the_folder_and_the_images():
    profile = load_profile(ROOT / "configs" / "glyphs.yaml")
    assert profile.own_images == glyphs.FOLDER
    (config,) = profile.configs()
    if not (ROOT / glyphs.FOLDER).exists():
        pytest.skip(f"{glyphs.FOLDER} is not made")
    assert load("own", images=ROOT / glyphs.FOLDER).digest == config.data.own_sha256
