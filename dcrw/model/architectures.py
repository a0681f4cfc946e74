"""The architectures: one row of facts each, which code and pages ask in place of the name."""

from typing import Literal, NamedTuple

Architecture = Literal[
    "dcrw", "dcrw-write-only", "draw", "conv-vae", "dcrw-whole-image", "dcrw-stepwise"
]


class Facts(NamedTuple):
    """What tells an architecture from the others."""

    title: str  # in words
    reads: bool = False  # through a window, at every step
    convolves: bool = True  # its encoder is a CNN
    feedback: bool = False  # later posteriors see what has been drawn; else they know x alone
    recurrent: bool = True  # draws step by step, through a write window


FACTS: dict[Architecture, Facts] = {
    "dcrw": Facts("with attention in read", reads=True, feedback=True),
    "dcrw-write-only": Facts("without attention in read"),
    "draw": Facts("DRAW", reads=True, feedback=True, convolves=False),
    "conv-vae": Facts("convolutional VAE", recurrent=False),
    "dcrw-whole-image": Facts("the whole image at every step", feedback=True),
    "dcrw-stepwise": Facts("a posterior for every step"),
}


def noise_in_words(correlation: float) -> str:
    """fresh, shared, or the correlation between them."""
    return {0.0: "fresh", 1.0: "shared"}.get(correlation, f"ρ = {correlation:g}")
