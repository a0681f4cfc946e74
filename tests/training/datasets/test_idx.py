"""IDX files: what was written is read, and what is no IDX file is named."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dcrw.training.data import DataError
from dcrw.training.datasets.idx import decompressed, parsed, read_content, spellings

PATH = Path("some-idx3-ubyte")


def packed(array: np.ndarray) -> bytes:
    """The format as LeCun's page describes it: two zeros, type, dimensions, sizes, bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_arrays_come_back(array):
    assert np.array_equal(parsed(packed(array), PATH, array.ndim), array)


@given(st.binary(max_size=40))
def test_other_bytes_are_named(content):
    head = bytes([0, 0, 8, 1, 0, 0, 0, len(content)])
    assert packed(parsed(head + content, PATH, 1)) == head + content
    with pytest.raises(DataError, match=r"some-idx3-ubyte: .*expected"):
        parsed(content + head, PATH, 2)


def test_a_file_that_asks_for_much_is_refused(tmp_path):
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 2**31)
    with pytest.raises(DataError, match="16 bytes; expected 9,903,520"):
        parsed(head, PATH, 3)
    bomb = gzip.compress(bytes(5_000))
    assert decompressed(bomb, PATH, 5_000) == bytes(5_000)
    with pytest.raises(DataError, match="more than 4,999 bytes decompressed"):
        decompressed(bomb, PATH, 4_999)
    (tmp_path / "a.gz").write_bytes(bomb)
    assert read_content(tmp_path / "a.gz") == bytes(5_000)
    assert read_content(tmp_path / "a.gz", packed=True) == bomb
    (tmp_path / "a.gz").write_bytes(bomb[:-9])
    with pytest.raises(DataError, match=r"a\.gz: not a readable gzip archive"):
        read_content(tmp_path / "a.gz")


def test_four_spellings_are_known():
    assert spellings("train-images-idx3-ubyte")[1] == "train-images.idx3-ubyte"
    assert [name.endswith(".gz") for name in spellings("a-idx1-b")] == [False, False, True, True]
