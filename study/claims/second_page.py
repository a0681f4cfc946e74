"""The page on the second round: what its rules say of all runs there are, its tables, figure and
the numbers that the book quotes from it."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.training.config import RunConfig
from dcrw.training.files import project_root, write_table
from study import numbers
from study.cells import EVERY_PROFILE, gathered, run_table
from study.charts import save_both
from study.claims import (
    accounts,
    attribution,
    predictions,
    second_round,
    second_words,
    stop_free,
)
from study.claims.accounts import JUDGED, ROWS, VALUES
from study.claims.judge import registered
from study.claims.multiverse import multiverse, multiverse_figure, ways_near
from study.claims.page import CLAIMS, reference
from study.claims.rules import by_seed
from study.claims.second_round import Finding
from study.claims.tables import paths_of, see
from study.finished import Finished, profile_of
from study.numbers import Number

RESULTS = "results/round2"
WATTS_PER_THREAD = (3.0, 15.0)  # of a server's processor under load, its share of the rest included


class SecondPage(NamedTuple):
    """The second round as its rules see it now; what cannot be judged yet says so."""

    rules: dict[str, Any]  # of book/claims.yaml, `second_round`
    done: list[Finished]  # of all profiles
    missing: list[RunConfig]
    runs: pd.DataFrame  # cells.run_table
    printed: dict[str, float]  # Table I by accounts.VALUES
    accounts: pd.DataFrame  # accounts.account_table, all seeds
    confirmed: pd.DataFrame  # the same of tensorflow2016 on seeds 10 to 14 alone
    seeds: pd.DataFrame  # the judged values of every run of tensorflow2016
    predictions: pd.DataFrame
    control: pd.DataFrame  # beside the published curve, a row a cell and iteration
    tests: list[Finding]  # positive control, fresh control, stop-free
    attribution: list[attribution.Effect]
    findings: list[Finding]  # claims a to f, h and i
    multiverse: pd.DataFrame
    stages: pd.DataFrame  # what was run and what was not


def judged(project: Path) -> SecondPage:
    """Judge all runs there are by the second round's rules. Raises `RunError` where a run was
    evaluated with other settings than its profile's."""
    whole = registered(project / CLAIMS)
    stated = whole["second_round"]
    done, missing = gathered(project, EVERY_PROFILE)
    published = numbers.values(project / "book" / "published.json")
    losses = accounts.measure_losses(done)
    table = accounts.account_table(whole, losses, published)
    control_paths = paths_of(done, predictions.CONTROL)
    control = predictions.positive_control(stated["rules"]["positive_control"], control_paths)
    digits = reference(project / "results" / "grid")["two_sample.accuracy"]["value"]
    confirmation = {predictions.JUDGED_ACCOUNT: predictions.CONFIRMATION}
    runs, profile = run_table(done), profile_of(project / RESULTS)
    return SecondPage(
        rules=stated,
        done=done,
        missing=missing,
        runs=runs,
        printed=accounts.printed(published),
        accounts=table,
        confirmed=accounts.account_table(whole, losses, published, confirmation).query(
            f"account == '{predictions.JUDGED_ACCOUNT}'"
        ),
        seeds=seed_table(losses, accounts.printed(published), whole),
        predictions=predictions.predictions(whole, losses, published, control),
        control=_control(stated["rules"]["positive_control"], done),
        tests=[
            *control,
            predictions.fresh_control(table),
            *_stop_free(whole, done, published, set(profile.runs)),
        ],
        attribution=attribution.main_effects(
            losses[losses.measure == JUDGED].drop_duplicates(["cell", "seed"])
        ),
        findings=second_round.judge(whole, see(done, digits)),
        multiverse=multiverse(done),
        stages=stage_table(profile.stage_configs(), runs),
    )


def _control(rule: Mapping[str, Any], done: Sequence[Finished]) -> pd.DataFrame:
    parts = []
    for cell in (predictions.CONTROL, predictions.BESIDE):
        part = predictions.control_table(rule, paths_of(done, cell))
        part.insert(0, "cell", cell)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _stop_free(
    whole: Mapping[str, Any],
    done: Sequence[Finished],
    published: accounts.Published,
    trained: set[str],
) -> list[Finding]:
    """trained: labels of the round's runs, those of 25,000 iterations among them."""
    found: list[Finding] = []
    rule = whole["second_round"]["rules"]["stop_free"]
    for account in accounts.accounts(whole):
        cells = {stop_free.long_cell(cell) for cell in (account.attention, account.write_only)}
        if account.reduction == "sum" and cells <= trained:
            attention, write_only = (
                _long_means(done, cell) for cell in (account.attention, account.write_only)
            )
            found += predictions.stop_free_findings(rule, account, attention, write_only, published)
    return found


def _long_means(done: Sequence[Finished], cell: str) -> stop_free.Losses:
    paths = paths_of(done, stop_free.long_cell(cell))
    return {seed: stop_free.trailing_means(path) for seed, path in paths.items()}


def seed_table(
    losses: pd.DataFrame, printed: Mapping[str, float], whole: Mapping[str, Any]
) -> pd.DataFrame:
    """The judged values of every run of tensorflow2016, a row a seed: VALUES, and how far each lies
    from the printed one in percent.

    losses: of `accounts.measure_losses`; printed: of `accounts.printed`.
    """
    (account,) = (one for one in accounts.accounts(whole) if one.name == predictions.JUDGED_ACCOUNT)
    rows: dict[int, dict[str, float]] = {}
    chosen = losses[losses.measure == JUDGED]
    for row in ROWS:
        for run in chosen[chosen.cell == getattr(account, row)].itertuples():
            found = rows.setdefault(int(run.seed), {"seed": int(run.seed)})
            for loss in ("lx", "lz"):
                value, target = getattr(run, loss), printed[f"{row}_{loss}"]
                found[f"{row}_{loss}"] = value
                found[f"{row}_{loss}, %"] = 100 * (value / target - 1)
    return pd.DataFrame([rows[seed] for seed in sorted(rows)])


def write(page: SecondPage, results: Path) -> None:
    """Write tables, the multiverse and the numbers."""
    tables = {
        "accounts": page.accounts,
        "confirmation": page.confirmed,
        "confirmation_seeds": page.seeds,
        "predictions": page.predictions,
        "control": page.control,
        "tests": second_round.finding_table(page.tests),
        "attribution": pd.DataFrame(page.attribution, columns=attribution.Effect._fields),
        "claims": second_round.finding_table(page.findings),
        "verdicts": second_round.verdict_table(page.findings),
        "stages": page.stages,
    }
    for name, table in tables.items():
        write_table(results / "tables" / f"{name}.csv", table)
    share = page.rules["rules"]["within"]["at_most_relative"]
    draw = partial(multiverse_figure, page.multiverse, page.printed, share)
    save_both(draw, page.multiverse, results / "figures" / "multiverse")
    numbers.write(results / "numbers" / "second_round.json", page_numbers(page))


def stage_table(stages: Mapping[str, Sequence[RunConfig]], runs: pd.DataFrame) -> pd.DataFrame:
    """What was run and what was not, a row a stage in the registered order: how many runs are
    `complete`, how many there are to be (`of`), and hours of training.

    runs: of `cells.run_table`.
    """
    minutes, rows = dict(zip(runs.run, runs.minutes, strict=True)), []
    for stage, configs in stages.items():
        there = [minutes[c.folder_name] for c in configs if c.folder_name in minutes]
        rows.append({"stage": stage, "complete": len(there), "of": len(configs)})
        rows[-1]["hours"] = sum(there) / 60
    return pd.DataFrame(rows)


def page_numbers(page: SecondPage) -> dict[str, Number]:
    """What the text quotes; keys begin `second.`. Losses in nats per image, energy in kWh."""
    table = f"{RESULTS}/tables/confirmation.csv"
    found = _confirmation_numbers(page, table)
    found |= _control_numbers(page.control, f"{RESULTS}/tables/control.csv")
    stages = page.stages
    hours = float(page.runs.minutes.sum() / 60)
    counts = {
        "second.runs.done": int(stages.complete.sum()),
        "second.runs.of": int(stages.of.sum()),
        "second.hours": float(stages.hours.sum()),
    }
    found |= {key: Number(value, f"{RESULTS}/tables/stages.csv") for key, value in counts.items()}
    found["study.runs"] = Number(len(page.runs), "results/*/runs/*/provenance.json")
    found["study.hours"] = Number(hours, "results/*/runs/*/provenance.json")
    for name, watts in zip(("low", "high"), WATTS_PER_THREAD, strict=True):
        source = "study/claims/second_page.py"
        found[f"study.watts.{name}"] = Number(watts, source)
        found[f"study.kwh.{name}"] = Number(hours * watts / 1000, source)
    share = page.rules["rules"]["within"]["at_most_relative"]
    near = ways_near(page.multiverse, share, page.printed)
    for other in ("dcrw-write-only-fresh", "draw-fresh"):
        found[f"second.pairing.{other}"] = pairing = _pairing(page.runs, other)
        found[f"second.pairing.{other}.seeds"] = Number(pairing.n or 0, pairing.source)
    tested = page.accounts.query("account == 'shared' and measure == 'test'").iloc[0]
    matched = sum(abs(tested[value] / page.printed[value] - 1) <= share for value in VALUES)
    rejected = second_words.rejected_by_g(project_root())
    found["second.simulation.g"] = Number(rejected, second_words.CHARACTERISTICS)
    found["second.shared.test.near"] = Number(int(matched), f"{RESULTS}/tables/accounts.csv")
    found["second.ways.near"] = Number(near, f"{RESULTS}/figures/multiverse.csv")
    found["second.rule.within"] = Number(share, CLAIMS)
    for kind, name in (("predicts", "predictions"), ("refuted_by", "refutations")):
        answers = page.predictions[page.predictions.kind == kind].came
        source = f"{RESULTS}/tables/predictions.csv"
        found[f"second.{name}"] = Number(len(answers), source)
        for answer, word in ((True, "yes"), (False, "no")):
            count = sum(came is answer for came in map(second_words.known, answers))
            found[f"second.{name}.{word}"] = Number(count, source)
    return found


def _pairing(runs: pd.DataFrame, other: str) -> Number:
    """Correlation over seeds of the test totals of dcrw-fresh and of another cell."""
    totals = by_seed(runs[runs.cell.isin(["dcrw-fresh", other])], "test_total").dropna()
    value = float(np.corrcoef(totals["dcrw-fresh"], totals[other])[0, 1])
    return Number(value, "results/grid/tables/runs.csv", len(totals))


def _confirmation_numbers(page: SecondPage, source: str) -> dict[str, Number]:
    found: dict[str, Number] = {}
    rows = page.confirmed[page.confirmed.measure == JUDGED]
    share = page.rules["rules"]["within"]["at_most_relative"]
    confirming = page.seeds[page.seeds.seed.isin(predictions.CONFIRMATION)]
    for value in VALUES:
        row, _, loss = value.rpartition("_")
        n, mean = int(rows[f"n_{row}"].iloc[0]), float(rows[value].iloc[0])
        key = f"second.confirmation.{row}.{loss}"
        off = 100 * (mean / page.printed[value] - 1)
        near = int((confirming[f"{value}, %"].abs() <= 100 * share).sum())
        found[key] = Number(mean, source, n)
        found[f"{key}.off"] = Number(off, source, n)
        found[f"{key}.median"] = Number(float(confirming[value].median()), source, n)
        found[f"{key}.near"] = Number(near, source, n)
    found["second.confirmation.seeds"] = Number(len(confirming), source)
    return found


def _control_numbers(control: pd.DataFrame, source: str) -> dict[str, Number]:
    """Means of the judged positive control, as `second.control.<loss>.<iteration>`."""
    judged = control[(control.cell == predictions.CONTROL) & (control.n > 0)]
    return {
        f"second.control.{loss}.{row.iteration}": Number(getattr(row, loss), source, int(row.n))
        for row in judged.itertuples()
        for loss in ("lx", "lz")
    }
