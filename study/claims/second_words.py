"""What the page on the second round says: its tables and findings as a reader sees them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcrw.training.files import read_table
from study.claims import accounts, attribution, second_round
from study.claims.accounts import JUDGED, READINGS, ROWS, VALUES
from study.claims.judge import NOISES
from study.claims.second_round import Finding
from study.names import account_in_words

CHARACTERISTICS = "results/grid/tables/operating_characteristics.csv"
SIMULATED = {"rule": str, "test": str, "truth": str, "n": int, "accepts": float}
SIMULATE = "Simulate again (python -m study.claims.power)."
ANSWERS = {  # kind of statement to its three answers
    "predicts": {True: "held", False: "failed", None: "not known yet"},
    "refuted_by": {True: "happened", False: "did not happen", None: "not known yet"},
}
KINDS = {"predicts": "prediction", "refuted_by": "would refute it"}
YES = {True: "yes", False: "no", None: ""}
AS_SEEN = "shared: printed the mean of one more run; means are as seen"
AS_PRINTED = "shared: printed the mean of one more run; means are Table I's"
SHOWN_RULES = {  # rows of the simulation that the page shows: (rule, test, truth) to words
    ("g", "shared: all four values", AS_SEEN):
        "first round, g: accepts the account that is true",
    ("g", "shared: all four values", AS_PRINTED):
        "the same, its means being exactly Table I's",
    ("predictive interval", "shared: compatible", "shared: printed the mean of one more run"):
        "second round, predictive: accepts the account that is true",
    ("predictive interval", "fresh: compatible", "shared: printed the mean of one more run"):
        "second round, predictive: accepts fresh noise, which is not",
    ("f", "two_sample, both variants",
     "perfect generator: told apart as training digits were, in 0.5325"):
        "first round, f: accepts samples as good as training digits",
}  # fmt: skip


def shown_predictions(table: pd.DataFrame) -> pd.DataFrame:
    """Predictions and refutations in words."""
    answers = [
        ANSWERS[kind][known(came)] for kind, came in zip(table.kind, table.came, strict=True)
    ]
    return pd.DataFrame(
        {"kind": table.kind.map(KINDS), "statement": table.statement, "answer": answers}
    )


def shown_accounts(table: pd.DataFrame, measure: str = JUDGED) -> pd.DataFrame:
    """The accounts beside each other in words: seeds, means, and what the rules say."""
    chosen = table[table.measure == measure]
    shown = pd.DataFrame({"account": chosen.account})
    shown["seeds"] = [
        f"{int(run.n_attention)} and {int(run.n_write_only)}" for run in chosen.itertuples()
    ]
    names = dict(zip(VALUES, ("Lx, with", "Lz, with", "Lx, without", "Lz, without"), strict=True))
    for value, name in names.items():
        shown[name] = chosen[value]
    for row, name in zip((*ROWS, "table"), ("with", "without", "whole table"), strict=True):
        shown[f"within 10%: {name}"] = chosen[f"within_{row}"].map(known).map(YES)
    for reading in READINGS:
        fits = chosen[f"compatible, {reading}"].map(known).map(YES)
        shown[f"predictive: {reading}"] = fits
    return shown


def shown_likelihoods(table: pd.DataFrame) -> pd.DataFrame:
    """The accounts' log likelihoods under both readings, nats, the largest first."""
    chosen = table[table.measure == JUDGED]
    columns = {f"log_likelihood, {reading}": reading for reading in READINGS}
    shown = chosen[["account", *columns]].rename(columns=columns).dropna()
    return shown.sort_values(READINGS[0], ascending=False)


def preferred_in_words(table: pd.DataFrame, at_least: float) -> str:
    """Which accounts are preferred to which, as a Markdown list, a line a preferred one."""
    beaten: dict[str, list[str]] = {}
    for one, other in accounts.preferred(accounts.likelihoods(table), at_least):
        beaten.setdefault(one, []).append(f"*{account_in_words(other)}*")
    lines = [
        f"- *{account_in_words(one)}* is preferred to {'; '.join(others)}"
        for one, others in beaten.items()
    ]
    return "\n".join(lines) or "No account is preferred to another by this rule."


def shown_tests(findings: Iterable[Finding]) -> pd.DataFrame:
    """Tests of one kind as a reader sees them."""
    rows = []
    for found in findings:
        interval = "" if np.isnan(found.low) else f"{found.low:.2f} to {found.high:.2f}"
        holds = {True: "yes", False: "no", None: "not known yet"}[found.holds]
        rows.append(
            {"test": found.test, "of": found.subject, "mean": found.value, "interval": interval}
            | {"seeds": found.n, "holds": holds, "rule": found.rule}
        )
    return pd.DataFrame(rows)


def tests_of(findings: Iterable[Finding], claim: str) -> list[Finding]:
    """The tests of one rule: `positive_control`, `fresh_control` or `stop_free`."""
    return [found for found in findings if found.claim == claim]


def shown_effects(effects: Sequence[attribution.Effect]) -> pd.DataFrame:
    """Main effects in words; a line that says so where a combination lacks a seed."""
    if not effects:
        return pd.DataFrame({"effect": ["not known yet: a combination lacks a seed"]})
    return pd.DataFrame(
        {
            "setting": [e.factor for e in effects],
            "loss": [e.loss for e in effects],
            "effect": [e.value for e in effects],
            "interval": [f"{e.low:.2f} to {e.high:.2f}" for e in effects],
            "matters": ["yes" if e.matters else "not shown" for e in effects],
        }
    )


def shown_verdicts(findings: Sequence[Finding], titles: Mapping[str, str]) -> pd.DataFrame:
    """The claims' verdicts by the second round's rules, with the fewest seeds behind each."""
    table = second_round.verdict_table(findings)
    fewest = {
        (claim, noise): min(
            (f.n for f in findings if (f.claim, f.noise) == (claim, noise)), default=0
        )
        for claim in set(table.claim)
        for noise in NOISES
    }
    shown = pd.DataFrame({"claim": [f"{c}. {titles[c]}" for c in table.claim], "of": table.subject})
    for noise in NOISES:
        shown[f"{noise} noise"] = table.get(noise, "")
        shown[f"{noise}: seeds"] = [fewest[claim, noise] for claim in table.claim]
    return shown


def characteristics(project: Path) -> pd.DataFrame:
    """How often a rule accepts, from the simulation: the rows of SHOWN_RULES, a column a number of
    seeds."""
    table = read_table(project / CHARACTERISTICS, SIMULATED, SIMULATE)
    rows = []
    for (rule, test, truth), words in SHOWN_RULES.items():
        chosen = table[(table.rule == rule) & (table.test == test) & (table.truth == truth)]
        counts = {f"{int(r.n)} seeds": f"{r.accepts:.0%}" for r in chosen.itertuples()}
        rows.append({"rule": words} | counts)
    return pd.DataFrame(rows)


def rejected_by_g(project: Path) -> float:
    """How often the first round's rule g rejects the account that is true, at three seeds."""
    table = read_table(project / CHARACTERISTICS, SIMULATED, SIMULATE)
    chosen = table[(table.rule == "g") & (table.truth == AS_SEEN) & (table.n == 3)]
    (accepts,) = chosen[chosen.test == "shared: all four values"].accepts
    return 1 - float(accepts)


def known(value: Any) -> bool | None:
    """A cell of a table of booleans and blanks."""
    return None if pd.isna(value) else bool(value)
