"""The paper's Fig. 4 to 6 show what they are given."""

import numpy as np
import pandas as pd
import pytest

from study.paper.figures import digits_figure, losses_figure, sheet, start_figure


def metrics(first: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "iteration": [50, 100, 150],
            "reconstruction": [first, first - 10, first - 20],
            "latent": [1.0, 2.0, 3.0],
        }
    )


def test_a_sheet_has_each_image_in_its_frame():
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    found = sheet(images, rows=2)
    assert found.shape == (2 * 4, 3 * 4)
    for number, image in enumerate(images):
        row, column = divmod(number, 3)
        framed = found[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        np.testing.assert_array_equal(framed[1:3, 1:3], image)
        assert (framed[0] == 96).all() and (framed[:, -1] == 96).all()
    with pytest.raises(ValueError, match=r"rows = 4: expected a divisor of .* 6"):
        sheet(images, rows=4)


@pytest.mark.parametrize(("steps", "shown"), [(10, (1, 4, 6, 10)), (5, (1, 4))])
def test_digits_at_the_papers_steps(steps, shown):
    canvas = np.arange(steps, dtype=np.uint8).repeat(4 * 3 * 3).reshape(steps, 4, 3, 3)
    traces = {"generated_canvas": canvas, "reconstructed_canvas": canvas + 100}
    traces["images"] = np.full((4, 3, 3), 7, np.uint8)
    axes = digits_figure(traces, rows=2).axes
    assert len(axes) == 2 * (len(shown) + 1)
    for row, step in enumerate(shown):
        left, right = axes[2 * row], axes[2 * row + 1]
        assert f"$t$ = {step}: samples" in left.get_title()
        assert left.images[0].get_array()[1, 1] == step - 1
        assert right.images[0].get_array()[1, 1] == step + 99
    assert axes[-1].images[0].get_array()[1, 1] == 7


def test_losses_stand_over_iterations_beside_the_papers():
    curves = {
        "with attention in read": {"fresh noise": metrics(90.0), "shared noise": metrics(80.0)}
    }
    figure = losses_figure(curves, {"with attention in read": (70.0, 1.5)}, {"mean image": 206.0})
    top, bottom = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_ydata(), [90, 80, 70])
    np.testing.assert_array_equal(top.lines[1].get_ydata(), [80, 70, 60])
    np.testing.assert_array_equal(bottom.lines[0].get_ydata(), [1, 2, 3])
    assert top.lines[2].get_ydata()[0] == 70.0 and bottom.lines[2].get_ydata()[0] == 1.5
    assert top.lines[3].get_ydata()[0] == 206.0
    names = [text.get_text() for text in top.get_legend().get_texts()]
    assert names == ["fresh noise", "shared noise", "paper, Table I"]


def test_a_variant_without_a_row_has_no_dotted_line():
    figure = losses_figure({"DRAW": {"fresh noise": metrics(90.0)}}, {}, {"mean image": 206.0})
    assert len(figure.axes[0].lines) == 2 and len(figure.axes[1].lines) == 1


def test_the_start_is_cut_at_an_iteration():
    figure = start_figure(
        {"with attention in read": {"zeros": metrics(90.0)}}, 206.0, iterations=100
    )
    (axis,) = figure.axes
    np.testing.assert_array_equal(axis.lines[0].get_xdata(), [50, 100])
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [91, 82])
    assert axis.lines[1].get_ydata()[0] == 206.0
