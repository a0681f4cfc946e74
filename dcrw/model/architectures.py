"""The architectures: one row of facts each, which code and pages ask in place of the name."""

from typing import Literal, NamedTuple

Architecture = Literal[
    "dcrw", "dcrw-write-only", "draw", "conv-vae", "dcrw-whole-image", "dcrw-stepwise"
]


class Facts(NamedTuple):
    """What tells an architecture from the others."""

    meaning: str  # what it is, for who sets `architecture`
    name: str  # in a sentence or a table
    title: str  # above a panel, beside the other's
    reads: bool = False  # through a window, at every step
    convolves: bool = True  # its encoder is a CNN
    feedback: bool = False  # later posteriors see what has been drawn; else they know x alone
    recurrent: bool = True  # draws step by step, through a write window
    any_steps: bool = True  # its weights draw in any number of steps


FACTS: dict[Architecture, Facts] = {
    "dcrw": Facts(
        "attention in read and write (Sec. III-B)",
        "with attention in read",
        "with attention in read",
        reads=True,
        feedback=True,
    ),
    "dcrw-write-only": Facts(
        "the CNN sees the whole image once (Sec. III-C)",
        "without attention in read",
        "without attention in read",
    ),
    "draw": Facts(
        "LSTM encoder, as in DRAW", "DRAW", "DRAW", reads=True, feedback=True, convolves=False
    ),
    "conv-vae": Facts(
        "convolutional and feed-forward writer (Fig. 2 left)",
        "convolutional VAE",
        "convolutional VAE",
        recurrent=False,
    ),
    "dcrw-whole-image": Facts(
        "a bridge between the variants, dcrw without a read window",
        "whole-image bridge",
        "the whole image at every step",
        feedback=True,
    ),
    "dcrw-stepwise": Facts(
        "a bridge between the variants, dcrw-write-only with posterior heads for each step",
        "stepwise bridge",
        "a posterior for every step",
        any_steps=False,
    ),
}


def noise_in_words(correlation: float) -> str:
    """fresh, shared, or the correlation between them."""
    return {0.0: "fresh", 1.0: "shared"}.get(correlation, f"ρ = {correlation:g}")
