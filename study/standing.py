"""Where DCRW stands beside the other models under fresh noise and on binarised images, and what the
open choices do: tables and numbers of one page."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dcrw.training.binarisation import WORDS
from dcrw.training.config import RunConfig
from dcrw.training.run import run_for
from study import numbers
from study.cells import cell_table, evaluation_tables
from study.charts import spread
from study.finished import finished_run, profile_of, split_row
from study.names import model_in_words
from study.numbers import Number

CELLS = (  # of the page, in its order
    "dcrw-fresh",
    "dcrw-write-only-fresh",
    "draw-fresh",
    "dcrw-whole-image-fresh",
    "dcrw-stepwise-fresh",
    "conv-vae",
)
LATENT_BY_STEP = ""  # the panel of `latent_curves`, whose axis says what it shows


def standing_table(losses: pd.DataFrame, bounds: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """One row per model: `study.cells.cell_table`, and `gap` (test total less the training total),
    `minutes` of training, `bound` (importance-weighted, with the most samples) and `active` latent
    dimensions of all steps, both of seed 0.

    losses: a row per run, of `study.cells.run_table`; bounds, steps: `bounds.csv` and
    `mechanism_steps.csv` of the runs that have them, with `cell` and `seed`.
    """
    chosen = losses[losses.cell.isin(CELLS)]
    table = cell_table(chosen).set_index("cell")
    table["gap"] = table.test_total - table.train_total
    table["minutes"] = chosen.groupby("cell").minutes.mean()
    most = bounds[(bounds.seed == 0) & (bounds.samples == bounds.samples.max())]
    table["bound"] = most.set_index("cell").bound
    table["active"] = steps[steps.seed == 0].groupby("cell").active.sum()
    return table.loc[[cell for cell in CELLS if cell in table.index]].reset_index()


NOT_RUN = "not yet run"
NOT_GIVEN = "not given"
BINARISED = "results/binarised"  # of a profile whose runs may not be there yet


def binarised_table(project: Path) -> pd.DataFrame:
    """Losses on binarised MNIST, nats per image: ours, a row a run of the profile `binarised`, and
    those of the DRAW paper, with what differs between them.

    `test` is L_x + L_z on the test split, `bound` the importance-weighted bound; a run that is not
    there yet says so.
    """
    results = project / BINARISED
    published = numbers.read(project / "book" / "published.json")
    rows = [_binarised_row(config, results) for config in profile_of(results).configs()]
    for name, key in (("DRAW", "attention"), ("DRAW without attention", "no_attention")):
        rows.append(
            {
                "model": name,
                "by": "Gregor et al. (2015)",
                "binarised": "by sampling, once, by others",
                "T": int(published["draw.steps"].value),
                "z": int(published["draw.latent_size"].value),
                "iterations": NOT_GIVEN,
                "test": f"{published[f'draw.mnist.{key}'].value:.2f}",
                "bound": NOT_GIVEN,
            }
        )
    return pd.DataFrame(rows)


def _binarised_row(config: RunConfig, results: Path) -> dict[str, Any]:
    run, test, bound = run_for(config, results), NOT_RUN, NOT_RUN
    if (run.folder / "evaluation" / "evaluation.json").exists():
        entry = finished_run(config, run, profile_of(results).evaluation)
        test = f"{split_row(entry, 'test', config.model.noise_correlation).total:.2f}"
        if (run.folder / "evaluation" / "bounds.csv").exists():
            found = evaluation_tables([entry], "bounds")
            bound = f"{found.loc[found.samples.idxmax(), 'bound']:.2f}"
    return {
        "model": model_in_words(config.model.architecture),
        "by": "ours",
        "binarised": WORDS[config.data.binarisation].removeprefix("binarised "),
        "T": config.model.steps,
        "z": config.model.latent_size,
        "iterations": f"{config.training.iterations:,}",
        "test": test,
        "bound": bound,
    }


def interval(low: float, high: float) -> str:
    """An interval in words, empty where there is none."""
    return "" if math.isnan(low) else f"{low:.1f} to {high:.1f}"


def losses_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """The losses of `standing_table` as a reader sees them."""
    ends = zip(table.test_total_low, table.test_total_high, strict=True)
    return pd.DataFrame(
        {
            "model": table.cell.map(model_in_words),
            "seeds": table.n,
            "test": table.test_total,
            "95%": [interval(*pair) for pair in ends],
            "gap": table.gap,
            "bound": table.bound,
            "active": table.active,
        }
    )


def cost_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """The cost in `standing_table` as a reader sees it."""
    return pd.DataFrame(
        {
            "model": table.cell.map(model_in_words),
            "parameters": [f"{count:,d}" for count in table.parameters],
            "minutes": table.minutes,
        }
    )


def latent_by_step(steps: pd.DataFrame) -> pd.DataFrame:
    """The test split's rows of the recurrent models under fresh noise.

    steps: `steps.csv` of all runs, with `cell` and `seed`.
    """
    recurrent = steps.cell.isin(CELLS) & (steps.cell != "conv-vae")
    return steps[recurrent & (steps.split == "test") & (steps.noise_correlation == 0)]


def latent_curves(table: pd.DataFrame) -> Mapping[str, Mapping[str, pd.DataFrame]]:
    """`latent_by_step` as a panel of `study.charts.lines_figure`, with the range of seeds."""
    present = [cell for cell in CELLS if cell in set(table.cell)]
    curves = {
        cell.removesuffix("-fresh"): spread(
            [rows for _, rows in table[table.cell == cell].groupby("seed")], "step", "latent"
        )
        for cell in present
    }
    return {LATENT_BY_STEP: curves}


def ablation_numbers(ablations: pd.DataFrame, same: list[float]) -> dict[str, Number]:
    """The difference that each single change makes, how long its runs are, and between what the
    unchanged model's other seeds lie, as `ablation.<...>`; nats per image.

    ablations: of `study.ablations.ablation_table`, all of one length; same: of
    `study.ablations.seed_differences`. Raises `ValueError` for runs of several lengths.
    """
    lengths = ablations.iterations.unique()
    if len(lengths) != 1:
        raise ValueError(f"ablations of {sorted(lengths)} iterations: expected one length")
    source, seeds = "results/grid/figures/ablations.csv", "results/*/runs/*/metrics.csv"
    found = {
        f"ablation.{row.cell}": Number(row.difference, source, 1) for row in ablations.itertuples()
    }
    return found | {
        "ablation.iterations": Number(int(lengths[0]), source),
        "ablation.seeds.low": Number(min([0, *same]), seeds, len(same)),
        "ablation.seeds.high": Number(max([0, *same]), seeds, len(same)),
    }
