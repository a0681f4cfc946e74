"""The diagrams of Figures 1-3: what they name, and that they can be read."""

import io
from collections.abc import Callable
from itertools import combinations
from typing import Any

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch, Polygon
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from study.paper.diagrams import (
    ALT,
    GENERATION,
    GRADIENT,
    PLAIN,
    RECOGNITION,
    WIDTH,
    Point,
    Shape,
    Sketch,
    Tone,
    _key,
    figure_1,
    figure_2,
    figure_3,
)

FIGURES = {
    "figure_1": figure_1,
    "figure_2": figure_2,
    "figure_3": figure_3,
}
SYMBOLS = {
    "figure_1": [
        r"\theta",
        r"\phi",
        r"\epsilon",
        "$x$",
        "$z$",
        "$N$",
        "$L$",
        r"q_\phi(z",
        r"\mu+\sigma\epsilon",
    ],
    "figure_2": [
        *(
            "$x$",
            "$z$",
            r"\mu,\ \sigma",
            r"3\times3\times32",
            r"3\times3\times64",
            r"2\times2",
            "read",
            "CNN",
        ),
        *(
            "LSTM",
            "write",
            r"x-\sigma(c_{t{-}1})",
            r"\hat{x}_{t}",
            "z_{t{-}1}",
            "z_{t}",
            "c_{t{-}1}",
            "c_{t}",
            "c_T",
        ),
        *(
            r"h_t^{\mathrm{dec}}",
            r"h_{t{-}1}^{\mathrm{dec}}",
            r"q(z_{t}\,|\,h_{t}^{\mathrm{enc}})",
            "p(z_{t})",
        ),
        r"P(x\,|\,z_{1:T})",
    ],
    "figure_3": [
        *(
            "$x$",
            r"3\times3\times32",
            r"3\times3\times64",
            r"2\times2",
            r"h^{\mathrm{enc}}",
            r"\mu,\ \sigma",
        ),
        *(
            "z_{1}",
            "z_{2}",
            "z_{T}",
            "p(z_{T})",
            r"q(z_t\,|\,h^{\mathrm{enc}})",
            "LSTM",
            "write",
            "c_0",
            "c_T",
        ),
        *(r"h_1^{\mathrm{dec}}", r"P(x\,|\,z_{1:T})"),
    ],
}


@pytest.fixture(scope="module", params=FIGURES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def figure(name: str) -> Figure:
    figure = FIGURES[name]()
    FigureCanvasAgg(figure).draw()
    return figure


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.axes[0].texts if text.get_text()]


def extent(text: Text) -> Bbox:
    return text.get_window_extent()


def test_names_every_symbol(name: str, figure: Figure) -> None:
    words = "\n".join(text.get_text() for text in texts(figure))
    assert [symbol for symbol in SYMBOLS[name] if symbol not in words] == []


def test_only_figure_2_reads_with_a_window() -> None:
    words = {name: [text.get_text() for text in texts(draw())] for name, draw in FIGURES.items()}
    assert words["figure_2"].count("read") == 2
    assert "read" not in words["figure_3"]
    assert words["figure_3"].count(r"$\mu,\ \sigma$") == 1
    assert words["figure_3"].count("write") == words["figure_3"].count("LSTM") == 3


def test_no_two_texts_overlap(figure: Figure) -> None:
    clashes = [
        (one.get_text(), other.get_text())
        for one, other in combinations(texts(figure), 2)
        if Bbox.intersection(extent(one), extent(other)) is not None
    ]
    assert clashes == []


def test_no_line_crosses_a_text(figure: Figure) -> None:
    lines = [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]
    assert lines
    crossed = [
        text.get_text()
        for text in texts(figure)
        for line in lines
        if line.get_transform()
        .transform_path(line.get_path())
        .intersects_bbox(extent(text), filled=False)
    ]
    assert crossed == []


def test_everything_lies_inside(figure: Figure) -> None:
    artists = [*texts(figure), *figure.axes[0].patches]
    page = figure.bbox
    for artist in artists:
        box = artist.get_window_extent()
        assert page.xmin <= box.xmin <= box.xmax <= page.xmax, artist
        assert page.ymin <= box.ymin <= box.ymax <= page.ymax, artist


def test_texts_are_inside_a_shape_or_clear_of_it(figure: Figure) -> None:
    shapes = [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, (Ellipse, FancyBboxPatch, Polygon)) and patch.get_zorder() == 3
    ]
    labels = 0
    for text in texts(figure):
        box = extent(text)
        for shape in shapes:
            if shape.contains_point(text.get_transform().transform(text.get_position())):
                labels += 1
                assert all(shape.contains_point(corner) for corner in box.corners()), (
                    text.get_text()
                )
            else:
                outline = shape.get_transform().transform_path(shape.get_path())
                assert not outline.intersects_bbox(box), text.get_text()
    assert labels >= 5


def test_text_is_large_enough_at_700_pixels(figure: Figure) -> None:
    pixels = [text.get_fontsize() / 72 * figure.dpi * 700 / WIDTH for text in texts(figure)]
    assert figure.bbox.width == WIDTH
    assert min(pixels) >= 11


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_two_drawings_are_byte_identical(name: str, suffix: str) -> None:
    def saved() -> bytes:
        buffer = io.BytesIO()
        metadata = {"Date": None} if suffix == "svg" else None
        with matplotlib.rc_context({"svg.hashsalt": "dcrw"}):
            FIGURES[name]().savefig(buffer, format=suffix, metadata=metadata)
        return buffer.getvalue()

    assert saved() == saved()


def test_figures_do_not_depend_on_the_readers_style(name: str) -> None:
    def pixels() -> bytes:
        canvas = FigureCanvasAgg(FIGURES[name]())
        canvas.draw()
        return bytes(canvas.buffer_rgba())

    plain = pixels()
    with matplotlib.rc_context(
        {"font.family": "serif", "text.color": "red", "axes.facecolor": "black"}
    ):
        assert pixels() == plain


def test_every_figure_has_an_alternative_text() -> None:
    assert ALT.keys() == FIGURES.keys()
    for words in ALT.values():
        assert 200 < len(words) < 900
        assert not set(words) & set('"$`\n\\')


@pytest.mark.parametrize("tone", [PLAIN, RECOGNITION, GENERATION, GRADIENT])
def test_contrast(tone: Tone) -> None:
    for background in (tone.fill, tone.band):
        assert contrast(PLAIN.line, background) >= 7  # text, WCAG AAA
        assert contrast(tone.line, background) >= 3  # graphics, WCAG AA


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""

    def luminance(color: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)
        ]
        return sum(
            weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
        )

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


directions = st.floats(-200, 200).filter(lambda value: abs(value) > 1e-3)


@given(x=directions, y=directions, half_width=st.floats(5, 50), half_height=st.floats(5, 50))
def test_arrows_meet_outlines(x: float, y: float, half_width: float, half_height: float) -> None:
    outlines: dict[Any, Callable[[float, float], float]] = {
        "ellipse": lambda across, along: across**2 + along**2,
        "diamond": lambda across, along: across + along,
        "rectangle": max,
    }
    for outline, equation in outlines.items():
        shape = Shape(Point(3.0, -4.0), half_width, half_height, outline)
        meeting = shape.border(Point(3.0 + x, -4.0 + y))
        across, along = meeting.x - 3.0, meeting.y + 4.0
        assert equation(abs(across) / half_width, abs(along) / half_height) == pytest.approx(1)
        assert across * y == pytest.approx(along * x, abs=1e-9 * half_width * half_height)
        assert across * x > 0
        assert along * y > 0

        offset = 0.6 * half_width if x > 0 else -0.6 * half_width
        above, below = shape.top(offset), shape.bottom(offset)
        assert equation(0.6, (above.y + 4.0) / half_height) == pytest.approx(1)
        assert above.x == below.x == 3.0 + offset
        assert above.y + below.y == pytest.approx(-8.0)


def test_an_arrow_ends_at_the_outline_of_its_target() -> None:
    sketch = Sketch(200)
    circle, box = sketch.node(50, 100, "a", radius=20), sketch.box(200, 100, "b", PLAIN)
    sketch.arrow(circle, box)
    head = sketch.axes.patches[-2]
    line = sketch.axes.patches[-1]
    assert isinstance(head, Polygon)
    assert tuple(head.get_xy()[0]) == (148, 100)
    assert tuple(line.get_path().vertices[0]) == (70, 100)


def test_an_unknown_sign_is_an_error() -> None:
    with pytest.raises(ValueError, match="no sign for 'nonsense'"):
        _key(Sketch(50), 20, {10: "nonsense"})
