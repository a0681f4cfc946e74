"""Profiles, the named sets of runs in `configs/*.yaml`, and presets. A profile lists runs as
differences from defaults."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from dcrw.model.config import SHORT, ConfigError, Section, explain
from dcrw.training.config import EvaluationConfig, RunConfig, make_config
from dcrw.training.files import read_yaml

LINEAGE_2016: dict[str, dict[str, Any]] = {
    "model": {
        "noise_correlation": 1.0,
        "indexing": "mixed",
        "filter_exponent": "squared-ratio",
        "filter_normaliser": "clamped-sum",
        "forget_bias": 1.0,
    },
    "training": {"clip_scope": "tensor", "iterations": 10_000, "batch_size": 100},
}
# lineage2016: what the best-known public DRAW code of 2016 did, as far as it is known.
# tensorflow2016: the same, and what came with the tools of that year: TensorFlow's first weights,
# its MNIST tutorial's convolutions, Python 2's division.
# fast-start: leaves the plateau of the mean image sooner; the book has a figure of both.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "lineage2016": LINEAGE_2016,
    "tensorflow2016": {
        "model": LINEAGE_2016["model"]
        | {
            "initialiser": "unit-scaling",
            "convolution_initialiser": "truncated-normal",
            "indexing": "mixed-integer",
        },
        "training": LINEAGE_2016["training"],
    },
    "fast-start": {
        "model": {"initial_canvas": -2.0, "initial_log_stride": -1.0},
    },
}

WATCHED_SNAPSHOTS = 12
LatentReduction = Literal["sum", "mean-dimensions", "mean-steps", "mean"]


Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]


class Layer(Section):
    """Settings as differences from those below them: what all runs share, or one run's own."""

    model: dict[str, Any] = Field({}, description="of `ModelConfig`")
    data: dict[str, Any] = Field({}, description="of `DataConfig`")
    training: dict[str, Any] = Field({}, description="of `TrainingConfig`")

    def settings(self) -> dict[str, dict[str, Any]]:
        """The differences, by section."""
        return {"model": self.model, "data": self.data, "training": self.training}


class Planned(Layer):
    """One run of a profile."""

    preset: str | None = Field(None, description="of `PRESETS`, between defaults and differences")


class Profile(Section):
    """A named set of runs: what `make replicate` or `make paper` trains and evaluates."""

    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    committed: bool = Field(
        False,
        description="trained results are evidence under version control: never retrain silently",
    )
    seeds: list[Seed] = Field([], description="each run is trained with every one")
    stages: dict[str, dict[str, list[Seed]]] = Field(
        {}, description="instead of seeds, in order: which runs with which seeds"
    )
    defaults: Layer = Field(Layer(), description="what all runs share")
    runs: dict[str, Planned] = Field(min_length=1)
    evaluation: EvaluationConfig = EvaluationConfig()
    own_images: str = Field(
        "", description="where images of one's own lie, relative to the project"
    )
    snapshots: int = Field(
        0, ge=0, le=1000, description="of every run, as the training notebook's parameter"
    )
    watched: dict[str, Seed] = Field(
        {}, description="runs, by label and seed, of which twelve snapshots are kept"
    )
    final_iterations: int = Field(
        1000, ge=1, description="training iterations at the end whose means stand in Table I"
    )
    latent_reduction: LatentReduction = Field(
        "sum",
        description="how Table I reports L_z: divergences summed over steps and latents, or their "
        "mean over latents (mean-dimensions), steps (mean-steps) or both (mean); training is by "
        "the sum",
    )

    @model_validator(mode="after")
    def _planned(self) -> Self:
        if bool(self.seeds) == bool(self.stages):
            raise ValueError("seeds, stages: expected one of the two")
        pairs = [
            (label, seed)
            for stage in self._plan().values()
            for label, seeds in stage.items()
            for seed in seeds
        ]
        for (label, seed), times in Counter(pairs).items():
            if label not in self.runs:
                raise ValueError(f"stages: {label} is not among the runs")
            if times > 1:
                raise ValueError(f"seeds of {label} = {seed}: expected each once")
        for pair in self.watched.items():
            if pair not in pairs:
                raise ValueError(f"watched: {pair[0]} with seed {pair[1]} is not among the runs")
        for label in self.runs.keys() - {label for label, _ in pairs}:
            raise ValueError(f"stages: {label} has no seeds in any stage")
        return self

    def snapshots_of(self, config: RunConfig) -> int:
        """How many snapshots are kept of a run."""
        watched = self.watched.get(config.name) == config.training.seed
        return WATCHED_SNAPSHOTS if watched else self.snapshots

    def configs(self) -> list[RunConfig]:
        """Resolved runs, stage by stage in the file's order."""
        return [config for stage in self.stage_configs().values() for config in stage]

    def stage_configs(self) -> dict[str, list[RunConfig]]:
        """Resolved runs of each stage; without stages, all under the name `all`."""
        return {
            stage: [self._resolve(label, seed) for label, seeds in runs.items() for seed in seeds]
            for stage, runs in self._plan().items()
        }

    def _plan(self) -> dict[str, dict[str, list[int]]]:
        return self.stages or {"all": dict.fromkeys(self.runs, self.seeds)}

    def _resolve(self, label: str, seed: int) -> RunConfig:
        own = self.runs[label]
        if "seed" in self.defaults.training or "seed" in own.training:
            raise ConfigError(f"runs.{label}: name and seed come from the label and from seeds")
        if own.preset is not None and own.preset not in PRESETS:
            raise ConfigError(
                f"runs.{label[:120]}.preset = {SHORT.repr(own.preset)}: expected one of "
                f"{', '.join(PRESETS)}"
            )
        layers = [
            self.defaults.settings(),
            PRESETS[own.preset] if own.preset else {},
            own.settings(),
            {"training": {"seed": seed}},
        ]
        try:
            return make_config({"name": label} | merge(*layers))
        except ConfigError as error:
            raise ConfigError(f"runs.{label[:120]}: {error}") from None


def load_profile(path: Path) -> Profile:
    """Read a profile file. Raises `ConfigError`, which names it, also for any of its runs."""
    found = read_yaml(path)
    try:
        profile = Profile.model_validate(found)
        if profile.profile != path.stem:
            raise ConfigError(f"profile = {SHORT.repr(profile.profile)}: expected {path.stem!r}")
        profile.configs()
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return profile


def load_profiles(folder: Path) -> tuple[dict[str, Profile], dict[str, str]]:
    """The profiles of a folder by name, and what is wrong with each that cannot be read."""
    profiles, faults = {}, {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            profiles[path.stem] = load_profile(path)
        except ConfigError as error:
            faults[path.stem] = str(error)
    return profiles, faults


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; later ones win."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged
