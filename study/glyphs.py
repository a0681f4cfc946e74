"""Georgian letters as a folder of PNG, one subfolder a letter: images of one's own to try with.

Letters of the Mkhedruli script are set in the DejaVu fonts that matplotlib ships (Bitstream Vera
licence, in the same folder), each a little turned, slanted, scaled and moved. Every number is drawn
from a seed. As a command: `python -m study.glyphs [FOLDER]`.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dcrw.training.files import project_root, write_atomically

FOLDER = "results/glyphs/images"
LETTERS = {  # transliteration (ISO 9984, its marks left out) to letter
    "an": "ა", "ban": "ბ", "gan": "გ", "don": "დ", "en": "ე", "vin": "ვ", "zen": "ზ", "tan": "თ",
    "in": "ი", "kan": "კ", "las": "ლ", "man": "მ", "nar": "ნ", "on": "ო", "par": "პ", "zhar": "ჟ",
    "rae": "რ", "san": "ს", "tar": "ტ", "un": "უ", "phar": "ფ", "khar": "ქ", "ghan": "ღ",
    "qar": "ყ", "shin": "შ", "chin": "ჩ", "can": "ც", "jil": "ძ", "cil": "წ", "char": "ჭ",
    "xan": "ხ", "jhan": "ჯ", "hae": "ჰ",
}  # fmt: skip
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono")
EACH = 90  # pictures of a letter, as many of every font
SIZE = 28  # pixels a side
LARGE = 4  # times that, at which letters are set before they are turned
EM = 22  # pixels at the final size
TURN, SLANT, SCALE, MOVE = 12.0, 0.15, 0.12, 1.5  # largest: degrees, shear, part, pixels


def font_path(name: str) -> Path:
    """The file of one of matplotlib's fonts."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"


def pictures(seed: int = 0, each: int = EACH) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Names `letter/number` and pictures (SIZE, SIZE), white on black."""
    fonts = [ImageFont.truetype(str(font_path(name)), EM * LARGE) for name in FONTS]
    for place, (name, letter) in enumerate(LETTERS.items()):
        rng = np.random.Generator(np.random.Philox(key=[seed, place]))
        for number in range(each):
            drawn = _set(letter, fonts[number % len(fonts)])
            yield f"{name}/{number:03d}", _varied(drawn, rng.uniform(-1, 1, 5))


def write(folder: Path, seed: int = 0, each: int = EACH) -> int:
    """Write the pictures as PNG; returns how many. Raises `RunError`."""
    count = 0
    for name, picture in pictures(seed, each):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        write_atomically(folder / f"{name}.png", buffer.getvalue())
        count += 1
    return count


def _set(letter: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """A letter in the middle of a large square."""
    side = SIZE * LARGE
    picture = Image.new("L", (side, side), 0)
    left, top, right, bottom = font.getbbox(letter)
    place = ((side - left - right) / 2, (side - top - bottom) / 2)
    ImageDraw.Draw(picture).text(place, letter, 255, font)
    return picture


def _varied(picture: Image.Image, amounts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A large square turned, slanted, scaled and moved by amounts in [-1, 1], then made small."""
    turn, slant = np.deg2rad(TURN * amounts[0]), SLANT * amounts[1]
    scale, moved = 1 + SCALE * amounts[2], LARGE * MOVE * amounts[3:]
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    inverse = rotation @ np.array([[1, slant], [0, 1]]) / scale
    middle = picture.width / 2
    offset = middle - inverse @ (middle + moved)
    numbers = (*inverse[0], offset[0], *inverse[1], offset[1])
    varied = picture.transform(
        picture.size, Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR
    )
    return np.asarray(varied.resize((SIZE, SIZE), Image.Resampling.BOX))


if __name__ == "__main__":
    target = project_root() / (sys.argv[1] if len(sys.argv) > 1 else FOLDER)
    print(f"{write(target)} pictures in {target}")
