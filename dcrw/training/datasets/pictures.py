"""Pictures of any size and colour as grey squares.

The rule, in order: a photograph is turned upright (EXIF). Grey is luminance (ITU-R 601), what is
transparent lies on the ground, or grey is the opacity. The picture is made square and brought to A
x A pixels, bilinear over all pixels that fall into one. Light and dark are exchanged if asked for.
The ground is black, and white where they are exchanged, so that it ends black.
"""

import io
import warnings
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dcrw.training.data import DataError
from dcrw.training.files import MEBIBYTE, RunError, read_bytes

Fit = Literal["pad", "crop", "stretch"]
Grey = Literal["luminance", "opacity"]
FILE_LIMIT = 64 * MEBIBYTE
PIXEL_LIMIT = 4096 * 4096  # of one picture
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")  # of 8 bits a channel


class Rule(NamedTuple):
    """How pictures become grey squares."""

    fit: Fit = "pad"  # to a square: by ground at the sides, the middle alone, or distorted
    invert: bool = False  # for dark ink on light ground
    grey: Grey = "luminance"


def read_picture(path: Path, size: int, rule: Rule) -> NDArray[np.uint8]:
    """A PNG or JPEG file as (size, size) grey bytes. Raises `DataError` where it is none, damaged,
    animated, of more than 8 bits a channel or too large; its size is looked at before it is
    decoded."""
    try:
        content = read_bytes(path, FILE_LIMIT, "Leave it out, or save it again as PNG or JPEG.")
    except RunError as error:
        raise DataError(str(error)) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # ours is stricter
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
                _check(picture, path)
                return grey_square(picture, size, rule, str(path))
    except DataError:
        raise
    except (
        OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError
    ) as error:  # fmt: skip
        raise DataError(f"{path}: not a readable PNG or JPEG ({_short(error)})") from None


def grey_square(picture: Image.Image, size: int, rule: Rule, name: str) -> NDArray[np.uint8]:
    """A picture as (size, size) grey bytes; name: of it, in errors. Raises `DataError`."""
    ground = 255 if rule.invert else 0
    grey = _grey(ImageOps.exif_transpose(picture), rule.grey, ground, name)
    square = _square(grey, size, rule.fit, ground)
    values = np.asarray(square, dtype=np.uint8)
    return np.uint8(255) - values if rule.invert else values


def _check(picture: Image.Image, path: Path) -> None:
    width, height = picture.size
    if width * height > PIXEL_LIMIT:
        raise DataError(
            f"{path}: {width} x {height} pixels; expected at most {PIXEL_LIMIT:,} in all. Make it "
            "smaller"
        )
    if getattr(picture, "n_frames", 1) > 1:
        raise DataError(f"{path}: animated; expected one picture. Save its frames one by one")
    if picture.mode not in MODES:
        raise DataError(
            f"{path}: pixels of type {picture.mode}; expected 8 bits a channel. Save it so"
        )


def _grey(picture: Image.Image, kind: Grey, ground: int, name: str) -> Image.Image:
    transparent = picture.has_transparency_data
    if kind == "opacity":
        if not transparent:
            raise DataError(f"{name}: has no transparency; expected own_grey = luminance")
        return picture.convert("RGBA").getchannel("A")
    if not transparent:
        return picture.convert("L")
    whole = picture.convert("LA")
    below = Image.new("L", picture.size, ground)
    return Image.composite(whole.getchannel("L"), below, whole.getchannel("A"))


def _square(grey: Image.Image, size: int, fit: Fit, ground: int) -> Image.Image:
    """Scaled before it is padded: a strip of a million pixels makes no square of its length."""
    width, height = grey.size
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        grey = grey.crop((left, top, left + side, top + side))
    if fit != "pad" or width == height:
        return grey.resize((size, size), Image.Resampling.BILINEAR)
    scale = size / max(width, height)
    wide, high = (max(1, round(length * scale)) for length in (width, height))
    square = Image.new("L", (size, size), ground)
    scaled = grey.resize((wide, high), Image.Resampling.BILINEAR)
    square.paste(scaled, ((size - wide) // 2, (size - high) // 2))
    return square


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:120]
