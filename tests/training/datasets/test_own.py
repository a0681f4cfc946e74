"""One's own images: folders, NPZ and IDX to grey squares; what is no such thing is refused."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcrw.training.data import DataError
from dcrw.training.datasets.pictures import Rule, grey_square
from dcrw.training.datasets.table import load


def picture(path: Path, size=(20, 20), mode="L", colour=100, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **more)
    return path


def folder_of(root: Path, count: int = 12) -> Path:
    for i in range(count):
        picture(root / "ab"[i % 2] / f"{i:02d}.png", colour=10 * i)
    return root


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


def test_pictures_of_every_size_and_kind_become_grey_squares(tmp_path):
    picture(tmp_path / "a.png", (30, 10))
    picture(tmp_path / "b.JPG", (10, 30), "RGB", (100, 100, 100))
    picture(tmp_path / "c.png", (9, 9), "RGBA", (255, 255, 255, 0))
    picture(tmp_path / "d.png", (300, 300), "P")
    picture(tmp_path / "e.jpeg", (12, 12), "CMYK", (0, 0, 0, 0))
    picture(tmp_path / "f.png", (1, 1), "1", 1)
    found = load("own", images=tmp_path, image_size=12)
    assert found.classes == () and found.class_names() == ["0"]
    assert sum(len(split.images) for split in found.splits().values()) == 6


def square(image: Image.Image, **rule) -> np.ndarray:
    return grey_square(image, 9, Rule(**rule), "x")


def test_the_rule_by_its_parts():
    wide = Image.fromarray(np.tile(np.repeat([0, 90, 255], 9).astype(np.uint8), (9, 1)))  # 27 x 9
    padded = square(wide)
    assert (padded[:3] == 0).all() and (padded[6:] == 0).all() and padded[4, 8] == 255
    assert (square(wide, invert=True)[:3] == 0).all()  # white ground, exchanged
    assert square(wide, invert=True)[4, 8] == 0
    assert (square(wide, fit="crop") == 90).all()
    stretched = square(wide, fit="stretch")
    assert stretched[0, 0] == 0 and stretched[0, 8] == 255 and (stretched == stretched[0]).all()
    red = Image.new("RGB", (9, 9), (255, 0, 0))
    assert (square(red) == round(0.299 * 255)).all()
    ink = Image.new("RGBA", (9, 9), (0, 0, 0, 100))
    assert (square(ink) == 0).all()
    assert (square(ink, grey="opacity") == 100).all()
    assert (square(ink, invert=True) == 100).all()
    with pytest.raises(DataError, match="x: has no transparency"):
        square(red, grey="opacity")
    same = np.arange(81, dtype=np.uint8).reshape(9, 9)
    assert np.array_equal(square(Image.fromarray(same)), same)


def huge_png() -> bytes:
    """12,000 x 12,000 black pixels in a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = struct.pack(">IIBBBBB", 12_000, 12_000, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(12_000 * 1_501), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def animated() -> bytes:
    frames, buffer = [Image.new("L", (8, 8), grey) for grey in (0, 255)], io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def deep() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.png", huge_png(), "12000 x 12000 pixels; expected at most"),
        ("x.png", animated(), "animated; expected one picture"),
        ("x.png", deep(), "expected 8 bits a channel"),
        ("x.png", b"", "not a readable PNG or JPEG"),
        ("x.png", b"GIF89a" + bytes(50), "not a readable PNG or JPEG"),
        ("x.jpg", huge_png()[:60], "not a readable PNG or JPEG|expected at most"),
        ("x.gif", b"GIF89a", "expected PNG or JPEG alone"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, name, content, message):
    folder_of(tmp_path)
    (tmp_path / "a" / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load("own", images=tmp_path)
    assert name in str(caught.value)


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
