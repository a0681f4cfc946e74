"""The plan of `make gpu` as data: what is to be measured on a GPU, and the minutes it may take."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from benchmarks import report
from benchmarks.flops import iteration_flops
from dcrw.model.config import ConfigError, Section, explain
from dcrw.training.config import RunConfig
from dcrw.training.files import RunError, read_yaml
from dcrw.training.profiles import Profile, load_profile
from dcrw.training.run import run_for
from workflow.cell import EVALUATION

FOLDER = "results/gpu"
BENCHMARKS = f"{FOLDER}/benchmarks"
ASSUMPTIONS = "workflow/gpu.yaml"
COUNTED = "results/benchmarks"  # where operations have been counted
PYTHON = (sys.executable, "-m")


class Training(Section):
    """What the minutes of a training are estimated from."""

    start_seconds: float = Field(ge=0)
    operation_microseconds: float = Field(gt=0)
    further_operations: dict[str, float]
    gflop_per_second: float = Field(gt=0)
    host_microseconds: float = Field(ge=0)
    host_nanoseconds: float = Field(ge=0)
    evaluation_seconds: float = Field(ge=0)


class Assumptions(Section):
    """The content of `workflow/gpu.yaml`."""

    limit_minutes: float = Field(gt=0)
    measuring_minutes: dict[str, float]
    training: Training


class Item(NamedTuple):
    """One piece of work."""

    name: str
    words: str
    command: tuple[str, ...]
    outputs: tuple[str, ...]  # relative to the project; all are there once it is done
    minutes: float  # estimated
    resumes: bool  # whether it goes on where it was stopped


def assumptions(root: Path) -> Assumptions:
    """Raises `ConfigError` where the file is not as expected."""
    try:
        return Assumptions.model_validate(read_yaml(root / ASSUMPTIONS))
    except ValidationError as error:
        raise ConfigError(f"{root / ASSUMPTIONS}: {explain(error)}") from None


def plan(root: Path, assumed: Assumptions) -> list[Item]:
    """All items in order of worth: tests, measurements, then the profile `gpu` stage by stage."""
    minutes = assumed.measuring_minutes
    bench = (*PYTHON, "benchmarks.bench", "--device", "cuda", "--results", BENCHMARKS)
    kernels = (*PYTHON, "benchmarks.kernels", "--results", BENCHMARKS)
    tests = (*PYTHON, "pytest", "-m", "cuda", "-p", "no:cacheprovider", "tests")
    found = [
        ("tests", "the tests that need a GPU", tests, ()),
        (
            "benchmark",
            "speed and memory against the textbook",
            (*bench, "--part", "speed"),
            ("machine.json",),
        ),
        (
            "kernels",
            "kernels of an iteration, and the gaps between them",
            kernels,
            ("kernels.json",),
        ),
        (
            "seeds",
            "8 seeds side by side against one",
            (*bench, "--part", "options"),
            ("options.json",),
        ),
    ]
    measured = [
        Item(name, words, command, _below(outputs), minutes[name], resumes=False)
        for name, words, command, outputs in found
    ]
    profile = load_profile(root / "configs/gpu.yaml")
    operations = _operations(root)
    return measured + [
        _training(profile, stage, configs, assumed.training, operations)
        for stage, runs in profile.stage_configs().items()
        for configs in _cells(runs)
    ]


def _below(names: Sequence[str]) -> tuple[str, ...]:
    """Files that the benchmark leaves last of all."""
    return tuple(f"{BENCHMARKS}/cuda/{name}" for name in names)


def _cells(runs: Sequence[RunConfig]) -> list[list[RunConfig]]:
    cells: dict[str, list[RunConfig]] = {}
    for config in runs:
        cells.setdefault(config.name, []).append(config)
    return list(cells.values())


def _training(
    profile: Profile,
    stage: str,
    configs: list[RunConfig],
    assumed: Training,
    operations: Mapping[str, float],
) -> Item:
    first, count = configs[0], len(configs)
    folders = [run_for(config, Path("results") / profile.profile).folder for config in configs]
    seeds = "seed" if count == 1 else "seeds side by side"
    return Item(
        f"{stage}-{first.name}",
        f"{first.name}: {count} {seeds}, {first.training.iterations:,} iterations, "
        f"T = {first.model.steps}",
        (*PYTHON, "workflow.cell", profile.profile, stage, first.name),
        tuple(str(f / name) for f in folders for name in ("provenance.json", EVALUATION)),
        training_minutes(first, count, assumed, operations),
        True,
    )


def training_minutes(
    config: RunConfig, seeds: int, assumed: Training, operations: Mapping[str, float]
) -> float:
    """Estimated minutes to train and evaluate so many seeds of a run side by side.

    operations: launched in a step of each architecture. An iteration takes as long as device or
    CPU, whichever is slower, since neither waits for the other.
    """
    model, settings = config.model, config.training
    launched = operations[model.architecture] * model.steps
    device = launched * (1 + (seeds - 1) * assumed.further_operations[model.architecture])
    device *= assumed.operation_microseconds * 1e-6
    gflop = seeds * iteration_flops(model, settings.batch_size) / 1e9
    device += gflop / assumed.gflop_per_second
    numbers = model.steps * settings.batch_size * model.latent_size
    host = seeds * (assumed.host_microseconds * 1e-6 + numbers * assumed.host_nanoseconds * 1e-9)
    evaluation = seeds * assumed.evaluation_seconds * model.steps / 10
    return (assumed.start_seconds + settings.iterations * max(device, host) + evaluation) / 60


def _operations(root: Path) -> dict[str, float]:
    """Operations launched in a step, by architecture: counted, since that needs no GPU. Raises
    `RunError` where they have not been."""
    for entry in report.load(root / COUNTED):
        if entry.launches is not None:
            table = entry.launches[entry.launches.option == "default"]
            return dict(zip(table.model, table.operations / table.steps, strict=True))
    raise RunError(f"{root / COUNTED}: expected launches.csv below it; make bench writes it")
