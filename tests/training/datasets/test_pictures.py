"""Pictures to grey squares: the rule by its parts; what is no picture is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tiny_pictures import folder_of, picture

from dcrw.training.data import DataError
from dcrw.training.datasets.pictures import Rule, grey_square
from dcrw.training.datasets.table import load


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
