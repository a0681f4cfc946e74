"""Figures 1-3 of the paper, redrawn, long because the three share their signs, which stand here
once: the graphical model and the two architectures.

Pure functions, no I/O. One unit of length is one pixel of a figure `WIDTH` pixels wide; y points
up. The same signs hold in all figures: a circle is a random variable (grey: observed), a diamond a
deterministic value, a box a network, blue the recognition model, orange the generative model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any, Literal, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, Patch, PathPatch, Polygon
from matplotlib.path import Path
from matplotlib.text import Text

WIDTH = 760  # pixels
_PIXELS_PER_INCH = 100
_CORNER = 8  # radius where an arrow turns
_HEAD_LENGTH, _HEAD_WIDTH = 9, 8

_INK = "#222222"
_OBSERVED = "#DADADA"


class Tone(NamedTuple):
    """Colours of one side of the model."""

    line: str
    fill: str
    band: str


PLAIN = Tone(_INK, "#FFFFFF", "#F4F4F4")
RECOGNITION = Tone("#0072B2", "#D3E6F4", "#F1F7FC")
GENERATION = Tone("#B24A00", "#FBE0C8", "#FEF6EE")
GRADIENT = Tone("#00735C", "#FFFFFF", "#FFFFFF")

ALT = {
    "figure_1": (
        "Directed graphical models. (a) A plate of N images holds a hidden variable z and an "
        "observed image x. Solid arrows, the generative model, run from theta to z and to x and "
        "from z to x; dashed arrows, the recognition model, run from phi and from x to z. (b) "
        "Left, phi and x lead to a circle z, which is sampled and leads to the loss L; the "
        "gradient stops at z. Right, after the reparameterisation trick, z is a diamond, a "
        "deterministic function of phi, x and the noise epsilon, a circle; the gradient passes "
        "from L through z to phi."
    ),
    "figure_2": (
        "Two architectures, read upwards. Left, the convolutional and feed-forward writer: "
        "image x, convolution 3 x 3 x 32, pooling, convolution 3 x 3 x 64, pooling, mean and "
        "sigma, sample z, feed-forward decoder, reconstruction. Right, DCRW with attention at "
        "steps t-1 and t: the image and the error image pass through read, the CNN and the mean "
        "and sigma of z_t; the sample z_t enters the decoder LSTM, whose output is written to "
        "the canvas, c_t = c_{t-1} + write. The canvas of step t-1 feeds the error image of "
        "step t; dashed arrows carry the decoder's output of step t-1 to the read window and to "
        "the CNN's features at step t. In generation z_t is drawn from the prior and everything "
        "below z_t is left out."
    ),
    "figure_3": (
        "DCRW without attention in read, read upwards. The image x passes once through "
        "convolution 3 x 3 x 32, pooling, convolution 3 x 3 x 64 and pooling to h_enc and to "
        "one mean and sigma. Samples z_1, z_2, ..., z_T are drawn from that one distribution. "
        "Each enters the decoder LSTM at its step; the LSTM's output is written with attention "
        "to the canvas, from c_0 through c_1 and c_2 to c_T, which gives P(x given z_1 to z_T). "
        "In generation each z_t is drawn from the prior and everything below it is left out."
    ),
}


class Point(NamedTuple):
    """A place in the figure, pixels."""

    x: float
    y: float


@dataclass(frozen=True)
class Shape:
    """A node or box that arrows start from and end at."""

    centre: Point
    half_width: float
    half_height: float
    outline: Literal["ellipse", "diamond", "rectangle"]

    def border(self, towards: Point) -> Point:
        """Where the line from the centre to another point crosses the outline."""
        x, y = towards.x - self.centre.x, towards.y - self.centre.y
        across, along = abs(x) / self.half_width, abs(y) / self.half_height
        distance = {
            "ellipse": hypot(across, along),
            "diamond": across + along,
            "rectangle": max(across, along),
        }
        scale = 1 / distance[self.outline]
        return Point(self.centre.x + scale * x, self.centre.y + scale * y)

    def top(self, offset: float) -> Point:
        """The point of the upper outline `offset` pixels right of the centre."""
        fraction = min(abs(offset) / self.half_width, 1)
        height = {"ellipse": sqrt(1 - fraction**2), "diamond": 1 - fraction, "rectangle": 1}
        y = self.centre.y + self.half_height * height[self.outline]
        return Point(self.centre.x + offset, y)

    def bottom(self, offset: float) -> Point:
        """The point of the lower outline `offset` pixels right of the centre."""
        return Point(self.centre.x + offset, 2 * self.centre.y - self.top(offset).y)


class Sketch:
    """A blank figure in pixel coordinates and the few primitives that the diagrams are made of."""

    def __init__(self, height: float) -> None:
        """A white figure, `WIDTH` x `height` pixels."""
        self.figure = Figure(
            figsize=(WIDTH / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH), dpi=_PIXELS_PER_INCH
        )
        self.figure.patch.set_facecolor("white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(0, height))
        self.axes.set_axis_off()

    def text(self, x: float, y: float, words: str, size: float = 13, **style: Any) -> Text:
        """Words and mathtext, by default centred on (x, y); `size` is the font size in pixels."""
        style = {"ha": "center", "va": "center", "color": _INK} | style
        points = size * 72 / _PIXELS_PER_INCH
        return self.axes.text(
            x,
            y,
            words,
            fontsize=points,
            family="DejaVu Sans",
            math_fontfamily="cm",
            zorder=5,
            **style,
        )

    def node(
        self,
        x: float,
        y: float,
        label: str = "",
        radius: float = 23,
        fill: str = "white",
        tone: Tone = PLAIN,
    ) -> Shape:
        """A random variable: a circle."""
        self._patch(Ellipse((x, y), 2 * radius, 2 * radius), fill, tone)
        self.text(x, y, label, 17)
        return Shape(Point(x, y), radius, radius, "ellipse")

    def diamond(
        self, x: float, y: float, label: str = "", radius: float = 29, tone: Tone = PLAIN
    ) -> Shape:
        """A deterministic value."""
        corners = [(x - radius, y), (x, y + radius), (x + radius, y), (x, y - radius)]
        self._patch(Polygon(corners, closed=True, joinstyle="round"), "white", tone)
        self.text(x, y, label, 17)
        return Shape(Point(x, y), radius, radius, "diamond")

    def box(
        self, x: float, y: float, label: str, tone: Tone, height: float = 32, width: float = 104
    ) -> Shape:
        """A network or an operation."""
        corner = (x - width / 2, y - height / 2)
        style = f"round,pad=0,rounding_size={min(6, height / 4)}"
        self._patch(FancyBboxPatch(corner, width, height, boxstyle=style), tone.fill, tone)
        self.text(x, y, label, 16 if label.startswith("$") else 13)
        return Shape(Point(x, y), width / 2, height / 2, "rectangle")

    def sum(self, x: float, y: float, tone: Tone = GENERATION) -> Shape:
        """The sign of an addition."""
        radius = 12
        self._patch(Ellipse((x, y), 2 * radius, 2 * radius), tone.fill, tone)
        arm = radius / 2
        self._line(
            Path([(x - arm, y), (x + arm, y), (x, y - arm), (x, y + arm)], [1, 2, 1, 2]),
            tone.line,
            zorder=4,
        )
        return Shape(Point(x, y), radius, radius, "ellipse")

    def dot(self, x: float, y: float, color: str = _INK, radius: float = 3.5) -> Shape:
        """A parameter, or the place where a line branches."""
        self.axes.add_patch(
            Ellipse((x, y), 2 * radius, 2 * radius, facecolor=color, edgecolor="none", zorder=4)
        )
        return Shape(Point(x, y), radius, radius, "ellipse")

    def plate(self, left: float, bottom: float, right: float, top: float, label: str = "") -> None:
        """A rectangle around what is repeated, its count in the lower right corner."""
        box = FancyBboxPatch(
            (left, bottom), right - left, top - bottom, boxstyle="round,pad=0,rounding_size=8"
        )
        self._patch(box, "none", PLAIN, zorder=1)
        self.text(right - 9, bottom + 8, label, ha="right", va="bottom")

    def band(self, left: float, bottom: float, right: float, top: float, tone: Tone) -> None:
        """A tinted background."""
        box = FancyBboxPatch(
            (left, bottom), right - left, top - bottom, boxstyle="round,pad=0,rounding_size=8"
        )
        box.set(facecolor=tone.band, edgecolor="none", zorder=0)
        self.axes.add_patch(box)

    def arrow(
        self,
        start: Shape | Point,
        end: Shape | Point,
        tone: Tone = PLAIN,
        dash: Literal["solid", "dashed", "dotted"] = "solid",
        via: Sequence[Point] = (),
        head: bool = True,
        gap: str = "",
    ) -> None:
        """An arrow from outline to outline, straight or around the rounded corners `via`.

        `gap` is the background's colour: what the arrow crosses is then interrupted, to show that
        they do not meet.
        """
        inner = list(via)
        first, last = (
            shape.centre if isinstance(shape, Shape) else shape for shape in (start, end)
        )
        begin = start.border(inner[0] if inner else last) if isinstance(start, Shape) else start
        tip = end.border(inner[-1] if inner else first) if isinstance(end, Shape) else end
        points = [begin, *inner, tip]
        if head:
            base = _short_of(tip, points[-2], _HEAD_LENGTH)
            side_x, side_y = (tip.y - base.y) / _HEAD_LENGTH, (base.x - tip.x) / _HEAD_LENGTH
            half = _HEAD_WIDTH / 2
            wings = [
                (base.x + sign * half * side_x, base.y + sign * half * side_y) for sign in (1, -1)
            ]
            self.axes.add_patch(
                Polygon([tip, *wings], closed=True, facecolor=tone.line, edgecolor="none", zorder=3)
            )
            points[-1] = _short_of(tip, points[-2], _HEAD_LENGTH - 1)
        styles: dict[str, Any] = {
            "solid": "-",
            "dashed": (0, (4.5, 2.6)),
            "dotted": (0, (1.2, 1.6)),
        }
        if gap:
            self._line(_rounded(points), gap, width=7)
        self._line(_rounded(points), tone.line, linestyle=styles[dash])

    def _patch(self, patch: Patch, fill: str, tone: Tone, zorder: float = 3) -> None:
        patch.set(facecolor=fill, edgecolor=tone.line, linewidth=1.1, zorder=zorder)
        self.axes.add_patch(patch)

    def _line(
        self, path: Path, color: str, linestyle: Any = "-", width: float = 1.2, zorder: float = 2
    ) -> None:
        patch = PathPatch(
            path,
            facecolor="none",
            edgecolor=color,
            linewidth=width,
            zorder=zorder,
            linestyle=linestyle,
        )
        patch.set(capstyle="butt", joinstyle="round")
        self.axes.add_patch(patch)


def _short_of(end: Point, start: Point, distance: float) -> Point:
    """The point `distance` pixels before `end` on the way from `start`."""
    length = hypot(end.x - start.x, end.y - start.y)
    return Point(
        end.x - (end.x - start.x) * distance / length, end.y - (end.y - start.y) * distance / length
    )


def _rounded(points: Sequence[Point]) -> Path:
    """A polyline with rounded corners."""
    vertices: list[Point] = [points[0]]
    codes = [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        space = min(hypot(corner.x - other.x, corner.y - other.y) / 2 for other in (before, after))
        radius = min(_CORNER, space)
        vertices += [_short_of(corner, before, radius), corner, _short_of(corner, after, radius)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])


_LAYERS = (
    r"conv $3\times3\times32$",
    r"pool $2\times2$",
    r"conv $3\times3\times64$",
    r"pool $2\times2$",
)


class Column(NamedTuple):
    """The generative half of one drawing step, from z_t up to the canvas."""

    latent: Shape
    decoder: Shape
    total: Shape


def figure_1() -> Figure:
    """Fig. 1: the graphical model of variational Bayes, and the reparameterisation trick."""
    sketch = Sketch(412)
    sketch.text(20, 390, "(a)  Graphical model", 14, ha="left")
    sketch.text(268, 390, "(b)  Reparameterisation trick", 14, ha="left")
    _graphical_model(sketch, 118)
    _sampled_latent(sketch, 346)
    _reparameterised_latent(sketch, 584)
    _key(
        sketch,
        52,
        {20: "random variable", 208: "observed", 386: "deterministic value", 600: "parameter"},
    )
    _key(
        sketch,
        24,
        {
            20: "generative model",
            208: "recognition model",
            386: "forward computation",
            600: "gradient",
        },
    )
    return sketch.figure


def _graphical_model(sketch: Sketch, middle: float) -> None:
    sketch.plate(middle - 58, 108, middle + 58, 360, "$N$")
    z = sketch.node(middle, 306, "$z$")
    x = sketch.node(middle, 182, "$x$", fill=_OBSERVED)
    phi = _parameter(sketch, middle - 90, 244, r"$\phi$")
    theta = _parameter(sketch, middle + 90, 244, r"$\theta$")
    sketch.arrow(theta, z, GENERATION)
    sketch.arrow(theta, x, GENERATION)
    sketch.arrow(z.bottom(7), x.top(7), GENERATION)
    sketch.arrow(phi, z, RECOGNITION, "dashed")
    sketch.arrow(x.top(-7), z.bottom(-7), RECOGNITION, "dashed")


def _sampled_latent(sketch: Sketch, middle: float) -> None:
    z = sketch.node(middle, 230, "$z$")
    _parents_and_loss(sketch, middle, z)
    sketch.text(middle - 4, 92, "the gradient stops at $z$")
    sketch.text(middle + 34, 230, r"$z\sim q_\phi(z\,|\,x)$", 15, ha="left")


def _reparameterised_latent(sketch: Sketch, middle: float) -> None:
    z = sketch.diamond(middle, 230, "$z$")
    _parents_and_loss(sketch, middle, z)
    noise = sketch.node(middle + 96, 230, r"$\epsilon$")
    sketch.arrow(noise, z)
    sketch.text(middle + 96, 190, r"$\epsilon\sim\mathcal{N}(0, I)$", 15)
    sketch.text(middle + 26, 280, r"$z=g(\phi,\epsilon)=\mu+\sigma\epsilon$", 15, ha="left")
    sketch.text(middle - 4, 92, r"the gradient reaches $\phi$")
    sketch.arrow(Point(middle - 28, 224), Point(middle - 70, 147), GRADIENT, "dotted")


def _parents_and_loss(sketch: Sketch, middle: float, z: Shape) -> None:
    """What z depends on, below it; the loss above it, with the gradient from there to z."""
    loss = sketch.diamond(middle, 330, "$L$")
    phi = _parameter(sketch, middle - 60, 138, r"$\phi$")
    x = sketch.node(middle + 46, 138, "$x$", fill=_OBSERVED)
    sketch.arrow(z, loss)
    sketch.arrow(phi, z)
    sketch.arrow(x, z)
    sketch.arrow(loss.bottom(-10), z.top(-10), GRADIENT, "dotted")


def _parameter(sketch: Sketch, x: float, y: float, label: str) -> Shape:
    sketch.text(x, y - 17, label, 17)
    return sketch.dot(x, y)


def figure_2() -> Figure:
    """Fig. 2: the convolutional and feed-forward writer; DCRW with attention at two steps."""
    sketch = Sketch(692)
    for left, right in ((8, 172), (184, 752)):
        sketch.band(left, 72, right, 360, RECOGNITION)
        sketch.band(left, 364, right, 638, GENERATION)
    sketch.text(90, 666, "Convolutional and\nfeed-forward writer", 14, linespacing=1.25)
    sketch.text(468, 666, "DCRW with attention in read and write", 14)
    _feed_forward_writer(sketch, 90)
    canvas = [
        sketch.diamond(x, 592, f"$c_{{{step}}}$")
        for x, step in zip((218, 472, 716), ("t{-}2", "t{-}1", "t"), strict=True)
    ]
    earlier = _attentive_step(sketch, 354, "t{-}1", "t{-}2", canvas[0], Point(192, 464))
    later = _attentive_step(sketch, 608, "t", "t{-}1", canvas[1], earlier.decoder)
    sketch.arrow(earlier.total, canvas[1])
    sketch.arrow(later.total, canvas[2])
    sketch.arrow(later.decoder, Point(742, 464))
    sketch.text(700, 480, r"$h_t^{\mathrm{dec}}$", 15)
    sketch.text(706, 532, "from $c_T$:\n$P(x\\,|\\,z_{1:T})$", 14, linespacing=1.4)
    _key_of_architectures(sketch, {20: "decoder's output, fed back", 330: "prior, in generation"})
    return sketch.figure


def _feed_forward_writer(sketch: Sketch, middle: float) -> None:
    x = sketch.node(middle, 128, "$x$", fill=_OBSERVED)
    layers = [
        sketch.box(middle, 180 + 27 * level, words, RECOGNITION, 24)
        for level, words in enumerate(_LAYERS)
    ]
    sketch.text(24, 220, "CNN", rotation=90)
    posterior = sketch.box(middle, 314, r"$\mu,\ \sigma$", RECOGNITION)
    z = sketch.node(middle, 394, "$z$")
    decoder = sketch.box(middle, 478, "feed-forward\ndecoder", GENERATION, 52)
    for start, end in ((x, layers[0]), (layers[-1], posterior), (posterior, z), (z, decoder)):
        sketch.arrow(start, end)
    sketch.arrow(decoder, Point(middle, 576))
    sketch.text(middle, 592, r"$P(x\,|\,z)$", 16)


def _attentive_step(
    sketch: Sketch, middle: float, now: str, before: str, canvas: Shape, hidden: Shape | Point
) -> Column:
    """One step of DCRW (Eq. 7-12) on the canvas and `hidden`, h_dec, of the step before."""
    error = sketch.diamond(middle - 37, 128, rf"$\hat{{x}}_{{{now}}}$")
    x = sketch.node(middle + 37, 128, "$x$", fill=_OBSERVED)
    read = sketch.box(middle, 200, "read", RECOGNITION)
    cnn = sketch.box(middle, 257, "CNN", RECOGNITION)
    posterior = sketch.box(middle, 314, rf"$\mu_{{{now}}},\ \sigma_{{{now}}}$", RECOGNITION)
    column = _drawing_step(sketch, middle, 394, now)
    sketch.arrow(canvas, error, via=[Point(canvas.centre.x, error.centre.y)])
    sketch.arrow(x, error)
    sketch.arrow(error, read.bottom(-37))
    sketch.arrow(x, read.bottom(37))
    sketch.arrow(read, cnn)
    sketch.arrow(cnn, posterior)
    sketch.arrow(posterior, column.latent)
    sketch.arrow(canvas, column.total)
    sketch.arrow(hidden, column.decoder, gap=GENERATION.band)
    level = column.decoder.centre.y
    branch = sketch.dot(middle - 96, level, GENERATION.line)
    for receiver in (posterior, read):
        corner = Point(branch.centre.x, receiver.centre.y)
        sketch.arrow(branch, receiver, GENERATION, "dashed", via=[corner])
    posterior_label = rf"$q(z_{{{now}}}\,|\,h_{{{now}}}^{{\mathrm{{enc}}}})$"
    sketch.text(middle + 8, 347, posterior_label, 14, ha="left")
    sketch.text(middle - 74, level + 16, rf"$h_{{{before}}}^{{\mathrm{{dec}}}}$", 15)
    sketch.text(middle - 37, 86, rf"$x-\sigma(c_{{{before}}})$", 15)
    return column


def figure_3() -> Figure:
    """Fig. 3: DCRW without attention in read: the CNN runs once, z_t is sampled at each step."""
    sketch = Sketch(540)
    sketch.band(8, 72, 752, 208, RECOGNITION)
    sketch.band(8, 212, 752, 486, GENERATION)
    sketch.text(380, 513, "DCRW with attention in write only", 14)
    posterior = _whole_image_encoder(sketch, 112)
    first, second, last = (
        _drawing_step(sketch, x, 244, step) for x, step in ((172, "1"), (368, "2"), (622, "T"))
    )
    height = 174
    corners = [Point(shape.centre.x, height) for shape in (posterior, first.latent)]
    sketch.arrow(posterior, first.latent, via=corners)
    for column in (second, last):
        sketch.arrow(sketch.dot(column.latent.centre.x, height), column.latent)
    sketch.text(632, 194, r"$q(z_t\,|\,h^{\mathrm{enc}})$", 15, ha="left")

    canvas = [
        sketch.diamond(x, 442, f"$c_{step}$")
        for x, step in ((76, "0"), (270, "1"), (466, "2"), (714, "T"))
    ]
    for before, column, after in zip(canvas, (first, second), canvas[1:], strict=False):
        sketch.arrow(before, column.total)
        sketch.arrow(column.total, after)
    sketch.arrow(last.total, canvas[-1])
    sketch.arrow(canvas[-1], Point(714, 393))
    sketch.text(715, 379, r"$P(x\,|\,z_{1:T})$", 15)
    sketch.arrow(Point(60, 314), first.decoder)
    sketch.arrow(first.decoder, second.decoder)
    for start, end in ((canvas[2], last.total), (second.decoder, last.decoder)):
        y = start.centre.y
        sketch.arrow(start, Point(515, y), head=False)
        sketch.text(530, y, r"$\cdots$", 17)
        sketch.arrow(Point(545, y), end)
    for x, step in ((90, "0"), (270, "1"), (466, "2")):
        sketch.text(x, 330, rf"$h_{step}^{{\mathrm{{dec}}}}$", 15)
    _key_of_architectures(sketch, {20: "prior, in generation"})
    return sketch.figure


def _whole_image_encoder(sketch: Sketch, y: float) -> Shape:
    """The image through the CNN once (Eq. 29), left to right; returns the box of mean and sigma."""
    x = sketch.node(48, y, "$x$", fill=_OBSERVED)
    layers = [
        sketch.box(164 + 107 * level, y, words, RECOGNITION) for level, words in enumerate(_LAYERS)
    ]
    sketch.text(324, y + 32, "CNN, once for all steps")
    posterior = sketch.box(684, y, r"$\mu,\ \sigma$", RECOGNITION)
    sketch.arrow(x, layers[0])
    sketch.arrow(layers[-1], posterior)
    sketch.text(584, y + 15, r"$h^{\mathrm{enc}}$", 15)
    return posterior


def _drawing_step(sketch: Sketch, middle: float, y: float, step: str) -> Column:
    """z_t, from the posterior or from the prior, through the decoder to the canvas (Eq. 11-12)."""
    latent = sketch.node(middle, y, f"$z_{{{step}}}$")
    sketch.text(middle + 50, y, f"$p(z_{{{step}}})$", 15, ha="left")
    decoder = sketch.box(middle, y + 70, "LSTM", GENERATION)
    write = sketch.box(middle, y + 132, "write", GENERATION)
    total = sketch.sum(middle, y + 198)
    sketch.arrow(Point(middle + 46, y), latent, GENERATION, "dotted")
    for start, end in ((latent, decoder), (decoder, write), (write, total)):
        sketch.arrow(start, end)
    return Column(latent, decoder, total)


def _key(sketch: Sketch, y: float, entries: dict[int, str]) -> None:
    """A row of the legend: at each x, a sign and what it means."""
    for left, meaning in entries.items():
        _sign(sketch, left, y, meaning)
        sketch.text(left + 36, y, meaning, 12.5, ha="left")


def _key_of_architectures(sketch: Sketch, arrows: dict[int, str]) -> None:
    shapes = {20: "random variable", 200: "observed", 330: "deterministic value"}
    _key(sketch, 52, shapes | {540: "generative network"})
    _key(sketch, 24, arrows | {540: "recognition network"})


def _sign(sketch: Sketch, left: float, y: float, meaning: str) -> None:
    x, ends = left + 14, (Point(left, y), Point(left + 28, y))
    match meaning:
        case "random variable":
            sketch.node(x, y, radius=8)
        case "observed":
            sketch.node(x, y, radius=8, fill=_OBSERVED)
        case "deterministic value":
            sketch.diamond(x, y, radius=10)
        case "parameter":
            sketch.dot(x, y)
        case "generative network":
            sketch.box(x, y, "", GENERATION, height=15, width=26)
        case "recognition network":
            sketch.box(x, y, "", RECOGNITION, height=15, width=26)
        case "generative model":
            sketch.arrow(*ends, GENERATION)
        case "recognition model":
            sketch.arrow(*ends, RECOGNITION, "dashed")
        case "forward computation":
            sketch.arrow(*ends)
        case "gradient":
            sketch.arrow(*ends, GRADIENT, "dotted")
        case "decoder's output, fed back":
            sketch.arrow(*ends, GENERATION, "dashed")
        case "prior, in generation":
            sketch.arrow(*ends, GENERATION, "dotted")
        case _:
            raise ValueError(f"no sign for {meaning!r}")
