"""Charts that several chapters use."""

import pandas as pd
import pytest

from study.charts import (
    differences_figure,
    lines_figure,
    panels,
    save_both,
    save_with_table,
    spread,
)
from study.style import NARROW, WIDE


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"cell": ["b", "b", "a"], "step": [1, 2, 1], "one": [1.0, 2.0, 3.0], "two": [4.0, 5.0, 6.0]}
    )


def test_panels_hold_a_curve_an_entry_in_the_tables_order(table):
    found = panels(table, "cell", {"first": "one", "second": "two"})
    assert list(found) == ["first", "second"] and list(found["first"]) == ["b", "a"]
    assert found["second"]["b"].value.tolist() == [4.0, 5.0]
    assert found["first"]["a"].step.tolist() == [1] and "value" not in table


def test_lines_have_labels_and_bands_where_there_are_ends(table):
    curves = panels(table, "cell", {"first": "one"})
    curves["first"]["b"] = curves["first"]["b"].assign(low=0.0, high=9.0)
    figure = lines_figure(curves, "step", {"x": "step $t$", "first": "nats"})
    (axis,) = figure.axes
    assert [line.get_label() for line in axis.get_lines()] == ["b", "a"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step $t$", "nats")
    assert len(axis.collections) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["b", "a"]


def test_spread_is_the_mean_and_the_range_over_seeds():
    seeds = [pd.DataFrame({"step": [1, 2], "loss": [a, 10.0 * a]}) for a in (1.0, 2.0, 6.0)]
    found = spread(seeds, "step", "loss")
    assert found.values.tolist() == [[1, 3.0, 1.0, 6.0], [2, 30.0, 10.0, 60.0]]
    assert found.columns.tolist() == ["step", "value", "low", "high"]


def test_differences_are_dots_beside_the_band_of_equal_runs():
    figure = differences_figure({"x = 1": -3.0, "y = 2": 5.0}, "nats", [-1.0, -2.0])
    (axis,) = figure.axes
    dots = next(line for line in axis.get_lines() if line.get_marker() == "o")
    assert list(dots.get_xdata()) == [-3.0, 5.0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["x = 1", "y = 2"]
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-2.0, 0.0))


def test_a_figure_is_drawn_for_a_page_and_for_a_phone(tmp_path, table):
    widths = []

    def draw(width: float):
        widths.append(width)
        return lines_figure(panels(table, "cell", {"first": "one"}), "step", {"x": "step"}, width)

    path = save_both(draw, table, tmp_path / "one")
    assert path == tmp_path / "one.png" and path.with_suffix(".csv").exists()
    assert (tmp_path / "one_narrow.png").exists() and widths == [WIDE, NARROW]


def test_panels_stand_below_each_other_on_a_phone(table):
    curves = panels(table, "cell", {"first": "one", "second": "two"})
    wide, narrow = (lines_figure(curves, "step", {"x": "step"}, width) for width in (WIDE, NARROW))
    (left, right), (above, below) = wide.axes, narrow.axes
    assert left.get_subplotspec().rowspan == right.get_subplotspec().rowspan
    assert above.get_subplotspec().colspan == below.get_subplotspec().colspan
    assert narrow.get_size_inches()[0] == NARROW


def test_a_figure_is_saved_with_what_it_shows(tmp_path, table):
    figure = lines_figure(panels(table, "cell", {"first": "one"}), "step", {"x": "step"})
    path = save_with_table(figure, table, tmp_path / "figures" / "one")
    assert path == tmp_path / "figures" / "one.png" and path.stat().st_size > 1000
    assert path.with_suffix(".svg").exists()
    written = pd.read_csv(path.with_suffix(".csv"))
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
