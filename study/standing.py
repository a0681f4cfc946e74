"""Where DCRW stands beside the other models under fresh noise and on binarised images, and what the
open choices do: tables and numbers of one page."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dcrw.training.binarisation import WORDS
from dcrw.training.config import RunConfig
from dcrw.training.files import exists
from dcrw.training.profiles import Profile
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
PUBLISHED = {  # key of what the DRAW paper reports to its model; it gives sizes of the first alone
    "attention": ("DRAW", ("steps", "latent_size")),
    "no_attention": ("DRAW without attention", ()),
}


class OnBinarised(NamedTuple):
    """A run of the profile `binarised`, with what was measured of it; None where it is missing."""

    config: RunConfig
    test: float | None  # L_x + L_z on the test split, nats per image
    bound: float | None  # importance-weighted, on the first `images` with `samples` each
    images: int = 0
    samples: int = 0

    @property
    def model(self) -> str:
        """In words."""
        architecture = self.config.model.architecture
        words = model_in_words(architecture)
        return f"DCRW {words}" if architecture.startswith("dcrw") else words


def on_binarised(project: Path) -> list[OnBinarised]:
    """The runs of the profile `binarised` in its order, whether they are there or not. Raises as
    `finished_run`."""
    results = project / BINARISED
    profile = profile_of(results)
    return [_on_binarised(config, results, profile) for config in profile.configs()]


def _on_binarised(config: RunConfig, results: Path, profile: Profile) -> OnBinarised:
    run = run_for(config, results)
    if not exists(run.folder / "evaluation" / "evaluation.json"):
        return OnBinarised(config, None, None)
    entry = finished_run(config, run, profile.evaluation)
    test = split_row(entry, "test", config.model.noise_correlation).total
    if not exists(run.folder / "evaluation" / "forensics.json"):
        return OnBinarised(config, test, None)
    found = evaluation_tables([entry], "bounds")
    most = found.loc[found.samples.idxmax()]
    return OnBinarised(config, test, most.bound, int(most.images), int(most.samples))


def binarised_table(runs: Sequence[OnBinarised], project: Path) -> pd.DataFrame:
    """Losses on binarised MNIST, nats per image: ours, a row a run, and those of the DRAW paper,
    with what differs between them. A run that is not there yet says so."""
    published = numbers.read(project / "book" / "published.json")
    rows = []
    for run in runs:
        how = WORDS[run.config.data.binarisation].removeprefix("binarised ")
        training, model = run.config.training, run.config.model
        sizes = {"T": f"{model.steps}", "z": f"{model.latent_size}"}
        row = {"model": run.model, "by": "ours", "binarised": how} | sizes
        row |= {"iterations": f"{training.iterations:,}", "test": _nats(run.test)}
        rows.append(row | {"bound": _nats(run.bound)})
    for key, (name, given) in PUBLISHED.items():
        sizes = {
            symbol: f"{published[f'draw.{size}'].value}" if size in given else NOT_GIVEN
            for symbol, size in (("T", "steps"), ("z", "latent_size"))
        }
        row = {"model": name, "by": "Gregor et al. (2015)", "binarised": "once, by others"} | sizes
        row |= {"iterations": NOT_GIVEN, "test": f"{published[f'draw.mnist.{key}'].value:.2f}"}
        rows.append(row | {"bound": NOT_GIVEN})
    return pd.DataFrame(rows)


def _nats(value: float | None) -> str:
    return NOT_RUN if value is None else f"{value:.2f}"


def binarised_caption(runs: Sequence[OnBinarised]) -> str:
    """What the table holds: of how many runs and images."""
    seeds = sorted({run.config.training.seed for run in runs})
    ours = f"ours, one run each, seed {', '.join(map(str, seeds))}"
    counts = {(run.images, run.samples) for run in runs if run.bound is not None}
    bounds = "".join(
        f"; the bound is on the first {images:,} test images, {samples:,} samples each"
        for images, samples in sorted(counts)
    )
    return f"Losses on binarised MNIST, nats per test image: {ours}, and as published{bounds}."


def binarised_in_words(runs: Sequence[OnBinarised]) -> str:
    """What was found, or what is still to be run."""
    left = [run for run in runs if run.test is None or run.bound is None]
    if left:
        names = " and ".join(run.model for run in left)
        return f"Not there yet: {names}; `make binarised` trains and measures what is missing."
    ends = " and ".join(f"{run.model} at {run.test:.1f}" for run in runs)
    bounds = " and ".join(f"{run.bound:.1f}" for run in runs)
    tests = [run.test for run in runs if run.test is not None]
    return (
        f"On the test images {ends} nats; the importance-weighted bounds are {bounds}. "
        f"The two lie {max(tests) - min(tests):.1f} nats apart, of one run each: how far two seeds "
        "of one model lie apart on binarised images has not been measured."
    )


def binarised_numbers(runs: Sequence[OnBinarised]) -> dict[str, Number]:
    """What was measured, as `binarised.<architecture>.<test or bound>`."""
    return {
        f"binarised.{run.config.model.architecture}.{name}": Number(value, f"{BINARISED}/runs", 1)
        for run in runs
        for name, value in (("test", run.test), ("bound", run.bound))
        if value is not None
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
