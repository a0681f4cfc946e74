"""Fig. 4 and 5 as one figure: four models at every drawing step, one slider over all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcrw.training.files import read_sealed_arrays
from study.finished import Finished, traces
from study.live import Live, film, sheet
from study.paper.figures import STEPS

SHOWN, COLUMNS = 12, 4  # digits and samples of each model
CELLS = {  # to the words above its grids
    "dcrw-fresh": "Fig. 4: with attention in read, fresh noise",
    "dcrw-shared": "With attention in read, shared noise",
    "dcrw-write-only-fresh": "Fig. 5: without attention in read, fresh noise",
    "dcrw-write-only-shared": "Without attention in read, shared noise",
}


class Digits(NamedTuple):
    """Test digits (n, A, A) with their labels (n,)."""

    images: NDArray[Any]
    labels: NDArray[Any]


def explorers(path: Path) -> Digits:
    """The digits of the explorer's file; none where it has not been made, as beside a quick run.
    Raises `RunError` where it is damaged."""
    if not path.exists():
        return Digits(np.empty((0, 0, 0), np.uint8), np.empty(0, np.int64))
    way_out = "Make it again (notebooks/explorer_data.ipynb)."
    arrays = read_sealed_arrays(path, ("images", "labels"), way_out)
    return Digits(arrays["images"], arrays["labels"])


def places(images: NDArray[Any], known: Digits) -> list[dict[str, int] | None]:
    """How the explorer's links name each of some images (n, A, A): by its class, and by its number
    in it, from 1. None for one that the explorer does not have."""
    found: list[dict[str, int] | None] = []
    for image in images:
        same = [i for i, other in enumerate(known.images) if np.array_equal(image, other)]
        if not same:
            found.append(None)
            continue
        label = int(known.labels[same[0]])
        number = int((known.labels[: same[0] + 1] == label).sum())
        found.append({"digit": label, "number": number})
    return found


def drawing(cells: Mapping[str, Sequence[Finished]], known: Digits) -> Live:
    """The figure, from the first seed of each cell of CELLS that the profile has; where it has none
    of them, of each cell under its own label.

    known: the explorer's digits, which open there on a click.
    """
    chosen = [cell for cell in CELLS if cell in cells] or list(cells)
    found = {cell: traces(cells[cell][0]) for cell in chosen}
    first = next(iter(found.values()))
    columns = min(COLUMNS, len(first["images"]))
    count = min(SHOWN, len(first["images"])) // columns * columns
    images = first["images"][:count]
    models = [
        {
            "cell": cell,
            "title": CELLS.get(cell, cell),
            "samples": film(drawn["generated_canvas"][:, :count], columns),
            "reconstructed": film(drawn["reconstructed_canvas"][:, :count], columns),
        }
        for cell, drawn in found.items()
    ]
    steps = len(first["generated_canvas"])
    state = {
        "models": models,
        "steps": steps,
        "marks": [step for step in STEPS if step <= steps],
        "digits": sheet(images, columns),
        "labels": first["labels"][:count],
        "places": places(images, known),
        "columns": columns,
        "rows": count // columns,
    }
    return Live("drawing", state)
