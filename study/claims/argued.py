"""Verdicts to argue with: every test of the registered claims with its seeds, so that a reader can
move the threshold. The forms that a rule takes (`study.claims.rules`) are computed again in the
page, by `book/assets/figures/verdicts.js`; each test is held to the verdict here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from study.claims import rules as forms
from study.claims.judge import SCALARS, Observed, Outcome
from study.live import Live
from study.names import SETTINGS, TESTS, cell_in_words

LOSSES = {"total": "test_total", "reconstruction": "test_lx", "latent": "test_lz"}
WORDS = {  # claim and test to what the axis shows
    ("a", "falls"): "rank correlation of the totals with their order",
    ("a", "comparable"): "test total, relative to DRAW's",
    ("b", "total"): "difference of test totals, nats per image",
    ("b", "reconstruction"): "difference of Lx, nats per image",
    ("b", "latent"): "difference of Lz, nats per image",
    ("c", "reconstructed"): "p of the permutation test (logarithmic)",
    ("c", "generated"): "p of the permutation test (logarithmic)",
    ("d", "smaller"): "difference of effective areas, pixels",
    ("d", "local"): "effective area, share of the image",
    ("d", "global"): "effective area, share of the image",
    ("e", "pixels"): "share of samples nearer than the limit, in pixels",
    ("e", "features"): "share of samples nearer than the limit, in features",
    ("f", "two_sample"): "accuracy of the two-sample classifier",
    ("g", "attention_lx"): "relative difference from the printed value",
    ("g", "attention_lz"): "relative difference from the printed value",
    ("g", "write_only_lx"): "relative difference from the printed value",
    ("g", "write_only_lz"): "relative difference from the printed value",
    ("h", "total"): "difference of test totals, nats per image",
    ("i", "reconstructed"): "share that the classifier reads",
    ("i", "generated"): "share that the classifier is sure of",
}


class Argument(NamedTuple):
    """One test of one claim on one subject, with what its rule looks at."""

    noise: str
    subject: str
    form: str  # below, above, at_most, at_least, or within
    values: list[float]  # a dot per seed
    low: float  # 95% interval over seeds, where the form looks at it
    high: float
    limit: float  # the registered threshold
    given: bool  # what the rule asks besides, which no threshold changes; p has the sign, claim c
    reach: float  # within: the 95% range for one minibatch of one further run, as a share
    holds: bool | None  # the verdict by the registered threshold


def decide(argument: Argument, limit: float) -> bool | None:
    """What the rule says at another threshold; at the registered one it is the verdict."""
    if argument.holds is None:
        return None
    values = argument.values
    holds = {
        "below": lambda: argument.high < 0 if limit == 0 else argument.high <= limit,
        "above": lambda: argument.low >= limit,
        "at_most": lambda: max(values) <= limit,
        "at_least": lambda: min(values) >= limit,
        "within": lambda: abs(np.mean(values)) <= min(limit, argument.reach),
    }[argument.form]()
    return bool(holds) and argument.given


def arguments(
    registered: Mapping[str, Any], observed: Observed, outcomes: Iterable[Outcome]
) -> dict[tuple[str, str], list[Argument]]:
    """Every outcome with its evidence, by claim and test, in their order.

    Raises `ValueError` where the evidence, decided again, does not give the outcome.
    """
    found: dict[tuple[str, str], list[Argument]] = {}
    for outcome in outcomes:
        argument = _argument(outcome, registered["claims"][outcome.claim], observed)
        again = decide(argument, argument.limit)
        if again != outcome.holds:
            raise ValueError(
                f"claim {outcome.claim}, {outcome.test}, {outcome.noise}: decided again as "
                f"{again}, judged as {outcome.holds}"
            )
        found.setdefault((outcome.claim, outcome.test), []).append(argument)
    return found


def figure(
    claim: str, registered: Mapping[str, Any], observed: Observed, outcomes: Sequence[Outcome]
) -> Live:
    """The figure of one claim; its element names the claim's verdict by noise, which moves with the
    thresholds. Raises `ValueError` as `arguments` does."""
    own = [outcome for outcome in outcomes if outcome.claim == claim]
    rules = {outcome.test: outcome.rule for outcome in own}
    tests = [
        {
            "name": test,
            "words": TESTS[test],
            "axis": WORDS[claim, test],
            "rule": rules[test],
            "logarithmic": claim == "c",
            "arguments": [
                entry._asdict()
                | {"subject": cell_in_words(entry.subject), "setting": SETTINGS[entry.noise]}
                for entry in entries
            ],
        }
        for (_, test), entries in arguments(registered, observed, own).items()
    ]
    return Live("verdicts", {"claim": claim, "tests": tests})


def _argument(outcome: Outcome, entry: Mapping[str, Any], observed: Observed) -> Argument:
    rule = entry["tests"][outcome.test]
    given, reach, limit = True, np.nan, 0.0
    claim, test = outcome.claim, outcome.test
    if (claim, test) == ("a", "falls"):
        form, limit = "at_most", rule["at_most_correlation"]
        values, given = _course(outcome.noise, outcome.subject, observed)
    elif claim in "abh":
        form, limit = "below", rule.get("at_most", 0.0)
        values = _difference(outcome, observed)
    elif claim == "c":
        form, limit = "at_most", rule["at_most_p"]
        values, given = _sharpness(outcome, observed)
    elif claim == "d":
        form, limit, values = _areas(outcome, rule, observed)
    elif claim == "g":
        form, limit = "within", entry["at_most_relative"]
        values, reach = _relative(outcome, entry, observed)
    else:
        form = "at_least" if "at_least" in rule else "at_most"
        limit = rule.get(form, _coin(observed))
        scalar = SCALARS[claim, test]
        values = forms.seeds_of(observed.measures, f"{outcome.subject}-{outcome.noise}", scalar)
    low, high = (outcome.low, outcome.high) if form in ("below", "above") else (np.nan, np.nan)
    kept = outcome.noise, outcome.subject, form, list(values), low, high, limit
    return Argument(*kept, given, reach, outcome.holds)


def _course(noise: str, model: str, observed: Observed) -> tuple[list[float], bool]:
    """Rank correlation of each seed's block means with their order, and whether all ended lower."""
    blocks = [means for (cell, _), means in observed.blocks.items() if cell == f"{model}-{noise}"]
    order = [float(stats.spearmanr(np.arange(len(means)), means).statistic) for means in blocks]
    return order, all(means[-1] < means[0] for means in blocks)


def _difference(outcome: Outcome, observed: Observed) -> list[float]:
    one, other = (f"{model}-{outcome.noise}" for model in outcome.subject.split(" - "))
    if outcome.test == "comparable":
        by_cell = forms.by_seed(observed.losses, "test_total")
        if not {one, other} <= set(by_cell.columns):
            return []
        return ((by_cell[one] - by_cell[other]) / by_cell[other]).dropna().tolist()
    return forms.paired(observed.losses, one, other, LOSSES[outcome.test])


def _sharpness(outcome: Outcome, observed: Observed) -> tuple[list[float], bool]:
    """p of each seed, and whether the variant with attention is the sharper one in every seed."""
    rows = observed.sharpness
    rows = rows[(rows.noise == outcome.noise) & (rows["mode"] == outcome.test)]
    return rows.p.tolist(), bool((rows.difference > 0).all())


def _areas(
    outcome: Outcome, rule: Mapping[str, Any], observed: Observed
) -> tuple[str, float, list[float]]:
    area = "reconstructed.effective_area"
    if outcome.test == "smaller":
        one, other = (f"{model}-{outcome.noise}" for model in outcome.subject.split(" - "))
        return "below", 0.0, forms.paired(observed.measures, one, other, area)
    cell = f"{outcome.subject}-{outcome.noise}"
    values = forms.seeds_of(observed.measures, cell, f"{area}_share")
    if outcome.test == "local":
        return "below", rule["at_most"], values
    return "above", rule["at_least"], values


def _relative(
    outcome: Outcome, entry: Mapping[str, Any], observed: Observed
) -> tuple[list[float], float]:
    """Each seed's distance from the printed value as a share of it, and how far the rule lets the
    mean lie before the share of 10% is looked at."""
    column = f"train_{outcome.test.rsplit('_', 1)[1]}"
    published = observed.published[entry["tests"][outcome.test]["paper"]]
    cell = f"{outcome.subject}-{outcome.noise}"
    means = forms.seeds_of(observed.losses, cell, column)
    lender = f"{outcome.subject}-shared" if outcome.noise == "lineage" else ""
    reach = forms.tolerance(
        means,
        forms.seeds_of(observed.losses, cell, f"{column}_sd"),
        published,
        np.inf,
        forms.seeds_of(observed.losses, lender, column),
    )
    return [mean / published - 1 for mean in means], reach / abs(published)


def _coin(observed: Observed) -> float:
    return float(observed.measures["two_sample.coin_high"].dropna().iloc[0])
