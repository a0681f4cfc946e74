"""Numbers that the prose on reused noise quotes, from the page's tables; keys begin `noise.`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.noise.rate_distortion import distortion_at
from study.noise.rate_distortion_dual import distortion_at_least
from study.noise.tables import LATENT, LOSSES, PUBLISHED, STEPS, Rows, own_row
from study.numbers import Number

CURVE = "results/grid/rate_distortion.csv"
LOWER = "results/grid/rate_distortion_lower.csv"
CLAIMS = "book/claims.yaml"
RUNS = "results/grid/tables/runs.csv"
DOSE = "results/grid/figures/dose.csv"
BOUNDS = "results/*/runs/*/evaluation/bounds.csv"
OFF = ("dcrw-write-only-r50", "dcrw-write-only-shared")  # doses that are compared with row 2

Numbers = dict[str, Number]


def number(value: float, source: str, n: int | None = None) -> Number:
    """A value for the text; whole numbers become `int`, n is how many it averages."""
    exact = float(value)
    return Number(int(exact) if exact.is_integer() else exact, source, n)


def curve_numbers(curve: pd.DataFrame, rows: Rows, images: int) -> Numbers:
    """The codebooks' curve at the rates of Table I, and by how much each row lies below it.

    curve: table of `rate_distortion.estimate`, made of so many images. Row 2's rate is L_z / T: its
    steps tell one and the same thing.
    """
    found = {
        "noise.steps": number(STEPS, "configs/grid.yaml"),
        "noise.words": number(curve["size"].max(), CURVE),
        "noise.images": number(images, "results/grid/rate_distortion.json"),
    }
    for (name, (lx, lz)), told in zip(rows.items(), (1, STEPS), strict=True):
        row, rate = PUBLISHED[name], lz / told
        reached = distortion_at(curve, [rate])[0]
        found[f"noise.rate.{row}"] = number(rate, "book/published.json")
        found[f"noise.curve.{row}"] = number(reached, CURVE)
        found[f"noise.below.{row}"] = number(reached - lx, CURVE)
    return found


def lower_numbers(lower: pd.DataFrame, rows: Rows, starts: int) -> Numbers:
    """The lower side of the curve at the rates of Table I, and how far each row lies below it.

    lower: lines of `rate_distortion_dual.lower_bound`; starts: of the search for each line.
    """
    found = {"noise.lower.starts": number(starts, LOWER)}
    for (name, (lx, lz)), told in zip(rows.items(), (1, STEPS), strict=True):
        bound = float(distortion_at_least(lower, [lz / told])[0])
        found[f"noise.lower.{PUBLISHED[name]}"] = number(bound, LOWER)
        found[f"noise.lower.below.{PUBLISHED[name]}"] = number(bound - lx, LOWER)
    return found


def public_numbers(registered: Mapping[str, Any]) -> Numbers:
    """Where the published curve of the public code ends, by the second round's positive control;
    registered: `book/claims.yaml`."""
    control = registered["second_round"]["rules"]["positive_control"]
    last = max(control["at"])
    lx, lz = control["at"][last]
    found = {"iterations": last, "lx": lx, "lz": lz}
    return {f"noise.public.{key}": number(value, CLAIMS) for key, value in found.items()}


def against_numbers(against: pd.DataFrame) -> Numbers:
    """Each cell's differences from its row of Table I, in percent (`tables.against_table_1`)."""
    source = "results/grid/tables/against_table_1.csv"
    return {
        f"noise.against.{row['cell']}.{key}": number(
            row[f"row {own_row(row['cell']) + 1}: {loss}, %"], source
        )
        for row in against.to_dict("records")
        for key, loss in LOSSES.items()
    }


def seed_numbers(losses: pd.DataFrame, within: Sequence[bool]) -> Numbers:
    """How far seeds of one cell are apart in L_x; of the seeds under shared noise, how many there
    are and how many have all four values of Table I within the limit (`within`, one per seed)."""
    compared = losses[losses.cell.isin(["dcrw-fresh", "dcrw-shared"])]
    return {
        "noise.seeds.range": number(compared.groupby("cell").train_lx.agg(np.ptp).max(), RUNS),
        "noise.seeds.shared": number(len(within), RUNS),
        "noise.seeds.shared.all_four": number(sum(within), RUNS),
    }


def nearest_numbers(nearest: pd.DataFrame) -> Numbers:
    """Over each cell's seeds the best and the worst of the nearest differences in percent, and the
    first and the last of their iterations (`tables.nearest_iteration`)."""
    found = {}
    for cell, runs in nearest.groupby("cell"):
        percents, iterations = runs["worse of both, %"], runs.iteration
        values = {"best": percents.min(), "worst": percents.max()}
        values |= {"first": iterations.min(), "last": iterations.max()}
        for name, value in values.items():
            source = "results/grid/tables/nearest_iteration.csv"
            found[f"noise.nearest.{cell}.{name}"] = number(value, source, len(runs))
    return found


def constant_numbers(rows: Rows, offset: float) -> Numbers:
    """What readings of Eq. 27's constant would make of Table I's L_z.

    offset: T (T - z) / 2, the nats that the rival explanation says are missing from L_z. As printed
    L_z is at least T (z - 1) / 2, so z is at most 1 + 2 L_z / T.
    """
    published, registered = "book/published.json", "book/claims.yaml"
    found = {
        "noise.printed_floor": number(STEPS * (LATENT - 1) / 2, "study/noise/mechanism.py"),
        "noise.rival.z": number(STEPS - 2 * offset / STEPS, registered),
        "noise.rival.offset": number(offset, registered),
    }
    for name, (_, lz) in rows.items():
        row = PUBLISHED[name]
        found[f"noise.printed_most.{row}"] = number(1 + 2 * lz // STEPS, published)
        found[f"noise.rival.{row}"] = number(lz + offset, published)
    return found


def rival_numbers(judged: pd.DataFrame, offset: float) -> Numbers:
    """The rival's run beside its prediction, and the L_z that such code would have printed.

    judged: a row per test, columns `test` (`rival_lx` or `rival_lz`), `value`, `n`.
    """
    source = "results/grid/tables/rival.csv"
    values = judged.set_index("test")
    found = {
        f"noise.{test.replace('_', '.')}": number(row.value, source, row.n)
        for test, row in zip(values.index, values.itertuples(), strict=True)
    }
    return found | {"noise.rival.printed": number(values.value["rival_lz"] - offset, source, 1)}


def matched_numbers(matched: Mapping[str, int]) -> Numbers:
    """How many of Table I's four values hold by claim g's tolerance, by noise."""
    return {
        f"noise.matched.{noise}": number(count, "results/grid/tables/claims.csv")
        for noise, count in matched.items()
    }


def dose_numbers(dose: pd.DataFrame, rows: Rows) -> Numbers:
    """Losses at each correlation in training (`tables.dose_table`), and how far two of them lie
    from row 2, in percent."""
    found = {
        f"noise.dose.{row['cell']}.{name}": number(row[name], DOSE, 1)
        for row in dose.to_dict("records")
        for name in ("train_lx", "train_lz", "fresh_total")
    }
    by_cell, printed = dose.set_index("cell"), rows["without attention in read"]
    for cell in OFF:
        for loss, value in zip(LOSSES, printed, strict=True):
            off = 100 * (by_cell.loc[cell, f"train_{loss}"] / value - 1)
            found[f"noise.dose.off.{cell}.{loss}"] = number(off, DOSE, 1)
    return found


def bound_numbers(bounds: pd.DataFrame) -> Numbers:
    """The importance-weighted bound with the most samples, by cell; bounds: `bounds.csv` of runs of
    one seed, with `cell`."""
    most = bounds.samples.max()
    found = {
        "noise.bound.images": number(bounds.images.max(), BOUNDS),
        "noise.bound.samples": number(most, BOUNDS),
    }
    for row in bounds[bounds.samples == most].itertuples():
        found[f"noise.bound.{row.cell}"] = number(row.bound, BOUNDS, int(row.images))
    return found


def mechanism_numbers(steps: pd.DataFrame) -> Numbers:
    """Medians over the steps after the first, by cell: the share of independent noise left, what
    the difference could carry and what is charged, nats; steps: `mechanism_steps.csv` of runs of
    one seed, with `cell`. What is infinite is left out."""
    columns = {
        "left": "difference_over_posterior",
        "channel": "difference_nats",
        "charged": "latent",
    }
    found = {}
    for cell, later in steps[steps.step > 1].groupby("cell"):
        for name, column in columns.items():
            value = later[column].median()
            if np.isfinite(value):
                source = "results/grid/figures/mechanism.csv"
                found[f"noise.{name}.{cell}"] = number(value, source, len(later))
    return found


def replaced_numbers(replaced: pd.DataFrame) -> Numbers:
    """What the first, the fifth and the last latent replaced add to L_x (`tables.replaced_table`),
    nats."""
    rows: list[dict[Any, Any]] = replaced.to_dict("records")
    return {
        f"noise.replaced.{row['cell']}.{which}": number(
            row[which], "results/grid/tables/replaced.csv"
        )
        for row in rows
        for which in ("first", "fifth", "last")
    }
