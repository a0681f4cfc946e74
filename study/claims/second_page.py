"""The page on the second round: what its rules say of all runs there are, its tables, figure and
the numbers that the book quotes from it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.training.config import RunConfig
from dcrw.training.files import project_root, read_table, write_table
from dcrw.training.profiles import load_profile
from study import numbers
from study.cells import EVERY_PROFILE, gathered, run_table
from study.charts import save_with_table
from study.claims import accounts, attribution, predictions, second_round, stop_free
from study.claims.accounts import JUDGED, READINGS, ROWS, VALUES
from study.claims.judge import NOISES, registered
from study.claims.multiverse import multiverse, multiverse_figure, ways_near
from study.claims.page import CLAIMS, reference
from study.claims.rules import by_seed
from study.claims.second_round import Finding
from study.claims.tables import paths_of, see
from study.finished import Finished
from study.names import account_in_words
from study.numbers import Number

RESULTS = "results/round2"
CHARACTERISTICS = "results/grid/tables/operating_characteristics.csv"
WATTS_PER_THREAD = (3.0, 15.0)  # of a server's processor under load, its share of the rest included
ANSWERS = {  # kind of statement to its three answers
    "predicts": {True: "held", False: "failed", None: "not known yet"},
    "refuted_by": {True: "happened", False: "did not happen", None: "not known yet"},
}
KINDS = {"predicts": "prediction", "refuted_by": "would refute it"}
NEAR = {True: "within", False: "not within", None: ""}
FITS = {True: "compatible", False: "not compatible", None: ""}
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


def judged(project: Path) -> SecondPage:
    """Judge all runs there are by the second round's rules. Raises `RunError` where a run was
    evaluated with other settings than its profile's."""
    whole = registered(project / CLAIMS)
    stated = whole["second_round"]
    done, missing = gathered(project, EVERY_PROFILE)
    published = {
        key: number.value
        for key, number in numbers.read(project / "book" / "published.json").items()
    }
    losses = accounts.measure_losses(done)
    table = accounts.account_table(whole, losses, published)
    control_paths = paths_of(done, predictions.CONTROL)
    control = predictions.positive_control(stated["rules"]["positive_control"], control_paths)
    digits = reference(project / "results" / "grid")["two_sample.accuracy"]["value"]
    confirmation = {predictions.JUDGED_ACCOUNT: predictions.CONFIRMATION}
    return SecondPage(
        rules=stated,
        done=done,
        missing=missing,
        runs=run_table(done),
        printed=accounts.printed(published),
        accounts=table,
        confirmed=accounts.account_table(whole, losses, published, confirmation).query(
            f"account == '{predictions.JUDGED_ACCOUNT}'"
        ),
        seeds=seed_table(losses, accounts.printed(published), whole),
        predictions=predictions.predictions(whole, losses, published, control),
        control=_control(stated["rules"]["positive_control"], done),
        tests=[*control, predictions.fresh_control(table), *_stop_free(whole, done, published)],
        attribution=attribution.main_effects(
            losses[losses.measure == JUDGED].drop_duplicates(["cell", "seed"])
        ),
        findings=second_round.judge(whole, see(done, digits)),
        multiverse=multiverse(done),
    )


def _control(rule: Mapping[str, Any], done: Sequence[Finished]) -> pd.DataFrame:
    parts = []
    for cell in (predictions.CONTROL, predictions.BESIDE):
        part = predictions.control_table(rule, paths_of(done, cell))
        part.insert(0, "cell", cell)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _stop_free(
    whole: Mapping[str, Any], done: Sequence[Finished], published: accounts.Published
) -> list[Finding]:
    found: list[Finding] = []
    rule = whole["second_round"]["rules"]["stop_free"]
    for account in accounts.accounts(whole):
        cells = {stop_free.long_cell(cell) for cell in (account.attention, account.write_only)}
        if account.reduction == "sum" and cells <= _long_cells(whole):
            attention, write_only = (
                _long_means(done, cell) for cell in (account.attention, account.write_only)
            )
            found += predictions.stop_free_findings(rule, account, attention, write_only, published)
    return found


def _long_means(done: Sequence[Finished], cell: str) -> stop_free.Losses:
    paths = paths_of(done, stop_free.long_cell(cell))
    return {seed: stop_free.trailing_means(path) for seed, path in paths.items()}


def _long_cells(whole: Mapping[str, Any]) -> set[str]:
    """Cells that the round trains for 25,000 iterations."""
    names = ("shared", "lineage", "tensorflow2016")
    return {f"{model}-{name}-long" for model in ("dcrw", "dcrw-write-only") for name in names}


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
        "stages": stage_table(page),
    }
    for name, table in tables.items():
        write_table(results / "tables" / f"{name}.csv", table)
    share = page.rules["rules"]["within"]["at_most_relative"]
    figure = multiverse_figure(page.multiverse, page.printed, share)
    save_with_table(figure, page.multiverse, results / "figures" / "multiverse")
    numbers.write(results / "numbers" / "second_round.json", page_numbers(page))


def stage_table(page: SecondPage) -> pd.DataFrame:
    """What was run and what was not, a row a stage in the registered order: how many runs are
    `complete`, how many there are to be (`of`), and hours of training."""
    stages = load_profile(Path("configs") / "round2.yaml").stage_configs()
    names = {entry.run.folder.name: entry for entry in page.done}
    minutes = dict(zip(page.runs.run, page.runs.minutes, strict=True))
    rows = []
    for stage, configs in stages.items():
        there = [config.folder_name for config in configs if config.folder_name in names]
        hours = sum(minutes[name] for name in there) / 60
        rows.append({"stage": stage, "complete": len(there), "of": len(configs), "hours": hours})
    return pd.DataFrame(rows)


def page_numbers(page: SecondPage) -> dict[str, Number]:
    """What the text quotes; keys begin `second.`. Losses in nats per image, energy in kWh."""
    table = f"{RESULTS}/tables/confirmation.csv"
    found = _confirmation_numbers(page, table)
    stages = stage_table(page)
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
    found["second.simulation.g"] = _rejected_by_g(project_root())
    found["second.shared.test.near"] = Number(int(matched), f"{RESULTS}/tables/accounts.csv")
    found["second.ways.near"] = Number(near, f"{RESULTS}/figures/multiverse.csv")
    found["second.rule.within"] = Number(share, CLAIMS)
    for kind, name in (("predicts", "predictions"), ("refuted_by", "refutations")):
        answers = page.predictions[page.predictions.kind == kind].came
        source = f"{RESULTS}/tables/predictions.csv"
        found[f"second.{name}"] = Number(len(answers), source)
        for answer, word in ((True, "yes"), (False, "no")):
            count = sum(known is answer for known in map(_known, answers))
            found[f"second.{name}.{word}"] = Number(count, source)
    return found


def _rejected_by_g(project: Path) -> Number:
    """How often the first round's rule g rejects the account that is true, at three seeds."""
    table = read_table(project / CHARACTERISTICS, ["rule", "accepts"], "Simulate again.")
    chosen = table[(table.rule == "g") & (table.truth == AS_SEEN) & (table.n == 3)]
    (accepts,) = chosen[chosen.test == "shared: all four values"].accepts
    return Number(1 - float(accepts), CHARACTERISTICS)


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


def shown_predictions(table: pd.DataFrame) -> pd.DataFrame:
    """Predictions and refutations in words."""
    answers = [
        ANSWERS[kind][_known(came)] for kind, came in zip(table.kind, table.came, strict=True)
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
        shown[f"10%: {name}"] = chosen[f"within_{row}"].map(_known).map(NEAR)
    for reading in READINGS:
        fits = chosen[f"compatible, {reading}"].map(_known).map(FITS)
        shown[f"predictive: {reading}"] = fits
    return shown


def shown_likelihoods(table: pd.DataFrame) -> pd.DataFrame:
    """The accounts' log likelihoods under both readings, nats, the largest first."""
    chosen = table[table.measure == JUDGED]
    columns = {f"log_likelihood, {reading}": reading for reading in READINGS}
    shown = chosen[["account", *columns]].rename(columns=columns).dropna()
    return shown.sort_values(READINGS[0], ascending=False)


def preferred_in_words(page: SecondPage) -> str:
    """Which accounts are preferred to which, as a Markdown list."""
    pairs = accounts.preferred(
        accounts.likelihoods(page.accounts), page.rules["rules"]["likelihood"]["at_least"]
    )
    lines = [
        f"- *{account_in_words(one)}* is preferred to *{account_in_words(other)}*"
        for one, other in pairs
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


def tests_of(page: SecondPage, claim: str) -> list[Finding]:
    """The page's tests of one rule: `positive_control`, `fresh_control` or `stop_free`."""
    return [found for found in page.tests if found.claim == claim]


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
    columns = ["rule", "test", "truth", "n", "accepts"]
    table = read_table(project / CHARACTERISTICS, columns, "Simulate again (study.claims.power).")
    rows = []
    for (rule, test, truth), words in SHOWN_RULES.items():
        chosen = table[(table.rule == rule) & (table.test == test) & (table.truth == truth)]
        counts = {f"{int(r.n)} seeds": f"{r.accepts:.0%}" for r in chosen.itertuples()}
        rows.append({"rule": words} | counts)
    return pd.DataFrame(rows)


def _known(value: Any) -> bool | None:
    return None if pd.isna(value) else bool(value)
