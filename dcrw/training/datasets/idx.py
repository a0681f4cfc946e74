"""IDX files, MNIST's format: unsigned bytes in an array, as they are or compressed by gzip."""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcrw.training.data import DataError
from dcrw.training.files import MEBIBYTE, RunError, read_bytes

LIMIT = 1024 * MEBIBYTE  # of a file, decompressed
BYTES = 8  # the code of unsigned bytes


def read_content(path: Path, at_most: int = LIMIT, packed: bool = False) -> bytes:
    """A file's content, decompressed where its name ends in `.gz` unless it is wanted packed.
    Raises `DataError`."""
    try:
        content = read_bytes(path, at_most, "Expected an IDX file.")
    except RunError as error:
        raise DataError(str(error)) from None
    unpack = path.suffix == ".gz" and not packed
    return decompressed(content, path, at_most) if unpack else content


def decompressed(content: bytes, path: Path, at_most: int = LIMIT) -> bytes:
    """What a gzip archive holds. Raises `DataError` where it is damaged or holds too much."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as archive:
            found = archive.read(at_most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a readable gzip archive ({error})") from None
    if len(found) > at_most:
        raise DataError(f"{path}: more than {at_most:,} bytes decompressed; expected less")
    return found


def parsed(content: bytes, path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an IDX file. Raises `DataError` where it is none of unsigned bytes with that
    number of dimensions, or has another length than its head says."""
    head = 4 + 4 * dimensions
    if len(content) < head or content[:4] != bytes([0, 0, BYTES, dimensions]):
        raise DataError(
            f"{path}: begins with {content[:4].hex(' ')}; expected 00 00 08 {dimensions:02x}, an "
            f"IDX file of unsigned bytes with {dimensions} dimensions"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:head])
    if len(content) != head + math.prod(shape):
        raise DataError(
            f"{path}: {len(content):,} bytes; expected {head + math.prod(shape):,} for shape "
            f"{shape}"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()


def spellings(name: str) -> list[str]:
    """Names under which an IDX file is found: with a hyphen or a dot, decompressed or not."""
    dotted = name.replace("-idx", ".idx")
    return [name, dotted, f"{name}.gz", f"{dotted}.gz"]
