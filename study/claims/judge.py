"""The claims of the paper judged by the rules of `book/claims.yaml`, which was committed before the
runs that it judges. Pure functions from tables to outcomes."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcrw.training.files import read_yaml
from study.claims.rules import (
    above,
    all_of,
    below,
    by_seed,
    each_at_least,
    each_at_most,
    falls,
    matches,
    negated,
    paired,
    seeds_of,
    sharper,
)

NOISES = ("fresh", "shared")
MODELS = ("dcrw", "dcrw-write-only")  # the paper's variants
SCALARS = {  # claim and test to the scalar of measures.json
    ("e", "pixels"): "novelty.pixels.share",
    ("e", "features"): "novelty.features.share",
    ("f", "two_sample"): "two_sample.accuracy",
    ("i", "reconstructed"): "reconstructed.accuracy",
    ("i", "generated"): "generated.confident",
}


class Outcome(NamedTuple):
    """One test of one claim under one noise, on one model or pair of models."""

    claim: str
    test: str
    noise: str
    subject: str  # the model, or `one - other`
    holds: bool | None  # None: cannot be judged
    value: float
    low: float  # 95% interval over seeds, not a number where the rule is about every seed
    high: float
    n: int  # seeds
    rule: str


def registered(path: Path) -> dict[str, Any]:
    """The file of claims."""
    return read_yaml(path)


class Observed(NamedTuple):
    """What claims are judged on, a row or entry per run; `cell` is `<model>-<noise>`."""

    losses: pd.DataFrame  # cells.run_table
    blocks: dict[tuple[str, int], np.ndarray]  # (cell, seed) to cells.block_means
    measures: pd.DataFrame  # cell, seed, and the scalars of measures.json
    sharpness: pd.DataFrame  # noise, seed, mode, difference, p
    published: dict[str, float]  # the paper's values by key


def losses_alone(losses: pd.DataFrame, published: dict[str, float]) -> Observed:
    """What is judged on the losses of runs (`cells.run_table`) and nothing else."""
    return Observed(losses, {}, pd.DataFrame(), pd.DataFrame(), published)


def judge(registered: dict[str, Any], observed: Observed) -> list[Outcome]:
    """Every test of every registered claim under fresh and under shared noise, and Table I's values
    also with the settings of public code of 2016."""
    found: list[Outcome] = []
    for noise in NOISES:
        for claim, rule in RULES.items():
            found += rule(claim, noise, registered["claims"][claim], observed)
    return found + table_values("g", "lineage", registered["claims"]["g"], observed)


def hypothesis(
    registered: dict[str, Any], observed: Observed, nearest: pd.DataFrame
) -> pd.DataFrame:
    """What the hypothesis on Table I predicts, and what would refute it: columns `kind`,
    `statement`, and `came`, True, False or None where runs or seeds are too few.

    nearest: a row per run, columns `cell` and `worse`, the larger of the two relative differences
    from the cell's row of Table I where a run comes nearest to it, at any iteration.
    """
    rules = registered["claims"]["g"]
    limit = rules["at_most_relative"]
    matched = {
        (noise, row): all_of(
            [o.holds for o in table_values("g", noise, rules, observed) if o.test.startswith(row)]
        )
        for noise in (*NOISES, "lineage")
        for row in ("attention", "write_only")
    }
    shared = [matched["shared", "attention"], matched["shared", "write_only"]]
    not_fresh = [negated(matched["fresh", "attention"]), negated(matched["fresh", "write_only"])]
    rises = _rise(observed.losses, "dcrw-shared")
    stays = _rise(observed.losses, "dcrw-write-only-shared")
    came = {
        "predicts": [
            all_of([*shared, *not_fresh]),
            _late(observed.losses, limit),
            None if rises is None or stays is None else min(rises) > limit >= max(stays),
        ],
        "refuted_by": [
            _any(list(nearest[nearest.cell == "dcrw-fresh"].worse <= limit)),
            negated(all_of([matched["lineage", "attention"], matched["lineage", "write_only"]])),
        ],
    }
    return pd.DataFrame(
        [
            {"kind": kind, "statement": statement, "came": answer}
            for kind, answers in came.items()
            for statement, answer in zip(registered["forensic"][kind], answers, strict=True)
        ]
    )


def rival(registered: dict[str, Any], observed: Observed) -> list[Outcome]:
    """Row 1 of Table I as the rival explanation would have it: the run it names against the row's
    L_x, and against its L_z plus what the explanation says is missing from it.

    The tolerance is claim g's; one seed borrows its spread from dcrw-fresh.
    """
    rules, stated = registered["claims"]["g"], registered["forensic"]["rival"]
    cell, found = stated["run"], []
    for loss, offset in (("lx", 0.0), ("lz", stated["offset"])):
        target = observed.published[f"paper.table1.attention.{loss}"] + offset
        judged = _value(observed.losses, cell, loss, target, rules, "dcrw-fresh")
        found.append(Outcome("g", f"rival_{loss}", "fresh", cell, *judged))
    return found


def seeds_within(noise: str, rules: dict[str, Any], observed: Observed) -> list[bool]:
    """For each seed that both variants have under a noise, whether all four of its values are
    within the limit of claim g of Table I's."""
    near = []
    for test, rule in rules["tests"].items():
        model, loss = _variant_and_loss(test)
        rows = observed.losses[observed.losses.cell == f"{model}-{noise}"].set_index("seed")
        off = (rows[f"train_{loss}"] / observed.published[rule["paper"]] - 1).abs()
        near.append(off <= rules["at_most_relative"])
    return list(pd.concat(near, axis=1, join="inner").all(axis=1))


def limits(registered: dict[str, Any]) -> dict[str, float]:
    """The registered thresholds as `<claim>.<test>`, or `<claim>` where one holds for all tests."""
    rules: dict[str, dict[str, Any]] = {}
    for claim, entry in registered["claims"].items():
        rules |= {claim: entry} | {f"{claim}.{test}": rule for test, rule in entry["tests"].items()}
    return {
        name: value
        for name, rule in rules.items()
        for key, value in rule.items()
        if key.startswith("at_")
    }


def _late(losses: pd.DataFrame, limit: float) -> bool | None:
    """With attention and seed 0, both losses are lower under shared noise than under fresh by more
    than a share `limit`, and up to a correlation of 3/4 nearer to those under fresh noise."""
    means = losses[losses.seed == 0].set_index("cell")[["train_lx", "train_lz"]]
    between = [f"dcrw-r{percent}" for percent in (25, 50, 75)]
    if not {"dcrw-fresh", "dcrw-shared", *between} <= set(means.index):
        return None
    fresh, shared = means.loc["dcrw-fresh"], means.loc["dcrw-shared"]
    nearer = (means.loc[between] - fresh).abs() < (means.loc[between] - shared).abs()
    return bool((shared < fresh * (1 - limit)).all() and nearer.all().all())


def _rise(losses: pd.DataFrame, cell: str) -> list[float] | None:
    """By what share L_x on the test split rises under fresh noise, a value per seed; None below two
    seeds."""
    chosen = losses[losses.cell == cell]
    return list(chosen.fresh_lx / chosen.test_lx - 1) if len(chosen) > 1 else None


def _any(parts: Sequence[bool]) -> bool | None:
    return any(parts) if parts else None


def _falling(claim: str, noise: str, rules: dict[str, Any], observed: Observed) -> list[Outcome]:
    found = []
    limit = rules["tests"]["falls"]["at_most_correlation"]
    for model in MODELS:
        blocks = [
            means for (cell, _), means in observed.blocks.items() if cell == f"{model}-{noise}"
        ]
        text = f"last below first, correlation at most {limit}, every seed"
        found.append(Outcome(claim, "falls", noise, model, *falls(blocks, limit), text))
    limit = rules["tests"]["comparable"]["at_most"]
    ours, theirs = f"dcrw-{noise}", f"draw-{noise}"
    by_cell = by_seed(observed.losses, "test_total")
    both = {ours, theirs} <= set(by_cell.columns)
    relative = ((by_cell[ours] - by_cell[theirs]) / by_cell[theirs]).dropna() if both else []
    judged = below(list(relative), limit)
    text = f"interval up to {limit:g} at most, relative to draw"
    return [*found, Outcome(claim, "comparable", noise, "dcrw - draw", *judged, text)]


def _lower(claim: str, noise: str, rules: dict[str, Any], observed: Observed) -> list[Outcome]:
    """The differences of test losses that lie below 0: claims b and h."""
    other = {"b": "dcrw-write-only", "h": "draw"}[claim]
    columns = {"total": "test_total", "reconstruction": "test_lx", "latent": "test_lz"}
    return [
        Outcome(
            claim,
            test,
            noise,
            f"dcrw - {other}",
            *below(paired(observed.losses, f"dcrw-{noise}", f"{other}-{noise}", columns[test])),
            "interval below 0",
        )
        for test in rules["tests"]
    ]


def _sharpness(claim: str, noise: str, rules: dict[str, Any], observed: Observed) -> list[Outcome]:
    found = []
    for test, rule in rules["tests"].items():
        rows = observed.sharpness
        rows = rows[(rows.noise == noise) & (rows["mode"] == test)]
        limit = rule["at_most_p"]
        judged = sharper(rows.difference.tolist(), rows.p.tolist(), limit)
        text = f"above 0 with p at most {limit:g}, every seed"
        found.append(Outcome(claim, test, noise, "dcrw - dcrw-write-only", *judged, text))
    return found


def _locality(claim: str, noise: str, rules: dict[str, Any], observed: Observed) -> list[Outcome]:
    one, other = f"dcrw-{noise}", f"dcrw-write-only-{noise}"
    area, share = "reconstructed.effective_area", "reconstructed.effective_area_share"
    most, least = rules["tests"]["local"]["at_most"], rules["tests"]["global"]["at_least"]
    table = observed.measures
    return [
        Outcome(
            claim,
            "smaller",
            noise,
            "dcrw - dcrw-write-only",
            *below(paired(table, one, other, area)),
            "interval below 0 pixels",
        ),
        Outcome(
            claim,
            "local",
            noise,
            "dcrw",
            *below(seeds_of(table, one, share), most),
            f"interval below {most:g}",
        ),
        Outcome(
            claim,
            "global",
            noise,
            "dcrw-write-only",
            *above(seeds_of(table, other, share), least),
            f"interval above {least:g}",
        ),
    ]


def _every_seed(claim: str, noise: str, rules: dict[str, Any], observed: Observed) -> list[Outcome]:
    """Shares that every seed of both variants keeps to: claims e, f and i."""
    found = []
    for test, rule in rules["tests"].items():
        for model in rules["models"]:
            values = seeds_of(observed.measures, f"{model}-{noise}", SCALARS[claim, test])
            if "at_least" in rule:
                limit = rule["at_least"]
                judged, text = each_at_least(values, limit), f"at least {limit:g}, every seed"
            else:
                limit = rule.get("at_most", _coin(observed.measures))
                judged, text = each_at_most(values, limit), f"at most {limit:g}, every seed"
            found.append(Outcome(claim, test, noise, model, *judged, text))
    return found


def table_values(
    claim: str, noise: str, rules: dict[str, Any], observed: Observed
) -> list[Outcome]:
    """The four values of Table I, each against its tolerance (claim g); noise: fresh, shared or
    lineage."""
    found = []
    for test, rule in rules["tests"].items():
        model, loss = _variant_and_loss(test)
        lender = f"{model}-shared" if noise == "lineage" else None
        published = observed.published[rule["paper"]]
        judged = _value(observed.losses, f"{model}-{noise}", loss, published, rules, lender)
        found.append(Outcome(claim, test, noise, model, *judged))
    return found


def _variant_and_loss(test: str) -> tuple[str, str]:
    """Of a test of claim g, as `attention_lx`."""
    variant, loss = test.rsplit("_", 1)
    return ("dcrw" if variant == "attention" else "dcrw-write-only"), loss


def _value(
    losses: pd.DataFrame,
    cell: str,
    loss: str,
    target: float,
    rules: dict[str, Any],
    lender: str | None,
) -> tuple[bool | None, float, float, float, int, str]:
    """A cell's training loss against a value by claim g's tolerance, and the rule in words; lender:
    the cell whose spread over seeds stands in where there is one seed."""
    column = f"train_{loss}"
    judged = matches(
        seeds_of(losses, cell, column),
        seeds_of(losses, cell, f"{column}_sd"),
        target,
        rules["at_most_relative"],
        seeds_of(losses, lender, column) if lender else (),
    )
    return (*judged, f"{target:g} within the tolerance")


Rule = Callable[[str, str, dict[str, Any], Observed], list[Outcome]]
RULES: dict[str, Rule] = {
    "a": _falling,
    "b": _lower,
    "c": _sharpness,
    "d": _locality,
    "e": _every_seed,
    "f": _every_seed,
    "g": table_values,
    "h": _lower,
    "i": _every_seed,
}


def _coin(measures: pd.DataFrame) -> float:
    name = "two_sample.coin_high"
    return float(measures[name].dropna().iloc[0]) if name in measures else float("nan")


def outcome_table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """One row per test."""
    return pd.DataFrame(outcomes, columns=list(Outcome._fields))
