"""Where DCRW stands beside the other models under fresh noise, and what the open choices do: tables
and numbers of one page."""

import math
from collections.abc import Mapping

import pandas as pd

from study.cells import cell_table
from study.charts import spread
from study.numbers import Number

MODELS = {  # cell to its name on the page
    "dcrw-fresh": "with attention in read",
    "dcrw-write-only-fresh": "without attention in read",
    "draw-fresh": "DRAW",
    "dcrw-whole-image-fresh": "whole-image bridge",
    "dcrw-stepwise-fresh": "stepwise bridge",
    "conv-vae": "convolutional VAE",
}
LATENT_BY_STEP = "latent loss by step"  # the panel of `latent_curves`


def standing_table(losses: pd.DataFrame, bounds: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """One row per model: `study.cells.cell_table`, and `gap` (test total less the training total),
    `minutes` of training, `bound` (importance-weighted, with the most samples) and `active` latent
    dimensions of all steps, both of seed 0.

    losses: a row per run, of `study.cells.run_table`; bounds, steps: `bounds.csv` and
    `mechanism_steps.csv` of the runs that have them, with `cell` and `seed`.
    """
    chosen = losses[losses.cell.isin(MODELS)]
    table = cell_table(chosen).set_index("cell")
    table["gap"] = table.test_total - table.train_total
    table["minutes"] = chosen.groupby("cell").minutes.mean()
    most = bounds[(bounds.seed == 0) & (bounds.samples == bounds.samples.max())]
    table["bound"] = most.set_index("cell").bound
    table["active"] = steps[steps.seed == 0].groupby("cell").active.sum()
    return table.loc[[cell for cell in MODELS if cell in table.index]].reset_index()


def interval(low: float, high: float) -> str:
    """An interval in words, empty where there is none."""
    return "" if math.isnan(low) else f"{low:.1f} to {high:.1f}"


def losses_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """The losses of `standing_table` as a reader sees them."""
    ends = zip(table.test_total_low, table.test_total_high, strict=True)
    return pd.DataFrame(
        {
            "model": table.cell.map(MODELS),
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
            "model": table.cell.map(MODELS),
            "parameters": [f"{count:,d}" for count in table.parameters],
            "minutes": table.minutes,
        }
    )


def latent_by_step(steps: pd.DataFrame) -> pd.DataFrame:
    """The test split's rows of the recurrent models under fresh noise.

    steps: `steps.csv` of all runs, with `cell` and `seed`.
    """
    recurrent = steps.cell.isin(MODELS) & (steps.cell != "conv-vae")
    return steps[recurrent & (steps.split == "test") & (steps.noise_correlation == 0)]


def latent_curves(table: pd.DataFrame) -> Mapping[str, Mapping[str, pd.DataFrame]]:
    """`latent_by_step` as a panel of `study.charts.lines_figure`, with the range of seeds."""
    present = [cell for cell in MODELS if cell in set(table.cell)]
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
