"""Every kind of file that is read, random damages of each, and what may come of reading one.

One home for the suite (`tests/training/test_files.py`) and for `make torture`, which runs this file
in processes whose memory is bounded:
`python tests/damages.py damage|fuzz SEED COUNT FOLDER NAME...` prints an `Account` of each.
"""

import json
import random
import resource
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from common import Killed, kill_at
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tiny_galleries import recorded, small_writer
from tiny_runs import images, tiny

from dcrw.explorer.gallery import ExplorerError, Gallery
from dcrw.model.config import ConfigError
from dcrw.training import files
from dcrw.training.config import EvaluationConfig, load_config
from dcrw.training.evaluation import evaluate
from dcrw.training.files import RunError
from dcrw.training.loop import train
from dcrw.training.profiles import load_profile
from dcrw.training.run import METRICS, Run
from study import numbers as number_files
from study.finished import data_levels

WAY_OUT = "Do this."
DOCUMENTED = (RunError, ConfigError, ExplorerError)
MEMORY = 256 << 20  # bytes beyond what importing and one good read have taken
LENGTH = 5000  # letters of a message, at most
KEPT = 3  # examples of what went wrong


@dataclass
class Account:
    """How often reading ended how; `examples` of what must not be."""

    refused: int = 0  # a documented error that names the file
    equal: int = 0  # what was written was read: the damage did no harm
    silent: int = 0  # something else was read, without a word
    foreign: int = 0  # another error, running out of memory among them
    unclear: int = 0  # a documented error that does not name the file, or runs on
    examples: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.refused + self.equal + self.wrong

    @property
    def wrong(self) -> int:
        return self.silent + self.foreign + self.unclear

    def note(self, path: Path, read: Callable[[], bool]) -> None:
        """Read once; `read` says whether it found what was written."""
        try:
            ended, example = ("equal", "") if read() else ("silent", f"{path.name}: other content")
        except DOCUMENTED as error:
            ended, example = ("refused" if is_clear(path, str(error)) else "unclear"), str(error)
        except Exception:
            ended, example = "foreign", traceback.format_exc()
        setattr(self, ended, getattr(self, ended) + 1)
        if ended not in {"refused", "equal"} and len(self.examples) < KEPT:
            self.examples.append(f"{ended}: {example[-1500:]}")


def is_clear(path: Path, message: str) -> bool:
    """Whether a message names its file, is short, and can be printed."""
    try:
        message.encode()
    except UnicodeEncodeError:
        return False
    return path.stem in message and len(message) < LENGTH


def damaged(content: bytes, numbers: random.Random) -> bytes:
    """A flipped bit, a cut, a piece gone, two pieces exchanged, a piece twice, or other bytes."""
    first, second = sorted(numbers.sample(range(len(content) + 1), 2))
    piece = content[first:second]
    kind = numbers.randrange(6)
    if kind == 0:
        place = min(first, len(content) - 1)
        changed = bytes([content[place] ^ (1 << numbers.randrange(8))])
        return content[:place] + changed + content[place + 1 :]
    if kind == 1:
        return content[:first]
    if kind == 2:
        return content[:first] + content[second:]
    if kind == 3:
        return piece + content[:first] + content[second:]
    if kind == 4:
        return content[:second] + piece + content[second:]
    return content[:first] + numbers.randbytes(len(piece)) + content[second:]


def prepare(folder: Path) -> Run:
    """A complete, evaluated run, and beside it one that was killed, a gallery and a table."""
    whole = train(Run(folder / "whole"), tiny(), images())
    evaluate(whole, images(), EvaluationConfig(batch_size=10, digits=4), torch.device("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 8)
        with pytest.raises(Killed):
            train(Run(folder / "cut"), tiny(), images())
    recorded({"first": small_writer()}).save(folder / "gallery.npz")
    levels = pd.DataFrame({"split": ["train"], "images": 9, "entropy": 45.5, "mean_image": 206.0})
    files.write_table(folder / "data.csv", levels)
    files.write_record(folder / "data.json", {"dataset": "mnist"}, [folder / "data.csv"])
    return whole


def gallery(run: Run) -> list[Any]:
    found = Gallery.load(run.folder.parent / "gallery.npz")
    parts = [(entry.name, entry.config, sorted(entry.modes)) for entry in found.recordings]
    values = [a.tolist() for entry in found.recordings for a in entry.modes["reconstruct"].values()]
    return [found.images.tolist(), found.about, parts, values]


def state(run: Run) -> list[Any]:
    return [(name, value.tolist()) for name, value in run.model().state_dict().items()]


def checkpoint(run: Run) -> list[Any]:
    found = Run(run.folder.parent / "cut").load_checkpoint()
    assert found is not None
    tensors = {name: value.tolist() for name, value in found.tensors.items()}
    return [found.iteration, found.segments, tensors]


READERS: dict[str, Callable[[Run], Any]] = {
    "whole/config.yaml": lambda run: run.config.parameters(),
    "whole/metrics.csv": lambda run: run.metrics().to_csv(),
    "whole/model.safetensors": state,
    "whole/provenance.json": lambda run: run.provenance,
    "whole/evaluation/evaluation.json": lambda run: run.evaluated("losses.csv"),
    "whole/evaluation/losses.csv": lambda run: run.evaluated("losses.csv").read_bytes(),
    "whole/evaluation/steps.csv": lambda run: run.evaluated("steps.csv").read_bytes(),
    "gallery.npz": gallery,
    "data.csv": lambda run: data_levels(run.folder.parent).to_csv(),
    "data.json": lambda run: data_levels(run.folder.parent).to_csv(),
    "whole/evaluation/traces.npz": lambda run: run.evaluated("traces.npz").read_bytes(),
    "cut/checkpoint.safetensors": checkpoint,
}


def damage(run: Run, name: str, seed: int | str, count: int, bounded: bool = False) -> Account:
    """Damage a file of `READERS` so many times and read it each time; it is as before afterwards.

    Raises AssertionError where the whole file is not read alike twice.
    """
    path, numbers, account = run.folder.parent / name, random.Random(seed), Account()
    read, whole = READERS[name], path.read_bytes()
    before = read(run)
    if bounded:
        bound_memory()
    for _ in range(count):
        path.write_bytes(damaged(whole, numbers))
        account.note(path, lambda: read(run) == before)
    path.write_bytes(whole)
    assert read(run) == before
    return account


# Any bytes, and any values, at every reader

ANY: dict[str, Callable[[Path], Any]] = {
    "a.json": lambda path: files.read_json(path, WAY_OUT),
    "record.json": lambda path: files.read_record(path, WAY_OUT),
    "numbers.json": number_files.read,
    "a.yaml": files.read_yaml,
    "config.yaml": load_config,
    "profile.yaml": load_profile,
    "a.csv": lambda path: files.read_table(path, METRICS, WAY_OUT),
    "a.npz": lambda path: files.read_arrays(path, WAY_OUT),
    "gallery.npz": Gallery.load,
    "a.safetensors": lambda path: files.read_tensors(path, {"a": ((2,), "F32")}, WAY_OUT),
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["profile", "seeds", "stages", "runs", "defaults", "training", "model", "data", "preset",
     "seed", "iterations", "value", "source", "n", "interval", "content_sha256", "files"]
)  # fmt: skip
OBJECTS = st.dictionaries(WORDS, VALUES | st.dictionaries(WORDS, VALUES, max_size=3), max_size=6)


ANY_BYTES = st.binary(max_size=200)
ANY_VALUES = OBJECTS.map(lambda content: json.dumps(content).encode())  # JSON is YAML
ANY_TABLE = st.lists(st.lists(st.text(max_size=5) | st.integers(), max_size=6), max_size=5).map(
    lambda rows: "\n".join([",".join(METRICS), *(",".join(map(str, row)) for row in rows)]).encode(
        errors="surrogatepass"
    )
)


def contents(name: str, number: int, count: int) -> list[bytes]:
    """What a reader of `ANY` is given: so many of any bytes, and as many in a form that it might
    expect."""
    strategies = [ANY_BYTES]
    strategies += [ANY_VALUES] if name.endswith(("json", "yaml")) else []
    strategies += [ANY_TABLE] if name.endswith("csv") else []
    found: list[bytes] = []
    looking = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for strategy in strategies:
        seed(number)(looking(given(content=strategy)(lambda content: found.append(content))))()
    return found


def fuzz(folder: Path, name: str, inputs: Sequence[bytes], bounded: bool = False) -> Account:
    """Give contents to a reader of `ANY`. Nothing was written before, so that no reading is silent:
    a file of the right form is read, every other refused."""
    path, account = folder / name, Account()

    def read() -> bool:
        ANY[name](path)
        return True

    if bounded:
        path.write_bytes(b"")
        Account().note(path, read)
        bound_memory()
    for content in inputs:
        path.write_bytes(content)
        account.note(path, read)
    return account


def bound_memory() -> None:
    """No more than `MEMORY` from here on; more is a MemoryError, or the process's end."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def main(arguments: list[str]) -> None:
    """A line of JSON for each name: [name, account]."""
    what, seed, count, place, *names = arguments
    for name in names:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if what == "damage":
            run = Run(Path(place) / "whole")
            account = damage(run, name, f"{name} {seed}", int(count), bounded=True)
        else:
            inputs = contents(name, int(seed), int(count))
            account = fuzz(Path(place), name, inputs, bounded=True)
        print(json.dumps([name, asdict(account)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
