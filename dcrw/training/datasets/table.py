"""The table of data sets, an entry each, and how one is loaded."""

from pathlib import Path

from dcrw.model.config import SHORT
from dcrw.training.data import OWN, DataError, Dataset, Division
from dcrw.training.datasets import digits, mnist, own
from dcrw.training.datasets.facts import Entry, Wanted
from dcrw.training.datasets.pictures import Rule

DATASETS: dict[str, Entry] = {
    **mnist.ENTRIES,
    "digits": digits.ENTRY,
    OWN: own.ENTRY,
}


def load(
    name: str,
    root: str | Path = "data",
    images: str | Path | None = None,
    image_size: int = 28,
    rule: Rule = Rule(),  # noqa: B008 (a constant)
    division: Division = Division(),  # noqa: B008
    progress: bool | None = None,
) -> Dataset:
    """A data set by its name in the table.

    root: the folder of `MNIST/raw` and the like, where downloaded data lies or goes. For `own`
    alone: images, an NPZ, an IDX file or a folder of PNG and JPEG; image_size: A, pixels a side;
    rule: how pictures become grey squares; division: into splits; progress: a bar, None shows it
    where there is a terminal. Raises `DataError` that names the file, what was expected and found,
    and the way out.
    """
    if name not in DATASETS:
        raise DataError(f"dataset = {SHORT.repr(name)}: expected one of {', '.join(DATASETS)}")
    path = None if images is None else Path(images)
    return DATASETS[name].read(Wanted(Path(root), path, image_size, rule, division, progress))
