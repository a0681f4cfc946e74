"""Fig. 6 with a cursor: losses by iteration, and what the model drew at some of the iterations.

It needs runs that were watched while they trained (`dcrw.training.snapshots`)."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from dcrw.model.architectures import FACTS
from dcrw.training.files import RunError, read_sealed_arrays
from study.finished import Finished
from study.live import Live, Still, film, pixels, sheet

MOMENTS = 2  # snapshots that make a run a watched one
DRAWN = ("reconstructed", "generated")  # arrays of a snapshot
SHOWN, COLUMNS = 16, 4  # digits, and samples
GAP = 8  # white pixels between sheets
WAY_OUT = "Train the run again with snapshots (notebooks/train.ipynb)."


def watched(entries: Iterable[Finished]) -> list[Finished]:
    """The first run of every cell that was watched while it trained."""
    found: dict[str, Finished] = {}
    for entry in entries:
        if len(list((entry.run.folder / "snapshots").glob("*.npz"))) >= MOMENTS:
            found.setdefault(entry.config.name, entry)
    return list(found.values())


def course(entries: Iterable[Finished], paper: Mapping[str, tuple[float, float]]) -> Live:
    """The figure of the watched runs among some, of the variants that Table I has a row for.

    paper: Table I's (L_x, L_z) by title of the variant. Raises `RunError` where none was watched,
    and for a damaged snapshot.
    """
    chosen = [entry for entry in watched(entries) if _title(entry) in paper]
    if not chosen:
        raise RunError(f"no run with {MOMENTS} snapshots or more. {WAY_OUT}")
    return Live("course", {"runs": [_run(entry, paper) for entry in chosen], "columns": COLUMNS})


def still(figure: Live) -> Still:
    """What stands for the figure in print: a sheet of pictures a moment from left to right; for
    each run a line of reconstructions and one of samples."""
    lines = [
        np.hstack(
            [np.pad(one, GAP, constant_values=255) for one in np.hsplit(pixels(drawn), count)]
        )
        for run in figure.state["runs"]
        for drawn, count in (
            (run[name], len(run["moments"])) for name in ("reconstructed", "samples")
        )
    ]
    widest = max(line.shape[1] for line in lines)
    white = [((0, 0), (0, widest - line.shape[1])) for line in lines]
    page = np.vstack(
        [np.pad(line, w, constant_values=255) for line, w in zip(lines, white, strict=True)]
    )
    target = io.BytesIO()
    Image.fromarray(page).save(target, "PNG", optimize=True)
    return Still(target.getvalue())


def _title(entry: Finished) -> str:
    return FACTS[entry.config.model.architecture].title


def _run(entry: Finished, paper: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    paths = sorted((entry.run.folder / "snapshots").glob("*.npz"))
    moments = [int(path.stem) for path in paths]
    arrays = [read_sealed_arrays(path, DRAWN, WAY_OUT) for path in paths]
    pictures = {name: np.stack([taken[name][:SHOWN] for taken in arrays]) for name in DRAWN}
    metrics = entry.run.metrics()
    lx, lz = paper[_title(entry)]
    return {
        "title": _title(entry),
        "cell": entry.config.name,
        "seed": entry.config.training.seed,
        "moments": moments,
        "losses": _at(metrics, moments),
        "iterations": metrics.iteration.to_numpy(),
        "lx": metrics.reconstruction.round(2).to_numpy(),
        "lz": metrics.latent.round(3).to_numpy(),
        "paper": {"lx": lx, "lz": lz},
        "reconstructed": film(pictures["reconstructed"], COLUMNS),
        "samples": film(pictures["generated"], COLUMNS),
        "digits": sheet(arrays[0]["images"][:SHOWN], COLUMNS),
        "rows": SHOWN // COLUMNS,
    }


def _at(metrics: pd.DataFrame, moments: list[int]) -> list[dict[str, float]]:
    """Losses at some iterations, between the rows of metrics.csv in a straight line."""
    return [
        {
            "lx": float(np.interp(moment, metrics.iteration, metrics.reconstruction)),
            "lz": float(np.interp(moment, metrics.iteration, metrics.latent)),
        }
        for moment in moments
    ]
