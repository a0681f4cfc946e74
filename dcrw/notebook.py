"""What the notebooks' first cells share: papermill's parameters, validated before any work."""

import ast
import os
import signal
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler
from pydantic import Field

from dcrw.model.config import SHORT, ConfigError, Section
from dcrw.training.binarisation import binarised
from dcrw.training.config import (
    DataConfig,
    EvaluationConfig,
    Keeping,
    RunConfig,
    Runtime,
    TrainingRuntime,
    config_from_parameters,
    require_none_left,
    split_parameters,
)
from dcrw.training.data import OWN, Dataset, data_root, in_project
from dcrw.training.datasets.table import load
from dcrw.training.files import project_root
from dcrw.training.run import Run

LITERALS = (str, int, float, bool, list, tuple, dict, type(None))
NO_PARAMETERS = (  # what IPython and `papermill --inject-paths` put among the globals
    "In", "Out", "exit", "quit", "PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH",
)  # fmt: skip


class Together(Section):
    """Which runs are trained side by side with the one that the other parameters describe."""

    further_seeds: str = Field(
        "",
        coerce_numbers_to_str=True,  # papermill takes a single seed for a number
        pattern=r"^(\d{1,9}( \d{1,9})*)?$",
        description="seeds of runs trained side by side with it, else alike, each into its own "
        "folder: 1 2 3",
    )


class EvaluationTarget(Section):
    """Which run the evaluation notebook looks at."""

    run: str = Field(description="folder of a complete run, relative to the project")


class Presentation(Section):
    """Which results a presentation notebook shows."""

    profile: str = Field(
        "paper", pattern=r"^[a-z0-9][a-z0-9-]*$", description="folder below results"
    )


def parameters(namespace: MutableMapping[str, Any]) -> dict[str, Any]:
    """The parameters among a notebook's globals: what the cells before this one assign, plain
    literals alone. Where a namespace has no history of cells, all public names are looked at.

    NumPy's numbers and paths are converted. Their names are kept in the namespace, so that the cell
    can be run again after later ones. Raises `ConfigError` for a value of another type.
    """
    if "_parameters" not in namespace:
        namespace["_parameters"] = _parameter_names(namespace)
    return {name: _literal(name, namespace[name]) for name in namespace["_parameters"]}


def _parameter_names(namespace: MutableMapping[str, Any]) -> list[str]:
    *earlier, _ = namespace.get("In") or [""]
    names = dict.fromkeys(name for cell in earlier for name in _assigned(cell))
    if not any(earlier):
        names = dict.fromkeys(key for key, value in namespace.items() if type(value) in LITERALS)
    return [name for name in names if not name.startswith("_") and name not in NO_PARAMETERS]


def _assigned(cell: str) -> Iterator[str]:
    """Names that a cell assigns; none where it is not plain Python."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return
    for statement in statements:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _literal(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return str(value)
    if type(value) not in LITERALS:
        raise ConfigError(
            f"{name} = {SHORT.repr(value)}: a {type(value).__name__}; expected a plain number, "
            "text, list or dictionary"
        )
    return value


def sections(namespace: MutableMapping[str, Any], *kinds: type[Section]) -> list[Any]:
    """The parameters as validated sections, one of each kind. Raises `ConfigError` for an
    impossible value, and for a parameter that belongs to none."""
    left, found = parameters(namespace), []
    for kind in kinds:
        section, left = split_parameters(left, kind)
        found.append(section)
    require_none_left(left, *kinds)
    return found


def training(
    namespace: MutableMapping[str, Any],
) -> tuple[list[RunConfig], Keeping, TrainingRuntime]:
    """Parameters of the training notebook: the run they describe, then those with further seeds;
    what is kept besides; where it runs.

    Raises `ConfigError`, also for a seed that is named twice.
    """
    together, left = split_parameters(parameters(namespace), Together)
    keeping, left = split_parameters(left, Keeping)
    runtime, left = split_parameters(left, TrainingRuntime)
    config = config_from_parameters(left)
    further = [int(seed) for seed in together.further_seeds.split()]
    seeds = [config.training.seed, *further]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"further_seeds = {together.further_seeds!r}: expected seeds that differ from each "
            f"other and from seed = {config.training.seed}"
        )
    return [config.with_seed(seed) for seed in seeds], keeping, runtime


@contextmanager
def ending_with_parent() -> Iterator[None]:
    """Within it, a kernel whose parent is gone (papermill, ended by a signal) gets SIGTERM in its
    turn, and the time to act on it: training writes a checkpoint.

    Otherwise IPython's kernel ends itself at once, within a second. Elsewhere than in a kernel
    nothing is done.
    """
    poller = sys.modules.get("ipykernel.parentpoller")
    if poller is None:
        yield
        return
    parent, done, system = os.getppid(), threading.Event(), poller.os
    poller.os = SimpleNamespace(getppid=lambda: parent, _exit=os._exit)  # type: ignore[attr-defined]

    def watch() -> None:
        while not done.wait(0.2):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        poller.os = system  # type: ignore[attr-defined]


def data_set(namespace: MutableMapping[str, Any]) -> tuple[DataConfig, Runtime]:
    """Parameters of the data notebook. Raises `ConfigError`."""
    config, runtime = sections(namespace, DataConfig, Runtime)
    return config, runtime


def evaluation(namespace: MutableMapping[str, Any]) -> tuple[str, EvaluationConfig, Runtime]:
    """Parameters of the evaluation notebook: the run's folder, settings. Raises `ConfigError`."""
    target, settings, runtime = sections(namespace, EvaluationTarget, EvaluationConfig, Runtime)
    return target.run, settings, runtime


def presentation(namespace: MutableMapping[str, Any]) -> Path:
    """Parameters of a presentation notebook: the folder of results that it shows. Raises
    `ConfigError`."""
    (chosen,) = sections(namespace, Presentation)
    return project_root() / "results" / chosen.profile


def shown(table: pd.DataFrame, precision: int = 2, wrap: bool = False) -> Styler:
    """A table as a reader sees it: no index, no empty column, and lines broken within a cell only
    if asked to."""
    filled = table.loc[:, (table.notna() & (table != "")).any()]
    styled = filled.style.format(precision=precision, na_rep="").hide()
    if not wrap:
        props = "white-space: nowrap; font-size: 0.82em; padding: 0.3em 0.5em"
        styled = styled.set_table_styles([{"selector": "td, th", "props": props}])
    return styled.set_table_attributes(f'class="dataframe{" words" if wrap else ""}"')


def load_data(
    config: DataConfig, runtime: Runtime, image_size: int = 28, project: Path | None = None
) -> Dataset:
    """The images that a configuration names, grey; those of one's own as squares of `image_size`
    pixels. project: what folders are relative to, by default the one around the current folder.
    Raises `DataError`."""
    root, own = project or project_root(), runtime.own_images
    images = in_project(own, root) if own else None
    found = load(
        config.dataset,
        data_root(runtime.data_root, root),
        images,
        image_size,
        config.rule,
        config.division,
        runtime.progress,
    )
    return replace(found, source=own)


def with_own_images(
    configs: list[RunConfig], runtime: Runtime
) -> tuple[list[RunConfig], Dataset | None]:
    """Runs on images of one's own get their digest, which is part of a run's identity; the images
    are then at hand. Other runs, and those that name a digest, are as they were. Raises
    `DataError`."""
    first = configs[0]
    if first.data.dataset != OWN or first.data.own_sha256:
        return configs, None
    images = load_data(first.data, runtime, first.model.image_size)
    return [config.with_data(images) for config in configs], images


def load_run_data(run: Run, runtime: Runtime, project: Path | None = None) -> Dataset:
    """The images that a complete run was trained on, binarised as its evaluation takes them.

    Images of one's own are looked for where they lay then, unless `own_images` says otherwise.
    Raises `DataError` where they are not there, or are others.
    """
    config, recorded = run.config, run.provenance.get("data", {}).get("source", "")
    runtime = runtime.model_copy(update={"own_images": runtime.own_images or recorded})
    images = load_data(config.data, runtime, config.model.image_size, project)
    run.require_data(images)
    return binarised(images, config.data.binarisation)
