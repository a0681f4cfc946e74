"""The figure of cells shows every seed, and an interval where there are several."""

import numpy as np
import pandas as pd
import pytest

from study.claims.figures import cells_figure
from study.statistics import student_interval


def test_a_dot_a_seed_and_a_bar_for_the_interval():
    table = pd.DataFrame(
        {"cell": ["one"] * 3 + ["other"], "test_total": [100.0, 101.0, 105.0, 90.0]}
    )
    (axis,) = cells_figure(table, {"one": "with attention in read", "other": "DRAW"}).axes
    bar, dots, alone = axis.lines
    assert bar.get_xdata() == pytest.approx(student_interval([100.0, 101.0, 105.0]))
    np.testing.assert_array_equal(dots.get_xdata(), [100, 101, 105])
    assert set(dots.get_ydata()) == {0} and set(bar.get_ydata()) == {0}
    np.testing.assert_array_equal((alone.get_xdata(), alone.get_ydata()), ([90], [1]))
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "with attention in read",
        "DRAW",
    ]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # top to bottom
