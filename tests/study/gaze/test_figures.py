"""The same figure twice, from tables."""

from study.gaze import tables
from study.gaze.figures import paths_figure
from study.gaze.measure import ALL
from study.style import save_figure


def test_tables_for_figures_and_the_same_figure_twice(recorded, tmp_path):
    paths = tables.paths(recorded)
    assert {"x", "x_sd", "y", "y_sd"} <= set(paths)
    maps = tables.maps(recorded)
    assert set(maps.step) == {"1", "2", ALL} and len(maps) == 10 * 3 * 28
    arrays = recorded["dcrw-fresh"].arrays
    own = paths[paths.cell == "dcrw-fresh"]
    for name in ("first", "second"):
        figure = paths_figure(own, arrays["classes"], arrays["mean_images"])
        save_figure(figure, tmp_path / name)
    for kind in ("png", "svg"):
        first, second = (tmp_path / f"{name}.{kind}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
