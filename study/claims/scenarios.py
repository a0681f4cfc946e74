"""Every verdict rule under every truth that is simulated: the registered rules of the first round,
the predictive ones, and counts over seeds."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.claims import judge
from study.claims.classifier import HELD_OUT
from study.claims.judge import NOISES
from study.claims.measures import MeasureSettings
from study.claims.rules import paired, seeds_of
from study.claims.simulated import (
    Held,
    Rule,
    Spread,
    above,
    below,
    by_density,
    by_interval,
    cell,
    coins,
    distances,
    moments_of,
    normal,
    over_seeds,
    paired_spread,
    passes,
    relative,
    shares,
    sharper,
    spread_of,
    within_tolerance,
)

ACCOUNTS = ("fresh", "shared", "lineage")
SHARPNESS_ERROR = 0.0042  # of a seed's mean difference over 1,000 images, the largest of any seed
PASSES = (0.95, 0.975, 0.99)  # chance that one seed passes


class Known(NamedTuple):
    """What the simulation starts from."""

    losses: pd.DataFrame  # cells.run_table
    measures: pd.DataFrame  # tables.measure_table
    registered: dict[str, Any]  # book/claims.yaml
    published: dict[str, float]  # the paper's values by key
    reference: float  # accuracy with which training digits are told from test digits


class Scenario(NamedTuple):
    """A rule under one truth."""

    rule: str
    truth: str
    source: str  # cells whose spreads are used
    simulate: Callable[[np.random.Generator, int], Held]  # of n seeds


def scenarios(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Every rule under every truth, the registered rules first."""
    for family in FAMILIES:
        yield from family(known, repetitions)


PRINTINGS = {False: "the mean of one more run", True: "one minibatch of one more run"}
COMPARED = ("dcrw-fresh", "draw-fresh")
APART = {"perfect generator": 0.0, "generator told apart in 0.05 more than digits": 0.05}


def _comparable(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim a's comparison with DRAW: each model with its own spread, and pairs as they were."""
    limit = judge.limits(known.registered)["a.comparable"]
    column = "test_total"
    ours, theirs = (spread_of(known.losses, cell, column) for cell in COMPARED)
    pairs = np.divide(
        paired(known.losses, *COMPARED, column),
        seeds_of(known.losses, COMPARED[1], column),
    )
    together = over_seeds(list(pairs), "relative difference")
    for truth, more in (("no difference", 0.0), ("dcrw is 10% above draw", 0.1)):
        shifted = Spread((1 + more) * theirs.mean, ours.sd)
        yield Scenario(
            "a",
            f"{truth}; each model has its own spread",
            f"{', '.join(COMPARED)}: {column}",
            partial(relative, shifted, theirs, limit, repetitions),
        )
        yield Scenario(
            "a",
            f"{truth}; relative differences by seed have theirs",
            f"{' - '.join(COMPARED)}: {column}",
            partial(
                normal,
                "comparable",
                Spread(more, together.sd),
                partial(below, limit=limit),
                repetitions,
            ),
        )


def _lower(known: Known, repetitions: int) -> Iterator[Scenario]:
    """The differences of test losses that should lie below 0: claims b and h."""
    for claim, test, column, model in (
        ("b", "total", "test_total", "dcrw-write-only"),
        ("b", "reconstruction", "test_lx", "dcrw-write-only"),
        ("b", "latent", "test_lz", "dcrw-write-only"),
        ("h", "total", "test_total", "draw"),
    ):
        for noise in judge.NOISES:
            pair = cell("dcrw", noise), cell(model, noise)
            yield from _differences(claim, test, known.losses, pair, column, below, repetitions)


def _sharpness(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim c, of both kinds of images."""
    for test, rule in known.registered["claims"]["c"]["tests"].items():
        of_seeds = partial(sharper, error=SHARPNESS_ERROR, limit=rule["at_most_p"])
        for noise in NOISES:
            pair = cell("dcrw", noise), cell("dcrw-write-only", noise)
            column = f"{test}.sharpness"
            yield from _differences("c", test, known.measures, pair, column, of_seeds, repetitions)


def _locality(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim d at the means seen."""
    limits = judge.limits(known.registered)
    area, share = "reconstructed.effective_area", "reconstructed.effective_area_share"
    for noise in judge.NOISES:
        one, other = cell("dcrw", noise), cell("dcrw-write-only", noise)
        tests: tuple[tuple[str, Spread, str, Rule], ...] = (
            (
                "smaller",
                paired_spread(known.measures, one, other, area),
                f"{one} - {other}: {area}",
                below,
            ),
            (
                "local",
                spread_of(known.measures, one, share),
                f"{one}: {share}",
                partial(below, limit=limits["d.local"]),
            ),
            (
                "global",
                spread_of(known.measures, other, share),
                f"{other}: {share}",
                partial(above, limit=limits["d.global"]),
            ),
        )
        for test, seen, source, rule in tests:
            simulate = partial(normal, test, seen, rule, repetitions)
            yield Scenario("d", _seen(seen), source, simulate)


def _every_seed(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claims e and i at the means seen."""
    for claim in ("e", "i"):
        for test, rule in known.registered["claims"][claim]["tests"].items():
            column = judge.SCALARS[claim, test]
            for noise in judge.NOISES:
                cells = [cell(model, noise) for model in judge.MODELS]
                seen = [spread_of(known.measures, cell, column) for cell in cells]
                yield Scenario(
                    claim,
                    "; ".join(_seen(each) for each in seen),
                    f"{', '.join(cells)}: {column}",
                    partial(shares, test, seen, rule, repetitions),
                )


def _indistinguishable(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim f of a perfect generator, by the registered rule and as a distance to training digits;
    the distance also of a generator that is not perfect."""
    images = 2 * (MeasureSettings().samples // HELD_OUT)
    source = f"binomial, {images} held-out images"
    for told, chance in (
        ("as by a fair coin", 0.5),
        (f"as training digits were, in {known.reference:g}", known.reference),
    ):
        simulate = partial(coins, images, chance, repetitions)
        yield Scenario("f", f"perfect generator: told apart {told}", source, simulate)
    for generator, more in APART.items():
        for own, kind in ((False, "one reference for all seeds"), (True, "a reference a seed")):
            simulate = partial(distances, images, more, own, repetitions)
            yield Scenario("f as distance", f"{generator}; {kind}", source, simulate)


def _tables(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim g: a printed table that is one more run of an account, judged by that account; at the
    means seen, and where the account's means are the paper's values."""
    rules = known.registered["claims"]["g"]
    table = np.array([known.published[rule["paper"]] for rule in rules["tests"].values()])
    for noise in ACCOUNTS:
        seen = moments_of(known.losses, noise)
        for place, one in (("as seen", seen), ("Table I's", seen._replace(mean=table))):
            for minibatch, printing in PRINTINGS.items():
                yield Scenario(
                    "g",
                    f"{noise}: printed {printing}; means are {place}",
                    _sources(noise),
                    partial(
                        within_tolerance,
                        noise,
                        one,
                        minibatch,
                        rules["at_most_relative"],
                        repetitions,
                    ),
                )


def _predictive(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Table I by predictive intervals and densities, of every account under every truth; as they
    are, and with the spread over minibatches added."""
    every = {noise: moments_of(known.losses, noise) for noise in ACCOUNTS}
    for true in ACCOUNTS:
        for minibatch, printing in PRINTINGS.items():
            for added, suffix in ((False, ""), (True, ", minibatch spread added")):
                for rule, accepts in (("interval", by_interval), ("density", by_density)):
                    yield Scenario(
                        f"predictive {rule}{suffix}",
                        f"{true}: printed {printing}",
                        _sources(*ACCOUNTS),
                        partial(accepts, every, true, minibatch, added, repetitions),
                    )


def _counts(known: Known, repetitions: int) -> Iterator[Scenario]:
    """What is asked of every one of n seeds, as registered and with failures allowed."""
    for chance in PASSES:
        truth = f"each seed passes with probability {chance:g}"
        yield Scenario("counts", truth, "none", partial(passes, chance, repetitions))


def _differences(
    claim: str,
    test: str,
    table: pd.DataFrame,
    pair: tuple[str, str],
    column: str,
    rule: Rule,
    repetitions: int,
) -> Iterator[Scenario]:
    """A rule on differences by seed: of models that are equal, and at the mean seen."""
    seen = paired_spread(table, *pair, column)
    source = f"{' - '.join(pair)}: {column}"
    for truth, spread in (("no difference", Spread(0.0, seen.sd)), (_seen(seen), seen)):
        simulate = partial(normal, test, spread, rule, repetitions)
        yield Scenario(claim, truth, source, simulate)


def _seen(seen: Spread) -> str:
    return f"mean {seen.mean:.3g} and sd {seen.sd:.2g}, as seen"


def _sources(*noises: str) -> str:
    return ", ".join(cell(model, noise) for noise in noises for model in judge.MODELS)


FAMILIES: tuple[Callable[[Known, int], Iterator[Scenario]], ...] = (
    _comparable,
    _lower,
    _sharpness,
    _locality,
    _every_seed,
    _indistinguishable,
    _tables,
    _predictive,
    _counts,
)
