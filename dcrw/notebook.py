"""What the notebooks' first cells share: papermill's parameters, validated before any work."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler
from pydantic import Field

from dcrw.model.config import ConfigError, Section
from dcrw.training.config import (
    DataConfig,
    EvaluationConfig,
    Keeping,
    RunConfig,
    Runtime,
    config_from_parameters,
    require_none_left,
    split_parameters,
)
from dcrw.training.data import Dataset, data_root, load
from dcrw.training.files import project_root

HIDDEN = ("In", "Out", "exit", "quit")  # what IPython puts among the globals


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
    """The parameters among a notebook's globals: public names that hold plain literals.

    Their names are kept in the namespace, so that the cell can be run again after later ones.
    """
    literal = (str, int, float, bool, list, tuple, dict, type(None))
    if "_parameters" not in namespace:
        namespace["_parameters"] = [
            name
            for name, value in namespace.items()
            if type(value) in literal and not name.startswith("_") and name not in HIDDEN
        ]
    return {name: namespace[name] for name in namespace["_parameters"]}


def sections(namespace: MutableMapping[str, Any], *kinds: type[Section]) -> list[Any]:
    """The parameters as validated sections, one of each kind. Raises `ConfigError` for an
    impossible value, and for a parameter that belongs to none."""
    left, found = parameters(namespace), []
    for kind in kinds:
        section, left = split_parameters(left, kind)
        found.append(section)
    require_none_left(left, *kinds)
    return found


def training(namespace: MutableMapping[str, Any]) -> tuple[list[RunConfig], Keeping, Runtime]:
    """Parameters of the training notebook: the run they describe, then those with further seeds;
    what is kept besides; where it runs.

    Raises `ConfigError`, also for a seed that is named twice.
    """
    together, left = split_parameters(parameters(namespace), Together)
    keeping, left = split_parameters(left, Keeping)
    runtime, left = split_parameters(left, Runtime)
    config = config_from_parameters(left)
    further = [int(seed) for seed in together.further_seeds.split()]
    seeds = [config.training.seed, *further]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"further_seeds = {together.further_seeds!r}: expected seeds that differ from each "
            f"other and from seed = {config.training.seed}"
        )
    return [config.with_seed(seed) for seed in seeds], keeping, runtime


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


def load_data(config: DataConfig, runtime: Runtime) -> Dataset:
    """The images that a run names. Raises `DataError`."""
    return load(config.dataset, data_root(runtime.data_root, project_root()))
