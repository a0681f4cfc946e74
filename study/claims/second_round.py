"""The claims judged again by the rules of the second round (`second_round` of `book/claims.yaml`),
which was committed before its runs. Pure functions from tables to findings; how Table I came about
is in `accounts`, `stop_free` and `attribution`, and what was predicted in `predictions`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from study.claims import predictive
from study.claims.judge import MODELS, NOISES, SCALARS
from study.claims.rules import seeds_of
from study.statistics import student_interval, welch_interval

BLOCKS = 10  # means of 1,000 iterations
LOSSES = ("lx", "lz")
AREAS = {"grey values": "picture_area", "logits": "effective_area"}  # what an update is measured in
JUDGED_AREA = "grey values"


class Finding(NamedTuple):
    """One test of one claim or rule, on one model, pair of models or account."""

    claim: str
    test: str
    noise: str
    subject: str  # the model, or `one - other`
    holds: bool | None  # None: cannot be judged
    contradicted: bool | None  # the interval excludes what was claimed, or every seed fails
    value: float
    low: float  # 95% interval over seeds, not a number where the rule counts seeds
    high: float
    n: int  # seeds; of a pair, the fewer
    rule: str


class Seen(NamedTuple):
    """What the second round's claims are judged on, a row or entry per run."""

    losses: pd.DataFrame  # cells.run_table
    blocks: Mapping[tuple[str, int], pd.DataFrame]  # (cell, seed) to cells.loss_blocks
    measures: pd.DataFrame  # tables.measure_table
    sharpness: pd.DataFrame  # tables.sharpness_table
    digits: float  # accuracy with which training digits are told from test digits


class Judged(NamedTuple):
    """What a rule says of some values."""

    holds: bool | None
    contradicted: bool | None
    value: float
    low: float
    high: float
    n: int


def judge(registered: Mapping[str, Any], seen: Seen) -> list[Finding]:
    """Claims a to f, h and i under fresh and under shared noise; claim g is `accounts`'."""
    rules, claims = registered["second_round"]["rules"], registered["claims"]
    found: list[Finding] = []
    for noise in NOISES:
        found += directions(noise, rules["directions"], seen.blocks)
        found.append(comparable(noise, rules["comparable"], seen.losses))
        found += lower("b", noise, claims["b"], seen.losses)
        found += sharper(noise, claims["c"], seen.sharpness)
        found += locality(noise, rules["locality"], seen.measures)
        found += shares("e", noise, claims["e"], seen.measures)
        found += reference(noise, rules["reference"], seen.measures, seen.digits)
        found += lower("h", noise, claims["h"], seen.losses)
        found += shares("i", noise, claims["i"], seen.measures)
    return found


def direction(blocks: Sequence[np.ndarray], correlation: float) -> str | None:
    """`falls`, `rises` or `neither`: Spearman's correlation of the means with their order, in every
    seed by the rule for every seed; None below two seeds. blocks: a seed's means, (10,)."""
    if len(blocks) < 2:
        return None
    order = [_spearman(block) for block in blocks]
    if counted([value <= -correlation for value in order], order).holds:
        return "falls"
    return "rises" if counted([value >= correlation for value in order], order).holds else "neither"


def directions(
    noise: str, rule: Mapping[str, float], blocks: Mapping[tuple[str, int], pd.DataFrame]
) -> list[Finding]:
    """Claim a: whether L_x and L_z fall, each for itself; contradicted where one rises. The value
    is the largest correlation of any seed."""
    limit, found = rule["correlation"], []
    for model in MODELS:
        for loss in LOSSES:
            paths = [
                table[loss].to_numpy()[:BLOCKS]
                for (cell, _), table in sorted(blocks.items(), key=lambda entry: entry[0])
                if cell == f"{model}-{noise}" and len(table) >= BLOCKS
            ]
            word = direction(paths, limit)
            worst = max(map(_spearman, paths), default=np.nan)
            judged = Judged(
                None if word is None else word == "falls",
                None if word is None else word == "rises",
                *(worst, np.nan, np.nan, len(paths)),
            )
            text = f"correlation at most -{limit:g} in every seed but those that chance explains"
            found.append(Finding("a", f"{loss} falls", noise, model, *judged, text))
    return found


def comparable(noise: str, rule: Mapping[str, float], losses: pd.DataFrame) -> Finding:
    """Claim a's comparison with DRAW: Welch's interval of the difference of test totals, as a share
    of DRAW's mean."""
    theirs = seeds_of(losses, f"draw-{noise}", "test_total")
    scale = float(np.mean(theirs)) if theirs else np.nan
    ours = seeds_of(losses, f"dcrw-{noise}", "test_total")
    judged = difference(np.divide(ours, scale), np.divide(theirs, scale), rule["at_most"])
    text = f"interval up to {rule['at_most']:g} at most, relative to draw"
    return Finding("a", "comparable", noise, "dcrw", *judged, text)


def lower(claim: str, noise: str, rules: Mapping[str, Any], losses: pd.DataFrame) -> list[Finding]:
    """Claims b and h: test losses of dcrw lie below those of the other model (Welch)."""
    other = {"b": "dcrw-write-only", "h": "draw"}[claim]
    columns = {"total": "test_total", "reconstruction": "test_lx", "latent": "test_lz"}
    found = []
    for test in rules["tests"]:
        ours, theirs = (
            seeds_of(losses, f"{model}-{noise}", columns[test]) for model in ("dcrw", other)
        )
        judged = difference(ours, theirs)
        found.append(Finding(claim, test, noise, f"dcrw - {other}", *judged, "interval below 0"))
    return found


def sharper(noise: str, rules: Mapping[str, Any], sharpness: pd.DataFrame) -> list[Finding]:
    """Claim c: positive with a small p, in every seed but those that chance explains."""
    found = []
    for test, rule in rules["tests"].items():
        rows = sharpness[(sharpness.noise == noise) & (sharpness["mode"] == test)]
        passed = (rows.difference > 0) & (rows.p <= rule["at_most_p"])
        judged = counted(passed.tolist(), rows.difference.tolist())
        text = f"above 0 with p at most {rule['at_most_p']:g}, counted over seeds"
        found.append(Finding("c", test, noise, "dcrw - dcrw-write-only", *judged, text))
    return found


def locality(
    noise: str, rule: Mapping[str, float], measures: pd.DataFrame, measured_in: str = JUDGED_AREA
) -> list[Finding]:
    """Claim d on the effective area of updates, in `grey values` (judged) or `logits` (shown)."""
    share = f"reconstructed.{AREAS[measured_in]}_share"
    ours, theirs = (seeds_of(measures, f"{model}-{noise}", share) for model in MODELS)
    most, least = rule["at_most"], rule["at_least"]
    tests = (
        ("smaller", " - ".join(MODELS), difference(ours, theirs), "interval below 0"),
        ("local", MODELS[0], at_most(ours, most), f"interval at most {most:g}"),
        ("global", MODELS[1], at_least(theirs, least), f"interval at least {least:g}"),
    )
    return [
        Finding("d", test, noise, subject, *judged, text) for test, subject, judged, text in tests
    ]


def locality_differs(noise: str, rule: Mapping[str, float], measures: pd.DataFrame) -> bool | None:
    """Whether claim d's verdict in logits is another than in grey values; None where one of them
    is untestable."""
    words = {verdict(locality(noise, rule, measures, measured_in)) for measured_in in AREAS}
    return None if "untestable" in words else len(words) > 1


def shares(
    claim: str, noise: str, rules: Mapping[str, Any], measures: pd.DataFrame
) -> list[Finding]:
    """Claims e and i: a share of each model, in every seed but those that chance explains."""
    found = []
    for test, rule in rules["tests"].items():
        for model in rules["models"]:
            values = seeds_of(measures, f"{model}-{noise}", SCALARS[claim, test])
            side, limit = next((key, rule[key]) for key in ("at_most", "at_least") if key in rule)
            passed = [value <= limit if side == "at_most" else value >= limit for value in values]
            text = f"{side.replace('_', ' ')} {limit:g}, counted over seeds"
            found.append(Finding(claim, test, noise, model, *counted(passed, values), text))
    return found


def reference(
    noise: str, rule: Mapping[str, float], measures: pd.DataFrame, digits: float
) -> list[Finding]:
    """Claim f: accuracy on samples less that on training digits in their place, `digits`."""
    found = []
    for model in MODELS:
        values = seeds_of(measures, f"{model}-{noise}", "two_sample.accuracy")
        judged = at_most(np.subtract(values, digits), rule["at_most"])
        text = f"interval at most {rule['at_most']:g} above training digits"
        found.append(Finding("f", "two_sample", noise, model, *judged, text))
    return found


def difference(
    one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray, limit: float = 0.0
) -> Judged:
    """Welch's interval of mean(one) - mean(other) lies below a limit, which its upper end may touch
    where the limit is not 0; contradicted where it lies above."""
    low, high = welch_interval(one, other)
    n = min(len(one), len(other))
    value = float(np.mean(one) - np.mean(other)) if n else np.nan
    if n < 2:
        return Judged(None, None, value, low, high, n)
    holds = high < 0 if limit == 0 else high <= limit
    return Judged(bool(holds), bool(low > limit), value, low, high, n)


def at_most(values: Sequence[float] | np.ndarray, limit: float) -> Judged:
    """The interval over seeds, values (n,), ends at a limit or below; contradicted where it lies
    above."""
    return _interval(values, lambda low, high: (high <= limit, low > limit))


def at_least(values: Sequence[float] | np.ndarray, limit: float) -> Judged:
    """The interval over seeds, values (n,), begins at a limit or above; contradicted where it lies
    below."""
    return _interval(values, lambda low, high: (low >= limit, high < limit))


def between(values: Sequence[float] | np.ndarray, least: float, most: float) -> Judged:
    """The mean over seeds, values (n,), lies between two limits; contradicted where the interval
    has none of what is between them."""
    judged = _interval(values, lambda low, high: (True, low > most or high < least))
    return judged._replace(holds=judged.holds and bool(least <= judged.value <= most))


def counted(passed: Sequence[bool], values: Sequence[float]) -> Judged:
    """No more of n seeds fail than chance alone explains (a binomial of n and 0.05, upper 95%
    point); contradicted where every seed fails. The value is the mean over seeds."""
    n = len(passed)
    value = float(np.mean(values)) if n else np.nan
    if n < 2:
        return Judged(None, None, value, np.nan, np.nan, n)
    holds = bool(predictive.count_holds(passed))
    return Judged(holds, not any(passed), value, np.nan, np.nan, n)


def verdict(findings: Iterable[Finding]) -> str:
    """One word for a claim under one noise: supported, partly, not shown, contradicted, untestable.

    A test holds where it holds for each of its subjects.
    """
    listed = list(findings)
    if not listed or any(finding.holds is None for finding in listed):
        return "untestable"
    tests = {finding.test for finding in listed}
    failing = {finding.test for finding in listed if not finding.holds}
    if failing != tests:
        return "partly" if failing else "supported"
    return "contradicted" if any(finding.contradicted for finding in listed) else "not shown"


BY_MODEL = ("a", "e", "f", "i")  # claims that name both variants


def verdict_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """Columns `claim`, `subject` and one per noise: the verdicts, by model where a claim names both
    variants; a claim about a pair of models has one, with an empty subject."""
    rows: dict[tuple[str, str], dict[str, list[Finding]]] = {}
    for finding in findings:
        subject = finding.subject if finding.claim in BY_MODEL else ""
        rows.setdefault((finding.claim, subject), {}).setdefault(finding.noise, []).append(finding)
    return pd.DataFrame(
        [
            {"claim": claim, "subject": subject}
            | {noise: verdict(members) for noise, members in by_noise.items()}
            for (claim, subject), by_noise in sorted(rows.items())
        ]
    )


def finding_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """One row per test."""
    return pd.DataFrame(findings, columns=list(Finding._fields))


def _interval(values: Sequence[float] | np.ndarray, rule: Any) -> Judged:
    n, value = len(values), float(np.mean(values)) if len(values) else np.nan
    low, high = student_interval(values)
    if n < 2:
        return Judged(None, None, value, low, high, n)
    holds, contradicted = rule(low, high)
    return Judged(bool(holds), bool(contradicted), value, float(low), float(high), n)


def _spearman(block: np.ndarray) -> float:
    return float(stats.spearmanr(np.arange(len(block)), block).statistic)
