"""How figures are saved, and which look belongs to a cell."""

import pytest
from matplotlib.figure import Figure

from study.style import NOISE_STYLES, model_of, noise_of, save_figure


def figure() -> Figure:
    made = Figure(figsize=(2, 1))
    made.subplots().plot([0, 1], [1, 0])
    return made


def test_the_same_figure_is_the_same_file(tmp_path):
    for name in ("one", "other"):
        save_figure(figure(), tmp_path / "new" / name)
    for kind in ("png", "svg"):
        one, other = (tmp_path / "new" / f"{name}.{kind}" for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes() and one.stat().st_size > 500


@pytest.mark.parametrize(
    ("cell", "model", "noise"),
    [
        ("dcrw-write-only-shared", "dcrw-write-only", "shared"),
        ("draw-fresh", "draw", "fresh"),
        ("dcrw-lineage", "dcrw", "lineage"),
        ("conv-vae", "conv-vae", "fresh"),
    ],
)
def test_a_cells_name_ends_with_its_noise(cell, model, noise):
    assert (model_of(cell), noise_of(cell)) == (model, noise)
    assert noise in NOISE_STYLES


def test_a_form_for_phones_stands_beside_the_figure(tmp_path):
    save_figure(figure(), tmp_path / "one", narrow=figure())
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "one.svg", "one_narrow.png"}
