"""The figure of measured speed."""

from pathlib import Path

from benchmarks import plots, report


def test_the_figure_has_a_bar_and_a_line_for_each_model(measured: Path) -> None:
    (entry,) = report.load(measured.parent)
    bars, batch, steps, shares = plots.speed_figure(entry).axes
    heights = sorted(bar.get_height() for bar in bars.patches if bar.get_height())
    assert heights == sorted(entry.speed.iterations_per_second)
    for axis in (batch, steps):
        assert len(axis.containers) == 2 * len(plots.SHORT)  # against both textbooks
    assert len(shares.containers) > 0
