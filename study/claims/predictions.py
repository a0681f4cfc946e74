"""What the second round predicted of Table I, its controls, and what would refute it
(`second_round` of `book/claims.yaml`). Pure functions from tables to findings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.cells import FINAL
from study.claims import accounts, stop_free
from study.claims.accounts import JUDGED, READINGS, ROWS, Account, Published
from study.claims.rules import all_of, negated
from study.claims.second_round import Finding, Judged, between, counted
from study.claims.stop_free import Losses
from study.finished import final_minibatches

Paths = Mapping[int, pd.DataFrame]  # seed to metrics.csv

CONTROL = "draw-read5-tensorflow2016"  # cell of the positive control
BESIDE = "draw-read5-lineage"  # the same with lineage2016, shown
JUDGED_ACCOUNT = "tensorflow2016"
FRESH_ACCOUNTS = ("fresh", "tensorflow2016-fresh")
CONFIRMATION = (10, 11, 12, 13, 14)  # seeds on which the refutation is stated
LATE, EARLY = 9_900, 5_000  # iterations of the published curve that decide


def positive_control(rule: Mapping[str, Any], paths: Paths, cell: str = CONTROL) -> list[Finding]:
    """DRAW against the curve of the public code: L_x and L_z at 9,900 iterations in their ranges,
    and L_x at 5,000 within a share of the curve's; means over the last 1,000 minibatches."""
    found = []
    for loss in ("lx", "lz"):
        least, most = rule["final_range"][loss]
        values = [values[loss] for values in at_iteration(paths, LATE)]
        judged = between(values, least, most)
        text = f"mean between {least:g} and {most:g} at {LATE:,} iterations"
        found.append(_finding("positive_control", f"final {loss}", cell, judged, text))
    curve, share = rule["at"][EARLY][0], rule["at_most_relative"]
    values = [values["lx"] for values in at_iteration(paths, EARLY)]
    judged = between(values, curve * (1 - share), curve * (1 + share))
    text = f"mean within {share:.0%} of {curve:g} at {EARLY:,} iterations"
    return [*found, _finding("positive_control", "early lx", cell, judged, text)]


def at_iteration(paths: Paths, iteration: int) -> list[dict[str, float]]:
    """`lx` and `lz` of each run that has got so far, means over the 1,000 minibatches up to there,
    in the order of seeds."""
    found = []
    for _, metrics in sorted(paths.items()):
        if metrics.iteration.iloc[-1] >= iteration:
            means = final_minibatches(metrics[metrics.iteration <= iteration], FINAL)["mean"]
            found.append({"lx": float(means.reconstruction), "lz": float(means.latent)})
    return found


def control_table(rule: Mapping[str, Any], paths: Paths) -> pd.DataFrame:
    """The control beside the published curve: a row per iteration of it, `n` runs, their mean `lx`
    and `lz`, and what the curve shows, `published_lx` and `published_lz`."""
    rows = []
    for iteration, (lx, lz) in rule["at"].items():
        means = pd.DataFrame(at_iteration(paths, iteration), columns=["lx", "lz"])
        row = {"iteration": iteration, "n": len(means)} | means.mean().to_dict()
        rows.append(row | {"published_lx": lx, "published_lz": lz})
    return pd.DataFrame(rows)


def fresh_control(table: pd.DataFrame, account: str = "tensorflow2016-fresh") -> Finding:
    """The same settings with fresh noise do not give the whole table; table: of
    `accounts.account_table`."""
    row = _judged_row(table, account)
    given = None if row is None else _known(row["within_table"])
    n = 0 if row is None else int(min(row[f"n_{part}"] for part in ROWS))
    judged = Judged(negated(given), given, np.nan, np.nan, np.nan, n)
    return _finding("fresh_control", "table", account, judged, "the table is not within 10%")


def stop_free_findings(
    rule: Mapping[str, float],
    account: Account,
    attention: Losses,
    write_only: Losses,
    published: Published,
) -> list[Finding]:
    """Row by row, the other loss where the first reaches its printed value; and whether every seed
    has an iteration with all four values near.

    attention, write_only: seed to `stop_free.trailing_means` of the long runs. A seed that never
    reaches a value gives no row, and the rule does not hold. The rule on common iterations is
    counted over the seeds that both cells have; its value is the share of seeds that have one.
    """
    printed, share, found = accounts.printed(published), rule["at_most_relative"], []
    for row, losses in zip(ROWS, (attention, write_only), strict=True):
        values, missing = stop_free.reached(stop_free.crossings(row, losses, printed))
        target = stop_free.target(row, printed)
        judged = between(values, target * (1 - share), target * (1 + share))
        if missing and len(losses) > 1:
            judged = judged._replace(
                holds=False, contradicted=bool(judged.contradicted) or not values
            )
        text = f"mean within {share:.0%} of {target:g} where the other loss is reached"
        found.append(_finding("stop_free", row, account.name, judged, text))
    common = stop_free.common_iterations(attention, write_only, printed, share)
    has = [bool(iterations) for iterations in common.values()]
    judged = counted(has, has)
    text = f"one iteration with all four values within {share:.0%}, by seed"
    return [*found, _finding("stop_free", "common iteration", account.name, judged, text)]


def predictions(
    registered: Mapping[str, Any],
    losses: pd.DataFrame,
    published: Published,
    control: Sequence[Finding],
    seeds: Sequence[int] | None = None,
) -> pd.DataFrame:
    """What was predicted and what would refute it: columns `kind`, `statement`, and `came`, True,
    False or None where runs are too few.

    losses: of `accounts.measure_losses`; control: of `positive_control`; seeds: of tensorflow2016
    on which the predictions are stated, by default all. The refutation is stated on 10 to 14, once
    all five are complete.
    """
    stated = registered["second_round"]
    known = {account.name: account for account in accounts.accounts(registered)}
    table, rules = accounts.printed(published), stated["rules"]
    level, share = rules["predictive"]["level"], rules["within"]["at_most_relative"]
    chosen = accounts.runs_of(losses, known[JUDGED_ACCOUNT], JUDGED, seeds)
    near = accounts.within(chosen, table, share)
    fits = {reading: accounts.compatible(chosen, table, reading, level) for reading in READINGS}
    fresh = [
        accounts.within(accounts.runs_of(losses, known[name]), table, share)
        for name in FRESH_ACCOUNTS
    ]
    controlled = all_of(finding.holds for finding in control)
    confirming = accounts.runs_of(losses, known[JUDGED_ACCOUNT], JUDGED, CONFIRMATION)
    complete = len(confirming["attention_lx"].means) == len(CONFIRMATION)
    confirmed = accounts.within(confirming, table, share)["attention"] if complete else None
    row_1 = [near["attention"], _either(fits, "attention")]
    row_2 = [near["write_only_lx"], _either(fits, "write_only_lx")]
    row_2 += [negated(_either(fits, "write_only_lz"))]
    far = [negated(found[row]) for found in fresh for row in ROWS]
    came = {
        "predicts": [all_of(row_1), all_of(row_2), controlled, all_of(far)],
        "refuted_by": [negated(confirmed), negated(controlled)],
    }
    return pd.DataFrame(
        [
            {"kind": kind, "statement": statement, "came": answer}
            for kind, answers in came.items()
            for statement, answer in zip(stated[kind], answers, strict=True)
        ]
    )


def _either(fits: Mapping[str, Mapping[str, bool | None]], part: str) -> bool | None:
    """Whether a part of the table is met under one reading or the other."""
    return negated(all_of(negated(fit[part]) for fit in fits.values()))


def _judged_row(table: pd.DataFrame, account: str) -> pd.Series | None:
    rows = table[(table.account == account) & (table.measure == JUDGED)]
    return None if rows.empty else rows.iloc[0]


def _known(value: Any) -> bool | None:
    """A cell of a table of booleans and blanks."""
    return None if pd.isna(value) else bool(value)


def _finding(claim: str, test: str, subject: str, judged: Judged, rule: str) -> Finding:
    return Finding(claim, test, "", subject, *judged, rule)
