"""Figures that answer when touched, as HTML with JSON."""

import base64
import io
import json
import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from study import live


def opened(address: str) -> np.ndarray:
    kind, _, text = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L"))


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
def test_a_film_has_its_sheets_side_by_side(steps: int, rows: int, columns: int) -> None:
    numbers = np.random.default_rng(1).integers(0, 256, (steps, rows * columns, 4, 4), np.uint8)
    picture = opened(live.film(numbers, columns))
    assert picture.shape == (rows * 4, steps * columns * 4)
    for step in range(steps):
        for number in range(rows * columns):
            top, left = number // columns * 4, (step * columns + number % columns) * 4
            shown = picture[top : top + 4, left : left + 4].astype(int)
            off = np.abs(shown - numbers[step, number])
            assert off.max() <= 255 / (live.LEVELS - 1) / 2 + 0.5


def test_a_sheet_is_a_film_of_one_step() -> None:
    images = np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3)
    assert live.sheet(images, 2) == live.film(images[None], 2)


def test_columns_divide_the_number_of_pictures() -> None:
    with pytest.raises(ValueError, match="columns = 3: expected a divisor of the number, 4"):
        live.sheet(np.zeros((4, 2, 2), np.uint8), 3)


class Pair(NamedTuple):
    low: float
    high: float


def test_the_state_is_json_that_no_markup_can_leave() -> None:
    state = {"a": np.float64(1.25), "b": [np.nan, 1 / 3], "c": Pair(-1.0, np.inf), "d": "</script>"}
    shown = live.Live("dial", state)._repr_html_()
    (text,) = re.findall(r'<script type="application/json" class="state">(.*?)</script>', shown)
    assert json.loads(text) == {
        "a": 1.25,
        "b": [None, 0.333333333],
        "c": {"low": -1.0, "high": None},
        "d": "</script>",
    }
    assert 'class="dcrw-live" data-kind="dial"' in shown
