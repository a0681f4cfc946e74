"""Small pictures in folders, for tests of data sets."""

from pathlib import Path

from PIL import Image


def picture(path: Path, size=(20, 20), mode="L", colour=100, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **more)
    return path


def folder_of(root: Path, count: int = 12) -> Path:
    for i in range(count):
        picture(root / "ab"[i % 2] / f"{i:02d}.png", colour=10 * i)
    return root
