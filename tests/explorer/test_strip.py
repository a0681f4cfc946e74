"""The still picture."""

from tiny_galleries import SIZE, STEPS, recorded, small_writer

from dcrw.explorer.strip import strip_figure, strip_rows


def test_the_strip_has_a_row_for_what_is_read_and_one_for_what_is_written() -> None:
    gallery = recorded(
        {"read": small_writer(), "written": small_writer(architecture="dcrw-write-only")}
    )
    rows = strip_rows(gallery, ["read", "written"], digit=2)
    assert [row.reads for row in rows] == [True, False, False]
    assert all(row.images.shape == (STEPS, SIZE, SIZE) for row in rows)
    figure = strip_figure(rows)
    assert len(figure.axes) == 3 * STEPS
    assert all(len(axis.patches) == 2 for axis in figure.axes)  # the band and the line
