"""The noise dial: what a model trained at each correlation of the noise draws, and where its losses
lie in the plane of Table I."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dcrw.training.files import RunError
from study import finished
from study.charts import save_with_table
from study.finished import Finished
from study.live import Live, Still, sheet
from study.noise.figures import PLANE_DISTORTIONS, PLANE_RATES
from study.noise.rate_distortion_dual import distortion_at_least
from study.noise.tables import PUBLISHED, Rows

COLUMNS = 2  # of the small sheets of digits
SHOWN = 4  # digits and samples a run, as many as every run keeps
STILL: Any = {"font.size": 8, "axes.titlesize": 8}
MODELS = dict(zip(("dcrw", "dcrw-write-only"), PUBLISHED, strict=True))  # to its words


def shown(
    entries: Iterable[Finished],
    dose: pd.DataFrame,
    rows: Rows,
    sides: tuple[pd.DataFrame, pd.DataFrame],
    path: Path,
) -> tuple[Live, Still]:
    """The figure and its still, which is saved as `path`.png and .svg with the losses as .csv.

    sides: of the rate-distortion curve, of `tables.curve` and `tables.lower_side`. Raises
    `RunError` as `drawings` does.
    """
    curve, lower = sides
    drawn = drawings(entries, dose)
    still = save_with_table(dial_figure(dose, drawn), dose, path)
    return dial(dose, drawn, rows, curve[curve.hull], lower), Still(still.read_bytes())


def drawings(entries: Iterable[Finished], dose: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Last canvases (4, A, A) of the runs of `tables.dose_table`, by cell: `generated` samples from
    the prior, `reconstructed` digits, and the digits, `images`.

    Raises `RunError` where a cell's seed 0 is not among the entries.
    """
    first = {e.config.name: e for e in entries if e.config.training.seed == 0}
    missing = [cell for cell in dose.cell if cell not in first]
    if missing:
        raise RunError(f"{', '.join(missing)}: no finished run with seed 0 (make grid)")
    found = {}
    for cell in dose.cell:
        traces = finished.traces(first[cell])
        found[cell] = {
            "generated": traces["generated_canvas"][-1, :SHOWN],
            "reconstructed": traces["reconstructed_canvas"][-1, :SHOWN],
            "images": traces["images"][:SHOWN],
        }
    return found


def dial(
    dose: pd.DataFrame,
    drawn: Mapping[str, Mapping[str, np.ndarray]],
    rows: Rows,
    curve: pd.DataFrame,
    lower: pd.DataFrame,
) -> Live:
    """The figure: a point for each model and correlation, the paper's points, both sides of the
    rate-distortion curve.

    dose: of `tables.dose_table`; drawn: of `drawings`; rows: the paper's; curve, lower: as
    `figures.plane_figure` takes them, the codebooks' hull alone.
    """
    models = [
        {
            "title": words,
            "paper": dict(zip(("lx", "lz"), rows[words], strict=True)),
            "points": [
                _point(row, drawn[row["cell"]])
                for row in dose[dose.model == model].to_dict("records")
            ],
        }
        for model, words in MODELS.items()
    ]
    rates = np.geomspace(*PLANE_RATES, 80)
    hull, bound = curve.sort_values("rate"), distortion_at_least(lower, rates)
    reached, lowest = rates[rates <= hull.rate.max()], PLANE_DISTORTIONS[0]
    state = {
        "models": models,
        "digits": sheet(next(iter(drawn.values()))["images"], COLUMNS),
        "codebooks": list(
            zip(reached, np.interp(reached, hull.rate, hull.distortion), strict=True)
        ),
        "lower": [(rate, cost) for rate, cost in zip(rates, bound, strict=True) if cost >= lowest],
        "rates": PLANE_RATES,
        "distortions": PLANE_DISTORTIONS,
    }
    return Live("dial", state)


def _point(row: Mapping[str, Any], pictures: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "cell": row["cell"],
        "correlation": row["noise_correlation"],
        "lx": row["train_lx"],
        "lz": row["train_lz"],
        "fresh": row["fresh_total"],
        "samples": sheet(pictures["generated"], COLUMNS),
        "reconstructed": sheet(pictures["reconstructed"], COLUMNS),
    }


def dial_figure(dose: pd.DataFrame, drawn: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """The still: samples from the prior at every correlation, a row a model."""
    correlations = sorted(dose.noise_correlation.unique())
    with mpl.rc_context(STILL):
        figure = Figure(figsize=(7, 2.6), layout="constrained")
        axes = figure.subplots(len(MODELS), len(correlations), squeeze=False)
        for (model, words), line in zip(MODELS.items(), axes, strict=True):
            cells = dose[dose.model == model].set_index("noise_correlation").cell
            for correlation, axis in zip(correlations, line, strict=True):
                pictures = drawn[cells[correlation]]["generated"]
                tiles = pictures.reshape(-1, COLUMNS, *pictures.shape[1:]).swapaxes(1, 2)
                joined = tiles.reshape(tiles.shape[0] * tiles.shape[1], -1)
                axis.imshow(joined, cmap="gray", vmin=0, vmax=255)
                axis.set(xticks=[], yticks=[], title=f"$\\rho$ = {correlation:g}")
            line[0].set_ylabel(words.replace(" in ", "\nin "))
    return figure
