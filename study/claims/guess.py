"""Can you tell? Samples of a model among test digits, for a reader to tell apart (claim f)."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcrw.training.files import RunError
from study.finished import Finished, traces
from study.live import Live, Still, sheet
from study.style import STYLE, save_figure

ROUND = 10  # samples, and as many digits, in one round


CELL = "dcrw-fresh"


def shown(
    entries: Iterable[Finished], measures: pd.DataFrame, digits: float, path: Path
) -> tuple[Live, Still]:
    """The figure of seed 0 of CELL, and its still, which is saved as `path`.png and .svg.

    Raises `RunError` where there is no such run, and as `guess` does.
    """
    first = [e for e in entries if (e.config.name, e.config.training.seed) == (CELL, 0)]
    if not first:
        raise RunError(f"{CELL}, seed 0: no finished run (make paper)")
    save_figure(guess_figure(traces(first[0])), path)
    return guess(first[0], measures, digits), Still(path.with_suffix(".png").read_bytes())


def guess_figure(kept: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """The still: a row of samples above a row of digits."""
    rows = {"samples": kept["generated_canvas"][-1], "test digits": kept["images"]}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 1.7), layout="constrained")
        for axis, (words, pictures) in zip(
            figure.subplots(len(rows), 1), rows.items(), strict=True
        ):
            axis.imshow(
                np.concatenate(list(pictures[:ROUND]), axis=1), cmap="gray", vmin=0, vmax=255
            )
            axis.set(xticks=[], yticks=[], ylabel=words)
            axis.grid(False)
    return figure


def guess(entry: Finished, measures: pd.DataFrame, digits: float) -> Live:
    """The figure, from a run's samples and the digits that were kept with them.

    measures: of `study.claims.tables.measure_table`; digits: the two-sample classifier's accuracy
    with training digits in place of samples. Raises `RunError` where the run keeps too few pictures
    for a round.
    """
    kept = traces(entry)
    samples, real = kept["generated_canvas"][-1], kept["images"]
    if min(len(samples), len(real)) < ROUND:
        raise RunError(
            f"{entry.run.folder}: {len(samples)} samples and {len(real)} digits; expected {ROUND} "
            "of each (evaluation: digits)"
        )
    own = measures[measures.cell == entry.config.name]
    state = {
        "sheet": sheet(np.concatenate([samples, real]), len(samples) + len(real)),
        "samples": len(samples),
        "digits": len(real),
        "round": ROUND,
        "accuracy": own["two_sample.accuracy"].mean(),
        "binary": own["two_sample.binary_accuracy"].mean(),
        "reference": digits,
        "seeds": len(own),
    }
    return Live("guess", state)
