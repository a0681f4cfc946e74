"""The architectures: one row of facts each, which code and pages ask in place of the name."""

from typing import NamedTuple

from dcrw.model.config import Architecture


class Facts(NamedTuple):
    """What tells an architecture from the others."""

    title: str  # in words
    short: str  # where there is little room
    reads: bool  # through a window, at every step
    feedback: bool  # later posteriors see what has been drawn; else they know the image alone
    recurrent: bool  # draws step by step, through a write window


FACTS: dict[Architecture, Facts] = {
    "dcrw": Facts("with attention", "DCRW", True, True, True),
    "dcrw-write-only": Facts("without attention in read", "write only", False, False, True),
    "draw": Facts("DRAW", "DRAW", True, True, True),
    "conv-vae": Facts("convolutional VAE", "conv. VAE", False, False, False),
    "dcrw-whole-image": Facts("the whole image at every step", "whole image", False, True, True),
    "dcrw-stepwise": Facts("a posterior for every step", "stepwise", False, False, True),
}


def noise_in_words(correlation: float) -> str:
    """fresh, shared, or the correlation between them."""
    return {0.0: "fresh", 1.0: "shared"}.get(correlation, f"r = {correlation:g}")
