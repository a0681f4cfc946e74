"""One's own images: folders, NPZ and IDX to grey squares; what is no such thing is refused."""

import struct

import numpy as np
import pytest
from tiny_pictures import folder_of, picture

from dcrw.training.data import DataError
from dcrw.training.datasets.pictures import Rule
from dcrw.training.datasets.table import load


def test_a_folder_of_classes(tmp_path):
    root = folder_of(tmp_path)
    (root / ".hidden").write_text("x")
    (root / "README.md").write_text("x")
    found = load("own", images=root, image_size=8)
    assert found.name == "own" and found.classes == ("a", "b")
    seen = {}
    for split in found.splits().values():
        for image, label in zip(split.images, split.labels, strict=True):
            seen[int(image[0, 0])] = int(label)
            assert image.shape == (8, 8) and image.min() == image.max()
    assert seen == {10 * i: i % 2 for i in range(12)}


def test_folders_of_another_form_are_refused(tmp_path):
    with pytest.raises(DataError, match="own_images = '': expected a folder"):
        load("own")
    with pytest.raises(DataError, match="no such file or folder"):
        load("own", images=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: has no PNG or JPEG"):
        load("own", images=tmp_path / "empty")
    root = folder_of(tmp_path / "mixed")
    picture(root / "loose.png")
    with pytest.raises(DataError, match=r"loose\.png: lies beside folders of classes \(a\)"):
        load("own", images=root)
    root = folder_of(tmp_path / "hollow")
    (root / "c").mkdir()
    with pytest.raises(DataError, match="c: has no PNG or JPEG; expected some of every class"):
        load("own", images=root)
    root = folder_of(tmp_path / "nested")
    picture(root / "a" / "deeper" / "x.png")
    with pytest.raises(DataError, match="deeper: a folder below"):
        load("own", images=root)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"notes\.txt: expected a folder"):
        load("own", images=tmp_path / "notes.txt")


def test_an_npz_of_bytes_floats_colours_and_other_sizes_is_taken(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    colours = np.repeat(grey[..., None], 3, 3)
    larger = np.repeat(np.repeat(grey, 2, 1), 2, 2)
    digests = set()
    for i, images in enumerate((grey, grey / 255, grey.astype(np.int64), colours)):
        np.savez_compressed(tmp_path / f"{i}.npz", images=images, labels=np.arange(12) % 3)
        digests.add(load("own", images=tmp_path / f"{i}.npz").digest)
    assert len(digests) == 1
    np.savez(tmp_path / "large.npz", images=larger, classes=["x"])
    found = load("own", images=tmp_path / "large.npz")
    assert found.train.images.shape == (10, 28, 28) and found.classes == ("x",)
    np.savez(tmp_path / "inverted.npz", images=255 - grey, labels=np.arange(12) % 3)
    found = load("own", images=tmp_path / "inverted.npz", rule=Rule(invert=True))
    assert found.digest in digests


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((9, 28, 28))}, "holds pictures; expected images"),
        ({"images": np.zeros((9, 28))}, r"images of shape \(9, 28\)"),
        ({"images": np.zeros((9, 28, 28, 5))}, r"images of shape \(9, 28, 28, 5\)"),
        ({"images": np.zeros((0, 28, 28))}, r"images of shape \(0, 28, 28\)"),
        ({"images": np.full((9, 28, 28), 2.5)}, "values from 2.5 to 2.5"),
        ({"images": np.zeros((9, 28, 28)), "labels": np.zeros(8, int)}, "labels: shape"),
    ],
)
def test_other_npz_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=rf"x\.npz: .*{message}"):
        load("own", images=tmp_path / "x.npz")
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 no")
    with pytest.raises(DataError, match=r"x\.npz: not a readable NPZ"):
        load("own", images=tmp_path / "x.npz")


def test_an_idx_file_with_its_labels_beside_it(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    labels = np.arange(12, dtype=np.uint8) % 4
    head = struct.pack(">HBB3I", 0, 8, 3, *images.shape)
    (tmp_path / "my-images-idx3-ubyte").write_bytes(head + images.tobytes())
    alone = load("own", images=tmp_path / "my-images-idx3-ubyte")
    assert alone.class_names() == ["0"]
    content = struct.pack(">HBBI", 0, 8, 1, 12) + labels.tobytes()
    (tmp_path / "my-labels-idx1-ubyte").write_bytes(content)
    found = load("own", images=tmp_path / "my-images-idx3-ubyte")
    assert found.class_names() == ["0", "1", "2", "3"]
    (tmp_path / "my-labels-idx1-ubyte").write_bytes(content[:-1])
    with pytest.raises(DataError, match="my-labels-idx1-ubyte: 19 bytes; expected 20"):
        load("own", images=tmp_path / "my-images-idx3-ubyte")
    (tmp_path / "my-images-idx3-ubyte").write_bytes(b"\0\0\x0d\3" + head[4:] + images.tobytes())
    with pytest.raises(DataError, match="begins with 00 00 0d 03; expected 00 00 08 03"):
        load("own", images=tmp_path / "my-images-idx3-ubyte")
