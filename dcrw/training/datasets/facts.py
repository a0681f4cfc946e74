"""What is known of a data set, and what its reader is told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from dcrw.training.data import Dataset, Division
from dcrw.training.datasets.pictures import Rule


class Sizes(NamedTuple):
    """Images of each split."""

    train: int
    validation: int
    test: int


class Facts(NamedTuple):
    """What is known of a data set before it is read."""

    title: str
    source: str  # who made it, and where it comes from
    licence: str
    image_size: int | None  # A, pixels a side; None: as asked for
    classes: tuple[str, ...]  # names by label; empty: what the images say
    sizes: Sizes | None  # None: what the images say
    channels: int = 1
    sha256: Mapping[str, str] = {}  # of its files, decompressed
    md5: Mapping[str, str] = {}  # of its archives


class Wanted(NamedTuple):
    """What a reader is told; each takes what concerns it."""

    root: Path = Path("data")  # of what is downloaded
    images: Path | None = None  # one's own
    image_size: int = 28  # A, pixels a side
    rule: Rule = Rule()  # how pictures become grey squares
    division: Division = Division()
    progress: bool | None = None  # a bar; None shows it where there is a terminal


class Entry(NamedTuple):
    """One line of the table."""

    facts: Facts
    read: Callable[[Wanted], Dataset]
