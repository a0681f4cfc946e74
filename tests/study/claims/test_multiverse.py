"""Every way in which a value was measured: its table, and its figure."""

import pandas as pd
import pytest
from made_up_accounts import PRINTED

from study.cells import gathered
from study.claims.accounts import JUDGED, VALUES
from study.claims.multiverse import (
    EARLIER,
    MARKS,
    multiverse,
    multiverse_figure,
    way_of,
    ways_near,
)


def made_up(off: float = 1.0, way: str = "shared", measure: str = JUDGED) -> pd.DataFrame:
    """Two seeds of both variants around `off` times the printed values."""
    return pd.DataFrame(
        [
            {"way": way, "row": row, "seed": seed, "iterations": 10_000, "measure": measure}
            | {loss: PRINTED[f"{row}_{loss}"] * (off + 0.04 * sign) for loss in ("lx", "lz")}
            for row in ("attention", "write_only")
            for seed, sign in enumerate((-1, 1))
        ]
    )


def test_a_cell_is_a_row_and_a_way():
    assert way_of("dcrw-write-only-shared-long") == ("write_only", "shared-long")
    assert way_of("dcrw-tensorflow2016") == ("attention", "tensorflow2016")
    with pytest.raises(ValueError, match="draw-fresh"):
        way_of("draw-fresh")


@pytest.fixture(scope="module")
def entries():
    return gathered()[0]


def test_the_committed_runs_have_every_measure(entries):
    (entry,) = (e for e in entries if e.config.folder_name.startswith("dcrw-shared-s0"))
    table = multiverse([entry])
    assert table.measure.tolist() == list(MARKS)
    metrics = entry.run.metrics()
    until = metrics[(metrics.iteration > EARLIER - 1000) & (metrics.iteration <= EARLIER)]
    early = table[table.measure == f"iteration_{EARLIER}"].iloc[0]
    assert early.lx == pytest.approx(until.reconstruction.mean())


def test_bridges_draw_and_short_runs_are_left_out(entries):
    names = ("draw-fresh-s0", "dcrw-whole-image", "dcrw-sgd")
    others = [e for e in entries if e.config.folder_name.startswith(names)]
    assert len(others) == 3 and multiverse(others).empty


def test_ways_whose_means_lie_near_all_four_values_are_counted():
    near, far = made_up(1.05), made_up(1.3, "fresh")
    assert ways_near(near, 0.1, PRINTED) == 1
    assert ways_near(pd.concat([near, far]), 0.1, PRINTED) == 1
    assert ways_near(far, 0.1, PRINTED) == 0
    half = near[near.row == "attention"]
    assert ways_near(half, 0.1, PRINTED) == 0  # the other row was not measured so
    crossed = pd.concat([half, made_up(measure="test").query("row == 'write_only'")])
    assert ways_near(crossed, 0.1, PRINTED) == 0


def test_the_figure_has_a_panel_a_value_and_a_line_a_way():
    table = pd.concat([made_up(1.3, "tensorflow2016"), made_up(way="r50"), made_up(way="fresh")])
    figure = multiverse_figure(table, PRINTED, 0.1)
    assert len(figure.axes) == len(VALUES)
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert ticks == ["fresh noise", "ρ = 0.5", "tools of 2016"]
    for axis, value in zip(figure.axes, VALUES, strict=True):
        assert PRINTED[value] in [x for line in axis.lines for x in line.get_xdata()]
    shown = figure.axes[0].lines[0]
    assert sorted(set(shown.get_ydata())) == [0, 1, 2]
