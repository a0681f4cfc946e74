"""The models' settings, each with its unit, range and source in the paper; and how a section of
settings is checked.

An unknown name or a value out of range is a `ConfigError` that names the setting, the value and
what was expected.
"""

import re
import reprlib
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dcrw.model.architectures import FACTS, Architecture, Facts

Correlation = Annotated[float, Field(ge=0, le=1)]
WindowParameters = Literal["five", "four"]
Indexing = Literal["one-based", "mixed", "mixed-integer"]
FilterNormaliser = Literal["softmax", "clamped-sum"]
FilterExponent = Literal["gaussian", "squared-ratio"]
Initialiser = Literal["xavier", "unit-scaling"]
ConvolutionInitialiser = Literal["as-others", "truncated-normal"]


class _Short(reprlib.Repr):
    """Values in messages, cut where they are long. Python prints no whole number of thousands of
    digits."""

    def repr_int(self, x: int, level: int) -> str:
        """A whole number."""
        return (
            super().repr_int(x, level) if x.bit_length() < 1000 else "a number of over 300 digits"
        )


SHORT = _Short()
SHORT.maxstring = SHORT.maxother = 120


PROBLEMS = 10  # that one message names
TEXT_HINT = " (in quotes in YAML, with -r in place of -p for papermill, a number is text)"


class Printable:
    """What an error says, safe for a terminal and for a file: names and values come from outside,
    and may hold control characters or half a character, which are escaped."""

    def __str__(self) -> str:
        """The message; its own line breaks stay."""
        return "".join(
            letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]
            for letter in super().__str__()
        )


class ConfigError(Printable, ValueError):
    """A setting, or a file of settings, is unknown, of the wrong type or out of range.

    Way out: the message says what was expected; nothing has been done yet.
    """


class Section(BaseModel):
    """Settings that are checked: an unknown name or an impossible value is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, data: Any) -> Any:
        """What Python or YAML would take for something else is refused, or read as it was meant.

        True is 1 to Python, and `iterations: yes` is True to YAML; `1e3` is text to YAML 1.1.
        """
        if not isinstance(data, dict):
            return data
        given = {}
        for name, value in data.items():
            if isinstance(name, str) and not name.isprintable():
                raise ValueError(f"{SHORT.repr(name)}: expected a name that can be printed")
            field = cls.model_fields.get(name)
            kind = field.annotation if field is not None else Any
            if _of_numbers(kind) and _has_switch(value):
                raise ValueError(f"{name} = {SHORT.repr(value)}: expected a number, not yes or no")
            if isinstance(value, str) and not value.isprintable():
                raise ValueError(f"{name} = {SHORT.repr(value)}: expected text that can be printed")
            given[name] = _whole(value) if kind is int and isinstance(value, str) else value
        return given


def _of_numbers(annotation: Any) -> bool:
    """Whether a field is a number, or a list or mapping of numbers."""
    parts = get_args(annotation)
    return annotation in (int, float) or any(map(_of_numbers, parts))


def _has_switch(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_switch, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_switch, value))
    return isinstance(value, bool)


def _whole(text: str) -> str | int:
    """1e3 as 1000; any other text as it is."""
    if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{0,9})?[eE][+-]?\d{1,2}", text):
        return text
    value = float(text)
    return int(value) if value.is_integer() else text


class ModelConfig(Section):
    """What is trained. Numbers in brackets are rows of the book's table of decisions."""

    architecture: Architecture = Field(
        "dcrw",
        description="; ".join(f"{name}: {facts.meaning}" for name, facts in FACTS.items()),
    )
    image_size: int = Field(
        28,
        ge=8,
        le=128,
        description="side of the square image in pixels, both A and B of Eq. 16-18",
    )
    steps: int = Field(10, ge=1, le=128, description="T, drawing steps [9]")
    latent_size: int = Field(10, ge=1, le=1024, description="dimensions of z_t at each step [9]")
    hidden_size: int = Field(256, ge=1, le=4096, description="LSTM hidden units (Table I)")
    read_size: int = Field(
        7, ge=2, le=128, description="N of the read window, filters per axis (Table I) [3]"
    )
    write_size: int = Field(
        5, ge=2, le=128, description="N of the write window, filters per axis (Table I) [3]"
    )
    noise_correlation: Correlation = Field(
        0.0,
        description="correlation of the noise between steps: 0 draws afresh (Eq. 10, 30), 1 "
        "reuses one draw [1]",
    )
    generation_noise_correlation: Correlation = Field(
        0.0, description="the same for z_1..z_T when generating from the prior [1]"
    )
    window_parameters: WindowParameters = Field(
        "five",
        description="five: variance and intensity apart, as in DRAW; four: gamma is both (Eq. "
        "15) [2]",
    )
    indexing: Indexing = Field(
        "one-based",
        description="one-based: as Eq. 13-17; mixed: 0-based indices put into those formulas; "
        "mixed-integer: these with whole-number division, as Python 2 divides [3]",
    )
    filter_normaliser: FilterNormaliser = Field(
        "softmax", description="Z in Eq. 19-20: exact softmax over pixels, or max(sum, 1e-8) [4]"
    )
    filter_exponent: FilterExponent = Field(
        "gaussian",
        description="gaussian: Eq. 19-20; squared-ratio: the square of (a - mu) over 2 sigma^2, "
        "as public code of 2016",
    )
    window_heads: Literal["separate", "shared"] = Field(
        "separate",
        description="linear maps from h_dec to the read and the write window: two, or one for "
        "both [6]",
    )
    pooling: Literal["keep-border", "drop-border"] = Field(
        "keep-border", description="2 x 2 max pooling of odd sizes: 7 -> 4 -> 2, or 7 -> 3 -> 1 [8]"
    )
    encoder_dense: int = Field(
        0,
        ge=0,
        le=4096,
        description="units of one ReLU layer between the CNN and the posterior's heads, 0 for "
        "none [22]",
    )
    hidden_to_encoder: Literal["joined", "absent"] = Field(
        "joined",
        description="h_dec in the CNN encoder: joined to its features (Eq. 9), or left out [7]",
    )
    posterior_heads: Literal["separate", "tied"] = Field(
        "separate",
        description="mean and log sigma: two linear maps, or one W for both as Eq. 5-6 print [15]",
    )
    initial_state: Literal["zeros", "learned"] = Field(
        "zeros", description="canvas, h_dec and LSTM cell before the first step [12]"
    )
    initial_canvas: float = Field(
        0.0,
        ge=-20,
        le=20,
        description="every pixel of the canvas before the first step, a logit; where the state is "
        "learned, its starting value [12]",
    )
    initial_log_stride: float = Field(
        0.0,
        ge=-5,
        le=2,
        description="initial bias of every window's log delta: 0 starts with windows as wide as "
        "the image",
    )
    forget_bias: float = Field(
        0.0, ge=-10, le=10, description="initial bias of the LSTM's forget gate"
    )
    initialiser: Initialiser = Field(
        "xavier",
        description="first weights: Xavier uniform, or unit-scaling, U(+-sqrt(3 / inputs)) [19]",
    )
    convolution_initialiser: ConvolutionInitialiser = Field(
        "as-others",
        description="first weights of convolutions: as all others, or truncated-normal, deviation "
        "0.1 cut at two, and biases of 0.1 [19]",
    )
    reconstruction: Literal["bernoulli", "gaussian"] = Field(
        "bernoulli",
        description="D(x | c_T): Bernoulli on grey values (Sec. IV), or Gaussian (Sec. III-B) [10]",
    )
    gaussian_variance: float = Field(
        1.0, gt=0, le=100, description="variance of D where it is Gaussian [10]"
    )
    latent_constant: Literal["exact", "as-printed"] = Field(
        "exact",
        description="constant of L_z in Eq. 27: -1/2 for each dimension and step, or -T/2 in all "
        "[11]",
    )

    @property
    def facts(self) -> Facts:
        """What tells the architecture from the others."""
        return FACTS[self.architecture]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("read_size", "write_size"):
            size = getattr(self, name)
            if size > self.image_size:
                raise ValueError(
                    f"model.{name} = {size}: expected at most image_size = {self.image_size}"
                )
        facts, name = self.facts, self.architecture
        seen = self.read_size if facts.reads else self.image_size
        if facts.convolves and self.pooling == "drop-border" and seen < 4:
            raise ValueError(
                f"model.read_size = {seen}: expected at least 4 where pooling = drop-border, "
                "two poolings leave nothing of less"
            )
        if self.encoder_dense and not facts.convolves:
            raise ValueError(
                f"model.encoder_dense = {self.encoder_dense}: expected 0, {name} has no CNN"
            )
        if self.hidden_to_encoder == "absent" and not (facts.convolves and facts.feedback):
            raise ValueError(
                f"model.hidden_to_encoder = 'absent': expected 'joined', no CNN of {name} is given "
                "h_dec"
            )
        if self.steps != 1 and not facts.recurrent:
            raise ValueError(f"model.steps = {self.steps}: expected 1, the {name} is not recurrent")
        return self


def explain(error: ValidationError) -> str:
    """What is wrong, setting by setting: place, value, what was expected."""
    lines = []
    problems = error.errors(include_url=False, include_context=False)
    for problem in problems[:PROBLEMS]:
        if not problem["loc"] or problem["type"] == "value_error":
            lines.append(problem["msg"].removeprefix("Value error, "))
            continue
        place = ".".join(str(part) for part in problem["loc"])
        place = place if place.isprintable() and len(place) <= 120 else SHORT.repr(place)
        reason = "unknown parameter" if problem["type"] == "extra_forbidden" else problem["msg"]
        number = isinstance(problem["input"], int | float)
        hint = TEXT_HINT if problem["type"] == "string_type" and number else ""
        lines.append(f"{place} = {SHORT.repr(problem['input'])}: {reason}{hint}")
    more = len(problems) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more else "")
