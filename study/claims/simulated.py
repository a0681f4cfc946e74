"""Runs drawn from the spreads of the committed ones, and every verdict rule on R repetitions of
them at once. n seeds; the rules agree with those that judge, one case at a time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from study.claims import judge, predictive
from study.claims.predictive import Bools, Floats
from study.claims.rules import paired, seeds_of
from study.statistics import coin_range, student

LOG_ODDS = float(np.log(20))

Rule = Callable[[Floats], Bools]  # (R, n) to (R,)
Held = dict[str, Bools]  # test to (R,), whether its rule says that it holds


class Spread(NamedTuple):
    """A cell's mean and standard deviation over seeds."""

    mean: float
    sd: float


class Moments(NamedTuple):
    """What is taken for the truth of an account of Table I: of its four values, in nats, in the
    order of claim g."""

    mean: Floats  # (4,)
    sd: Floats  # (4,), over seeds
    minibatch: Floats  # (4,), over minibatches of one run


def below(values: Floats, limit: float = 0.0) -> Bools:
    """`rules.below` of each row, (R,); values: (R, n)."""
    _, high = _interval(values)
    return high < 0 if limit == 0 else high <= limit


def above(values: Floats, limit: float) -> Bools:
    """`rules.above` of each row, (R,); values: (R, n)."""
    low, _ = _interval(values)
    return low >= limit


def matches(means: Floats, spreads: Floats, published: Floats, at_most_relative: float) -> Bools:
    """`rules.matches` of each case, (...); means: (..., n), spreads: the root mean square of the
    seeds' minibatch deviations (...), published: (...)."""
    n = means.shape[-1]
    seeds = means.var(axis=-1, ddof=1) * (1 + 1 / n)
    reach = student(n) * np.sqrt(seeds + np.square(spreads))
    reach = np.minimum(reach, at_most_relative * np.abs(published))
    return np.abs(means.mean(-1) - published) <= reach


def sharper(differences: Floats, error: float, limit: float) -> Bools:
    """`rules.sharper` of each row, (R,); differences: (R, n).

    error: standard error of one seed's difference over its images, by which the two-sided
    permutation test's p is taken from the normal distribution.
    """
    return np.all(differences >= error * stats.norm.isf(limit / 2), axis=-1)


def spread_of(table: pd.DataFrame, cell: str, column: str) -> Spread:
    """A cell's mean and standard deviation over seeds. Raises `ValueError` below two seeds."""
    return over_seeds(seeds_of(table, cell, column), cell)


def paired_spread(table: pd.DataFrame, one: str, other: str, column: str) -> Spread:
    """The same of the difference of two cells by seed."""
    return over_seeds(paired(table, one, other, column), f"{one} - {other}")


def moments_of(losses: pd.DataFrame, noise: str) -> Moments:
    """What the two variants under a noise say of Table I; noise: fresh, shared or lineage."""
    values = [
        (
            *spread_of(losses, cell(model, noise), f"train_{loss}"),
            _root_mean_square(seeds_of(losses, cell(model, noise), f"train_{loss}_sd")),
        )
        for model in judge.MODELS
        for loss in ("lx", "lz")
    ]
    return Moments(*np.array(values).T)


def table_runs(known: Moments, draws: np.random.Generator, repetitions: int, n: int) -> Floats:
    """Table I's four values of n runs of an account, (R, 4, n), in nats."""
    shape = (repetitions, 4, n)
    return draws.normal(known.mean[:, None], known.sd[:, None], shape)


def printed_table(
    known: Moments, draws: np.random.Generator, repetitions: int, minibatch: bool
) -> Floats:
    """A printed table that is one more run of an account, (R, 4), in nats: its mean over the last
    minibatches, or the last `minibatch` alone."""
    variance = np.square(known.sd) + np.square(known.minibatch) * minibatch
    return draws.normal(known.mean, np.sqrt(variance), (repetitions, 4))


def over_seeds(values: list[float], name: str) -> Spread:
    """Mean and standard deviation over seeds. Raises `ValueError` below two."""
    if len(values) < 2:
        raise ValueError(f"{name}: {len(values)} seeds; expected at least 2, for their spread")
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def cell(model: str, noise: str) -> str:
    """A cell's name."""
    return f"{model}-{noise}"


def normal(
    test: str, spread: Spread, rule: Rule, repetitions: int, draws: np.random.Generator, n: int
) -> Held:
    """A rule on values of one normal spread."""
    return {test: rule(draws.normal(*spread, (repetitions, n)))}


def relative(
    ours: Spread,
    theirs: Spread,
    limit: float,
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    """Claim a's rule on differences relative to the other model."""
    one, other = (draws.normal(*spread, (repetitions, n)) for spread in (ours, theirs))
    return {"comparable": below((one - other) / other, limit)}


def shares(
    test: str,
    seen: list[Spread],
    rule: dict[str, float],
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    """Shares of both variants, within 0 and 1, each against a limit."""
    mean, sd = np.array(seen).T[:, :, None, None]
    values = draws.normal(mean, sd, (len(judge.MODELS), repetitions, n)).clip(0, 1)
    at_least = "at_least" in rule
    passed = values >= rule["at_least"] if at_least else values <= rule["at_most"]
    held = np.all(passed, axis=-1)
    found = {f"{test}, {model}": each for model, each in zip(judge.MODELS, held, strict=True)}
    return found | {f"{test}, both variants": np.all(held, axis=0)}


def coins(images: int, chance: float, repetitions: int, draws: np.random.Generator, n: int) -> Held:
    """Claim f as registered: no accuracy above the upper end of a fair coin's range."""
    accuracies = draws.binomial(images, chance, (2, repetitions, n)) / images
    one, other = np.all(accuracies <= coin_range(images)[1], axis=-1)
    return {"two_sample, one variant": one, "two_sample, both variants": one & other}


def distances(
    images: int, more: float, own: bool, repetitions: int, draws: np.random.Generator, n: int
) -> Held:
    """Claim f as a distance; own: each seed has a reference of its own."""
    reference = draws.binomial(images, 0.5, (repetitions, n if own else 1)) / images
    accuracies = draws.binomial(images, 0.5 + more, (2, repetitions, n)) / images
    found = predictive.reference_distance(accuracies, reference)
    return {
        "holds, one variant": found.holds[0],
        "holds, both variants": np.all(found.holds, axis=0),
        "contradicted, one variant": found.contradicted[0],
        "contradicted, either variant": np.any(found.contradicted, axis=0),
    }


def within_tolerance(
    noise: str,
    one: Moments,
    minibatch: bool,
    limit: float,
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    """A printed table by the tolerance of claim g."""
    means = table_runs(one, draws, repetitions, n)
    printed = printed_table(one, draws, repetitions, minibatch)
    held = matches(means, one.minibatch, printed, limit)
    return {
        f"{noise}: all four values": np.all(held, axis=-1),
        f"{noise}: row with attention": np.all(held[:, :2], axis=-1),
        f"{noise}: row without attention": np.all(held[:, 2:], axis=-1),
    }


def by_interval(
    every: dict[str, Moments],
    true: str,
    minibatch: bool,
    added: bool,
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    """Each account by predictive intervals; added: the spread over minibatches is in them."""
    printed = printed_table(every[true], draws, repetitions, minibatch)
    held: Held = {}
    for noise, one in every.items():
        values, more = table_runs(one, draws, repetitions, n), one.minibatch * added
        fits = predictive.compatible(values, printed, beside=more)
        tells = predictive.sharp(values, printed, beside=more)
        held |= {
            f"{noise}: compatible": fits,
            f"{noise}: sharp": tells,
            f"{noise}: compatible and sharp": fits & tells,
        }
    return held


def by_density(
    every: dict[str, Moments],
    true: str,
    minibatch: bool,
    added: bool,
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    """Which account has the largest predictive density, and whether by much."""
    printed = printed_table(every[true], draws, repetitions, minibatch)
    scores = {
        noise: predictive.log_likelihood(
            table_runs(one, draws, repetitions, n), printed, one.minibatch * added
        )
        for noise, one in every.items()
    }
    ranked = np.sort(list(scores.values()), axis=0)
    first, clear = scores[true] == ranked[-1], ranked[-1] - ranked[-2] >= LOG_ODDS
    return {
        "the true account is first": first,
        "the true account is first by log 20": first & clear,
        "another account is first by log 20": ~first & clear,
    }


def passes(chance: float, repetitions: int, draws: np.random.Generator, n: int) -> Held:
    """What is asked of every seed, of seeds that pass with a chance."""
    passed = draws.random((repetitions, n)) < chance
    return {"every seed": np.all(passed, axis=-1), "count": predictive.count_holds(passed)}


def _interval(values: Floats) -> tuple[Floats, Floats]:
    """`statistics.student_interval` of each row, low and high (R,); values: (R, n)."""
    n = values.shape[-1]
    reach = student(n) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return values.mean(-1) - reach, values.mean(-1) + reach


def _root_mean_square(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
