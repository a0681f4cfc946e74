"""One word for a claim, from the outcomes of its tests: the first round's words."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from study.claims.judge import NOISES, Observed, Outcome, table_values


def verdict(outcomes: Sequence[Outcome]) -> str:
    """One word for a claim under one noise, from all of its tests.

    A test holds where it holds for each of its subjects.
    """
    if not outcomes or any(outcome.holds is None for outcome in outcomes):
        return "untestable"
    tests = {outcome.test for outcome in outcomes}
    failing = {outcome.test for outcome in outcomes if not outcome.holds}
    if not failing:
        return "supported"
    return "partly" if failing != tests else "not supported"


def matched(registered: dict[str, Any], observed: Observed) -> dict[str, int]:
    """How many of Table I's four values hold by claim g's tolerance, by noise: fresh, shared and
    lineage."""
    rules = registered["claims"]["g"]
    answers = {noise: table_values("g", noise, rules, observed) for noise in (*NOISES, "lineage")}
    return {noise: sum(o.holds is True for o in values) for noise, values in answers.items()}


def verdict_table(outcomes: Sequence[Outcome], titles: dict[str, str]) -> pd.DataFrame:
    """One row per claim: its title, and the verdict under each noise."""
    rows = []
    for claim, title in titles.items():
        row = {"claim": claim, "title": title}
        for noise in dict.fromkeys(outcome.noise for outcome in outcomes):
            chosen = [o for o in outcomes if (o.claim, o.noise) == (claim, noise)]
            if chosen:
                row[noise] = verdict(chosen)
        rows.append(row)
    return pd.DataFrame(rows)


WORDS = ("supported", "partly", "not supported", "untestable")  # from best to worst


def in_short(verdicts: pd.DataFrame) -> str:
    """What a page opens with, as Markdown: the claims by their word under fresh noise, which is
    what the paper states.

    verdicts: of `verdict_table`.
    """
    parts = []
    for word in WORDS:
        chosen = verdicts[verdicts.fresh == word]
        if len(chosen):
            said = "; ".join(f"{row.title} ({row.claim})" for row in chosen.itertuples())
            parts.append(f"- *{word}*: {said}")
    return "\n".join(["**In short.** Under fresh noise, which the paper states:", "", *parts])


def verdicts_page(verdicts: pd.DataFrame) -> str:
    """The table of verdicts as MyST, for the start page; a claim links to its section."""
    noises = [name for name in verdicts.columns if name not in ("claim", "title")]
    lines = [
        ":::{list-table} The paper's claims and their verdicts",
        ":header-rows: 1",
        "",
        "* - Claim",
        *(f"  - {noise.capitalize()} noise" for noise in noises if noise in NOISES),
    ]
    for row in verdicts.to_dict("records"):
        lines.append(f"* - {{ref}}`{row['claim']}. {row['title']} <claim-{row['claim']}>`")
        lines += [f"  - {row[noise]}" for noise in noises if noise in NOISES]
    return "\n".join([*lines, ":::", ""])
