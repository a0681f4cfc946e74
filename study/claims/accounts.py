"""Accounts of Table I: pairs of cells, each a way in which the printed values may have come about,
and how near each comes (`second_round` of `book/claims.yaml`, rules `within`, `predictive`,
`likelihood`). Pure functions from tables to outcomes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.training.profiles import LatentReduction
from study.cells import FINAL
from study.claims import predictive
from study.claims.predictive import Floats
from study.claims.rules import all_of, negated
from study.finished import Finished, final_minibatches, split_row
from study.reductions import latent_reduction

ROWS = ("attention", "write_only")  # of Table I
VALUES = tuple(f"{row}_{loss}" for row in ROWS for loss in ("lx", "lz"))
JUDGED = "minibatches_1000"
MEASURES = (JUDGED, "minibatches_50", "test")
READINGS = ("many minibatches", "one minibatch")  # of what was printed
REDUCTIONS: tuple[LatentReduction, ...] = ("mean-dimensions", "mean-steps", "mean")
REDUCED = "fresh"  # the account of which L_z is reported in other ways, too
AT_LEAST_RUNS = 3  # for a predictive interval


class Account(NamedTuple):
    """A cell for each row of Table I, and how L_z is reported."""

    name: str
    attention: str  # cell
    write_only: str  # cell
    reduction: LatentReduction = "sum"


class Runs(NamedTuple):
    """What the runs of an account say of one printed value, in nats per image."""

    means: Floats  # (n,), one per seed
    minibatch: (
        float  # standard deviation over minibatches of one run; not a number on the test split
    )


Published = Mapping[str, float]  # the paper's values by key


def accounts(registered: Mapping[str, Any]) -> list[Account]:
    """The registered accounts, then those of fresh noise that report L_z in other ways."""
    entries = registered["second_round"]["accounts"]
    found = [
        Account(name, *cells)
        for name, cells in entries.items()
        if isinstance(cells, list)  # the other entries are words
    ]
    (fresh,) = (account for account in found if account.name == REDUCED)
    others = [
        fresh._replace(name=f"{REDUCED}, {reduction}", reduction=reduction)
        for reduction in REDUCTIONS
    ]
    return [*found, *others]


def measure_losses(entries: Iterable[Finished]) -> pd.DataFrame:
    """One row per run and measure: `cell`, `seed`, `iterations`, `measure`, `lx`, `lz`, their
    spreads over minibatches `lx_sd`, `lz_sd` (not numbers on the test split), and the factor of
    L_z for each of REDUCTIONS. Nats per image."""
    rows = []
    for entry in entries:
        config = entry.config
        run = {"cell": config.name, "seed": config.training.seed}
        run |= {"iterations": config.training.iterations}
        factors = {name: latent_reduction(name, config.model) for name in REDUCTIONS}
        rows += [run | values | factors for values in measured(entry)]
    return pd.DataFrame(rows)


def printed(published: Published) -> dict[str, float]:
    """Table I's four values by VALUES, nats per image."""
    return {value: published[f"paper.table1.{value.replace('_l', '.l')}"] for value in VALUES}


def runs_of(
    table: pd.DataFrame,
    account: Account,
    measure: str = JUDGED,
    seeds: Sequence[int] | None = None,
) -> dict[str, Runs]:
    """What an account's runs say of each of VALUES; table: of `measure_losses`.

    seeds: those that count, by default all. The minibatches' spread is the root mean square over
    runs.
    """
    chosen = table[table.measure == measure]
    if seeds is not None:
        chosen = chosen[chosen.seed.isin(seeds)]
    found = {}
    for value in VALUES:
        row, _, loss = value.rpartition("_")
        members = chosen[chosen.cell == getattr(account, row)].sort_values("seed")
        if not len(members):
            found[value] = Runs(np.array([]), np.nan)
            continue
        reduced = loss == "lz" and account.reduction != "sum"
        factor = members[account.reduction].iloc[0] if reduced else 1.0
        spread = np.sqrt(np.square(members[f"{loss}_sd"].to_numpy() * factor).mean())
        found[value] = Runs(members[loss].to_numpy() * factor, float(spread))
    return found


def within(
    runs: Mapping[str, Runs], table: Mapping[str, float], at_most_relative: float
) -> dict[str, bool | None]:
    """Whether the mean over seeds lies within a share of the printed value: by value, by row and
    for the `table`; None where a cell has fewer than two seeds. table: of `printed`."""
    found: dict[str, bool | None] = {}
    for value, (means, _) in runs.items():
        near = len(means) > 1 and abs(means.mean() / table[value] - 1) <= at_most_relative
        found[value] = bool(near) if len(means) > 1 else None
    for row in ROWS:
        found[row] = all_of(found[f"{row}_{loss}"] for loss in ("lx", "lz"))
    return found | {"table": all_of(found[row] for row in ROWS)}


def compatible(
    runs: Mapping[str, Runs], table: Mapping[str, float], reading: str, level: float
) -> dict[str, bool | None]:
    """Whether the printed values lie in the account's predictive intervals for one more run, each
    at 1 - (1 - level)/4: by value, by row and for the `table`; None where a cell has fewer than
    three seeds, or where a reading has no spread over minibatches."""
    found: dict[str, bool | None] = {}
    for value in VALUES:
        ends = predicted(runs[value], reading, level)
        found[value] = None if ends is None else bool(ends[0] <= table[value] <= ends[1])
    for row in ROWS:
        found[row] = all_of(found[f"{row}_{loss}"] for loss in ("lx", "lz"))
    return found | {"table": all_of(found[row] for row in ROWS)}


def predicted(runs: Runs, reading: str, level: float) -> tuple[float, float] | None:
    """The predictive interval of one value, low and high; None where it cannot be made."""
    beside = _beside(runs, reading)
    if len(runs.means) < AT_LEAST_RUNS or np.isnan(beside):
        return None
    low, high = predictive.interval(runs.means, (1 - level) / len(VALUES), beside)
    return float(low), float(high)


def sharp(
    runs: Mapping[str, Runs],
    table: Mapping[str, float],
    reading: str,
    level: float,
    at_most_half_width: float,
) -> bool | None:
    """Whether an account says anything: no half-width is more than a share of the printed value."""
    widths: list[bool | None] = []
    for value in VALUES:
        ends = predicted(runs[value], reading, level)
        limit = at_most_half_width * abs(table[value])
        widths.append(None if ends is None else bool((ends[1] - ends[0]) / 2 <= limit))
    return all_of(widths)


def log_likelihood(
    runs: Mapping[str, Runs], table: Mapping[str, float], reading: str
) -> float | None:
    """Sum over the four values of the log density of the account's predictive distribution at what
    was printed; None where it has none."""
    total = 0.0
    for value in VALUES:
        beside = _beside(runs[value], reading)
        if len(runs[value].means) < AT_LEAST_RUNS or np.isnan(beside):
            return None
        means = runs[value].means[None]
        total += float(predictive.log_likelihood(means, [table[value]], beside))
    return total


def preferred(
    likelihoods: Mapping[str, Mapping[str, float | None]], at_least: float
) -> list[tuple[str, str]]:
    """Pairs of accounts of which the first is preferred: larger by `at_least` nats under both
    readings. likelihoods: account to {reading: `log_likelihood`}."""
    pairs = []
    for one, other in permutations(likelihoods, 2):
        apart = [
            None if mine is None or theirs is None else mine - theirs
            for mine, theirs in (
                (likelihoods[one][reading], likelihoods[other][reading]) for reading in READINGS
            )
        ]
        if all(part is not None and part >= at_least for part in apart):
            pairs.append((one, other))
    return pairs


def account_table(
    registered: Mapping[str, Any],
    losses: pd.DataFrame,
    published: Published,
    seeds: Mapping[str, Sequence[int]] | None = None,
) -> pd.DataFrame:
    """One row per account and measure: seeds, means, `within` by row and for the table, and by
    reading whether it is compatible and sharp, and its log likelihood. `contradicted`: compatible
    under neither reading; None where that is not known.

    losses: of `measure_losses`; seeds: by account the seeds that count, where not all do.
    """
    rules, table = registered["second_round"]["rules"], printed(published)
    rows = []
    for account in accounts(registered):
        for measure in MEASURES:
            runs = runs_of(losses, account, measure, (seeds or {}).get(account.name))
            row: dict[str, Any] = {"account": account.name, "measure": measure}
            row |= {f"n_{part}": len(runs[f"{part}_lx"].means) for part in ROWS}
            row |= {
                value: found.means.mean() if len(found.means) else np.nan
                for value, found in runs.items()
            }
            near = within(runs, table, rules["within"]["at_most_relative"])
            row |= {f"within_{part}": near[part] for part in (*ROWS, "table")}
            rows.append(row | _by_reading(runs, table, rules["predictive"]))
    return pd.DataFrame(rows)


def likelihoods(rows: pd.DataFrame, measure: str = JUDGED) -> dict[str, dict[str, float | None]]:
    """What `preferred` takes, from an `account_table`."""
    chosen = rows[rows.measure == measure].set_index("account")
    return {
        str(account): {
            reading: None if pd.isna(value := row[f"log_likelihood, {reading}"]) else float(value)
            for reading in READINGS
        }
        for account, row in chosen.iterrows()
    }


def _by_reading(
    runs: Mapping[str, Runs], table: Mapping[str, float], rule: Mapping[str, float]
) -> dict[str, Any]:
    level, most = rule["level"], rule["at_most_half_width"]
    found: dict[str, Any] = {}
    fits = {reading: compatible(runs, table, reading, level)["table"] for reading in READINGS}
    for reading in READINGS:
        found[f"compatible, {reading}"] = fits[reading]
        found[f"sharp, {reading}"] = sharp(runs, table, reading, level, most)
        found[f"log_likelihood, {reading}"] = log_likelihood(runs, table, reading)
    return found | {"contradicted": all_of(negated(fit) for fit in fits.values())}


def _beside(runs: Runs, reading: str) -> float:
    """The spread that a reading adds to that over seeds."""
    if reading not in READINGS:
        raise ValueError(f"reading = {reading!r}: expected one of {', '.join(READINGS)}")
    return 0.0 if reading == READINGS[0] else runs.minibatch


def measured(entry: Finished) -> Iterator[dict[str, Any]]:
    """What the losses of a run may be taken to be, a row for each of MEASURES: `measure`, `lx`,
    `lz`, and their spreads over minibatches, in nats per image."""
    metrics = entry.run.metrics()
    for measure, count in ((JUDGED, FINAL), ("minibatches_50", 50)):
        last = final_minibatches(metrics, count)
        deviations = last.se * np.sqrt(last.n)
        yield {
            "measure": measure,
            "lx": last["mean"].reconstruction,
            "lz": last["mean"].latent,
            "lx_sd": deviations.reconstruction,
            "lz_sd": deviations.latent,
        }
    tested = split_row(entry, "test", entry.config.model.noise_correlation)
    yield {
        "measure": "test",
        "lx": tested.reconstruction,
        "lz": tested.latent,
        "lx_sd": np.nan,
        "lz_sd": np.nan,
    }
