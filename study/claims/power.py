"""How often each verdict rule says that it holds when the truth is known: simulated from the
spreads over seeds of the committed runs. Claim a's fall over iterations has no such rule.

As a command, `python -m study.claims.power` writes
results/grid/tables/operating_characteristics.csv.
Values are normal over seeds, and different ones are independent: L_x of L_z, too, and one variant
of the other unless a rule takes differences by seed. The means and spreads of the cells, estimated
from few seeds, stand for the true ones. R repetitions, n seeds.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from dcrw.training.files import project_root, write_table
from study.claims import judge, predictive
from study.claims.classifier import HELD_OUT
from study.claims.judge import NOISES
from study.claims.measures import MeasureSettings
from study.claims.predictive import Bools, Floats
from study.claims.rules import paired, seeds_of
from study.statistics import coin_range, student

REPETITIONS = 20_000
SEED = 20261127
SEEDS = (3, 5, 10)  # n
PILOT = (0, 1, 2)  # seeds whose spreads are used; further ones are judged by rules and change none
ACCOUNTS = ("fresh", "shared", "lineage")
SHARPNESS_ERROR = 0.0042  # of a seed's mean difference over 1,000 images, the largest of any seed
PASSES = (0.95, 0.975, 0.99)  # chance that one seed passes
LOG_ODDS = float(np.log(20))
OUTPUT = "results/grid/tables/operating_characteristics.csv"

Rule = Callable[[Floats], Bools]  # (R, n) to (R,)
Held = dict[str, Bools]  # test to (R,), whether its rule says that it holds


class Known(NamedTuple):
    """What the simulation starts from."""

    losses: pd.DataFrame  # grid.run_table
    measures: pd.DataFrame  # grid.measure_table
    registered: dict[str, Any]  # book/claims.yaml
    published: dict[str, float]  # the paper's values by key
    reference: float  # accuracy with which training digits are told from test digits


class Scenario(NamedTuple):
    """A rule under one truth."""

    rule: str
    truth: str
    source: str  # cells whose spreads are used
    simulate: Callable[[np.random.Generator, int], Held]  # of n seeds


class Spread(NamedTuple):
    """A cell's mean and standard deviation over seeds."""

    mean: float
    sd: float


class Account(NamedTuple):
    """What a cell pair says of Table I's four values, in nats, in the order of claim g."""

    mean: Floats  # (4,)
    sd: Floats  # (4,), over seeds
    minibatch: Floats  # (4,), over minibatches of one run


def operating_characteristics(known: Known, repetitions: int = REPETITIONS) -> pd.DataFrame:
    """One row a test, truth and number of seeds: the share of repetitions in which it holds.

    A scenario's random numbers depend on its own words alone, so that another changes none.
    """
    rows = []
    for scenario in scenarios(known, repetitions):
        words = "|".join((scenario.rule, scenario.truth, scenario.source))
        for n in SEEDS:
            draws = np.random.default_rng([SEED, zlib.crc32(words.encode()), n])
            for test, held in scenario.simulate(draws, n).items():
                rows.append(
                    {
                        "rule": scenario.rule,
                        "test": test,
                        "truth": scenario.truth,
                        "n": n,
                        "accepts": round(float(held.mean()), 3),
                        "source": scenario.source,
                    }
                )
    return pd.DataFrame(rows)


def scenarios(known: Known, repetitions: int = REPETITIONS) -> Iterator[Scenario]:
    """Every rule under every truth, the registered rules first."""
    for family in FAMILIES:
        yield from family(known, repetitions)


def below(values: Floats, limit: float = 0.0) -> Bools:
    """`claims.below` of each row, (R,); values: (R, n)."""
    _, high = _interval(values)
    return high < 0 if limit == 0 else high <= limit


def above(values: Floats, limit: float) -> Bools:
    """`claims.above` of each row, (R,); values: (R, n)."""
    low, _ = _interval(values)
    return low >= limit


def matches(means: Floats, spreads: Floats, published: Floats, at_most_relative: float) -> Bools:
    """`claims.matches` of each case, (...); means: (..., n), spreads: the root mean square of the
    seeds' minibatch deviations (...), published: (...)."""
    n = means.shape[-1]
    seeds = means.var(axis=-1, ddof=1) * (1 + 1 / n)
    reach = student(n) * np.sqrt(seeds + np.square(spreads))
    reach = np.minimum(reach, at_most_relative * np.abs(published))
    return np.abs(means.mean(-1) - published) <= reach


def sharper(differences: Floats, error: float, limit: float) -> Bools:
    """`claims.sharper` of each row, (R,); differences: (R, n).

    error: standard error of one seed's difference over its images, by which the two-sided
    permutation test's p is taken from the normal distribution.
    """
    return np.all(differences >= error * stats.norm.isf(limit / 2), axis=-1)


def spread_of(table: pd.DataFrame, cell: str, column: str) -> Spread:
    """A cell's mean and standard deviation over seeds. Raises `ValueError` below two seeds."""
    return _spread(seeds_of(table, cell, column), cell)


def paired_spread(table: pd.DataFrame, one: str, other: str, column: str) -> Spread:
    """The same of the difference of two cells by seed."""
    return _spread(paired(table, one, other, column), f"{one} - {other}")


def account(losses: pd.DataFrame, noise: str) -> Account:
    """What the two variants under a noise say of Table I; noise: fresh, shared or lineage."""
    values = [
        (
            *spread_of(losses, _cell(model, noise), f"train_{loss}"),
            _root_mean_square(seeds_of(losses, _cell(model, noise), f"train_{loss}_sd")),
        )
        for model in judge.MODELS
        for loss in ("lx", "lz")
    ]
    return Account(*np.array(values).T)


def table_runs(known: Account, draws: np.random.Generator, repetitions: int, n: int) -> Floats:
    """Table I's four values of n runs of an account, (R, 4, n), in nats."""
    shape = (repetitions, 4, n)
    return draws.normal(known.mean[:, None], known.sd[:, None], shape)


def printed_table(
    known: Account, draws: np.random.Generator, repetitions: int, minibatch: bool
) -> Floats:
    """A printed table that is one more run of an account, (R, 4), in nats: its mean over the last
    minibatches, or the last `minibatch` alone."""
    variance = np.square(known.sd) + np.square(known.minibatch) * minibatch
    return draws.normal(known.mean, np.sqrt(variance), (repetitions, 4))


def load(project: Path) -> Known:
    """What the simulation starts from, from the committed files of a project: pilot seeds alone."""
    results = project / "results" / "grid"
    reference = json.loads((results / "classifier" / "reference.json").read_text())
    published = json.loads((project / "book" / "published.json").read_text())
    losses, measures = (
        pd.read_csv(results / "tables" / f"{name}.csv").query("seed in @PILOT")
        for name in ("runs", "measures")
    )
    return Known(
        losses,
        measures,
        judge.registered(project / "book" / "claims.yaml"),
        {key: entry["value"] for key, entry in published.items()},
        reference["measures"]["two_sample.accuracy"]["value"],
    )


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
    together = _spread(list(pairs), "relative difference")
    for truth, more in (("no difference", 0.0), ("dcrw is 10% above draw", 0.1)):
        shifted = Spread((1 + more) * theirs.mean, ours.sd)
        yield Scenario(
            "a",
            f"{truth}; each model has its own spread",
            f"{', '.join(COMPARED)}: {column}",
            partial(_relative, shifted, theirs, limit, repetitions),
        )
        yield Scenario(
            "a",
            f"{truth}; relative differences by seed have theirs",
            f"{' - '.join(COMPARED)}: {column}",
            partial(
                _normal,
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
            pair = _cell("dcrw", noise), _cell(model, noise)
            yield from _differences(claim, test, known.losses, pair, column, below, repetitions)


def _sharpness(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim c, of both kinds of images."""
    for test, rule in known.registered["claims"]["c"]["tests"].items():
        judge = partial(sharper, error=SHARPNESS_ERROR, limit=rule["at_most_p"])
        for noise in NOISES:
            pair = _cell("dcrw", noise), _cell("dcrw-write-only", noise)
            column = f"{test}.sharpness"
            yield from _differences("c", test, known.measures, pair, column, judge, repetitions)


def _locality(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim d at the means seen."""
    limits = judge.limits(known.registered)
    area, share = "reconstructed.effective_area", "reconstructed.effective_area_share"
    for noise in judge.NOISES:
        one, other = _cell("dcrw", noise), _cell("dcrw-write-only", noise)
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
            simulate = partial(_normal, test, seen, rule, repetitions)
            yield Scenario("d", _seen(seen), source, simulate)


def _every_seed(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claims e and i at the means seen."""
    for claim in ("e", "i"):
        for test, rule in known.registered["claims"][claim]["tests"].items():
            column = judge.SCALARS[claim, test]
            for noise in judge.NOISES:
                cells = [_cell(model, noise) for model in judge.MODELS]
                seen = [spread_of(known.measures, cell, column) for cell in cells]
                yield Scenario(
                    claim,
                    "; ".join(_seen(each) for each in seen),
                    f"{', '.join(cells)}: {column}",
                    partial(_shares, test, seen, rule, repetitions),
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
        simulate = partial(_coins, images, chance, repetitions)
        yield Scenario("f", f"perfect generator: told apart {told}", source, simulate)
    for generator, more in APART.items():
        for own, kind in ((False, "one reference for all seeds"), (True, "a reference a seed")):
            simulate = partial(_distances, images, more, own, repetitions)
            yield Scenario("f as distance", f"{generator}; {kind}", source, simulate)


def _tables(known: Known, repetitions: int) -> Iterator[Scenario]:
    """Claim g: a printed table that is one more run of an account, judged by that account; at the
    means seen, and where the account's means are the paper's values."""
    rules = known.registered["claims"]["g"]
    table = np.array([known.published[rule["paper"]] for rule in rules["tests"].values()])
    for noise in ACCOUNTS:
        seen = account(known.losses, noise)
        for place, one in (("as seen", seen), ("Table I's", seen._replace(mean=table))):
            for minibatch, printing in PRINTINGS.items():
                yield Scenario(
                    "g",
                    f"{noise}: printed {printing}; means are {place}",
                    _sources(noise),
                    partial(
                        _within_tolerance,
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
    every = {noise: account(known.losses, noise) for noise in ACCOUNTS}
    for true in ACCOUNTS:
        for minibatch, printing in PRINTINGS.items():
            for added, suffix in ((False, ""), (True, ", minibatch spread added")):
                for rule, accepts in (("interval", _by_interval), ("density", _by_density)):
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
        yield Scenario("counts", truth, "none", partial(_passes, chance, repetitions))


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
        simulate = partial(_normal, test, spread, rule, repetitions)
        yield Scenario(claim, truth, source, simulate)


def _normal(
    test: str, spread: Spread, rule: Rule, repetitions: int, draws: np.random.Generator, n: int
) -> Held:
    return {test: rule(draws.normal(*spread, (repetitions, n)))}


def _relative(
    ours: Spread,
    theirs: Spread,
    limit: float,
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    one, other = (draws.normal(*spread, (repetitions, n)) for spread in (ours, theirs))
    return {"comparable": below((one - other) / other, limit)}


def _shares(
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


def _coins(
    images: int, chance: float, repetitions: int, draws: np.random.Generator, n: int
) -> Held:
    """Claim f as registered: no accuracy above the upper end of a fair coin's range."""
    accuracies = draws.binomial(images, chance, (2, repetitions, n)) / images
    one, other = np.all(accuracies <= coin_range(images)[1], axis=-1)
    return {"two_sample, one variant": one, "two_sample, both variants": one & other}


def _distances(
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


def _within_tolerance(
    noise: str,
    one: Account,
    minibatch: bool,
    limit: float,
    repetitions: int,
    draws: np.random.Generator,
    n: int,
) -> Held:
    means = table_runs(one, draws, repetitions, n)
    printed = printed_table(one, draws, repetitions, minibatch)
    held = matches(means, one.minibatch, printed, limit)
    return {
        f"{noise}: all four values": np.all(held, axis=-1),
        f"{noise}: row with attention": np.all(held[:, :2], axis=-1),
        f"{noise}: row without attention": np.all(held[:, 2:], axis=-1),
    }


def _by_interval(
    every: dict[str, Account],
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


def _by_density(
    every: dict[str, Account],
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


def _passes(chance: float, repetitions: int, draws: np.random.Generator, n: int) -> Held:
    passed = draws.random((repetitions, n)) < chance
    return {"every seed": np.all(passed, axis=-1), "count": predictive.count_holds(passed)}


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


def _interval(values: Floats) -> tuple[Floats, Floats]:
    """`grid.student_interval` of each row, low and high (R,); values: (R, n)."""
    n = values.shape[-1]
    reach = student(n) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return values.mean(-1) - reach, values.mean(-1) + reach


def _spread(values: list[float], name: str) -> Spread:
    if len(values) < 2:
        raise ValueError(f"{name}: {len(values)} seeds; expected at least 2, for their spread")
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def _root_mean_square(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _seen(seen: Spread) -> str:
    return f"mean {seen.mean:.3g} and sd {seen.sd:.2g}, as seen"


def _cell(model: str, noise: str) -> str:
    return f"{model}-{noise}"


def _sources(*noises: str) -> str:
    return ", ".join(_cell(model, noise) for noise in noises for model in judge.MODELS)


def write(project: Path) -> Path:
    """Write the table of operating characteristics; returns its path."""
    path = project / OUTPUT
    write_table(path, operating_characteristics(load(project)))
    return path


if __name__ == "__main__":
    print(write(project_root()))
