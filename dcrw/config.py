"""Every hyper-parameter, with its unit, range and source in the paper.

A run is described by one `RunConfig`. An unknown key or a value out of range is a `ConfigError`
that names the parameter, the value and what was expected. A profile file (`configs/*.yaml`) lists
runs as differences from defaults.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Correlation = Annotated[float, Field(ge=0, le=1)]
WindowParameters = Literal["five", "four"]
Architecture = Literal[
    "dcrw", "dcrw-write-only", "draw", "conv-vae", "dcrw-whole-image", "dcrw-stepwise"
]
Indexing = Literal["one-based", "mixed", "mixed-integer"]
FilterNormaliser = Literal["softmax", "clamped-sum"]
FilterExponent = Literal["gaussian", "squared-ratio"]
Initialiser = Literal["xavier", "unit-scaling"]
ConvolutionInitialiser = Literal["as-others", "truncated-normal"]


HIDDEN_JOINS_CNN = ("dcrw", "dcrw-whole-image")  # architectures whose CNN is followed by h_dec


class ConfigError(ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _no_switches_for_numbers(cls, data: Any) -> Any:
        """True is 1 to Python, and `iterations: yes` is True to YAML."""
        for name, value in data.items() if isinstance(data, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation in (int, float):
                raise ValueError(f"{name} = {value!r}: expected a number")
        return data


class ModelConfig(_Section):
    """What is trained. Numbers in brackets are rows of the book's table of decisions."""

    architecture: Architecture = Field(
        "dcrw",
        description="dcrw: attention in read and write (Sec. III-B); dcrw-write-only: the CNN "
        "sees the whole image "
        "once (III-C); draw: LSTM encoder; conv-vae: convolutional and feed-forward writer (Fig. "
        "2 left); between the variants, dcrw-whole-image: dcrw without a read window, and "
        "dcrw-stepwise: dcrw-write-only with posterior heads for each step",
    )
    image_size: int = Field(
        28,
        ge=8,
        le=128,
        description="side of the square image in pixels, both A and B of Eq. 16-18",
    )
    steps: int = Field(10, ge=1, le=128, description="T, drawing steps [9]")
    latent_size: int = Field(10, ge=1, le=1024, description="dimensions of z_t at each step [9]")
    hidden_size: int = Field(256, ge=1, le=4096, description="LSTM hidden units (Table I)")
    read_size: int = Field(
        7, ge=2, le=128, description="N of the read window, filters an axis (Table I) [3]"
    )
    write_size: int = Field(
        5, ge=2, le=128, description="N of the write window, filters an axis (Table I) [3]"
    )
    noise_correlation: Correlation = Field(
        0.0,
        description="correlation of the noise between steps: 0 draws afresh (Eq. 10, 30), 1 "
        "reuses one draw [1]",
    )
    generation_noise_correlation: Correlation = Field(
        0.0, description="the same for z_1..z_T when generating from the prior [1]"
    )
    window_parameters: WindowParameters = Field(
        "five",
        description="five: variance and intensity apart, as in DRAW; four: gamma is both (Eq. "
        "15) [2]",
    )
    indexing: Indexing = Field(
        "one-based",
        description="one-based: as Eq. 13-17; mixed: 0-based indices put into those formulas; "
        "mixed-integer: these with whole-number division, as Python 2 divides [3]",
    )
    filter_normaliser: FilterNormaliser = Field(
        "softmax", description="Z in Eq. 19-20: exact softmax over pixels, or max(sum, 1e-8) [4]"
    )
    filter_exponent: FilterExponent = Field(
        "gaussian",
        description="gaussian: Eq. 19-20; squared-ratio: the square of (a - mu) over 2 sigma^2, "
        "as public code of 2016",
    )
    window_heads: Literal["separate", "shared"] = Field(
        "separate",
        description="linear maps from h_dec to the read and the write window: two, or one for "
        "both [6]",
    )
    pooling: Literal["keep-border", "drop-border"] = Field(
        "keep-border", description="2 x 2 max pooling of odd sizes: 7 -> 4 -> 2, or 7 -> 3 -> 1 [8]"
    )
    encoder_dense: int = Field(
        0,
        ge=0,
        le=4096,
        description="units of one ReLU layer between the CNN and the posterior's heads, 0 for "
        "none [22]",
    )
    hidden_to_encoder: Literal["joined", "absent"] = Field(
        "joined",
        description="h_dec in the CNN encoder: joined to its features (Eq. 9), or left out [7]",
    )
    posterior_heads: Literal["separate", "tied"] = Field(
        "separate",
        description="mean and log sigma: two linear maps, or one W for both as Eq. 5-6 print [15]",
    )
    initial_state: Literal["zeros", "learned"] = Field(
        "zeros", description="canvas, h_dec and LSTM cell before the first step [12]"
    )
    initial_canvas: float = Field(
        0.0,
        ge=-20,
        le=20,
        description="every pixel of the canvas before the first step, a logit; where the state is "
        "learned, its starting value [12]",
    )
    initial_log_stride: float = Field(
        0.0,
        ge=-5,
        le=2,
        description="initial bias of every window's log delta: 0 starts with windows as wide as "
        "the image",
    )
    forget_bias: float = Field(
        0.0, ge=-10, le=10, description="initial bias of the LSTM's forget gate"
    )
    initialiser: Initialiser = Field(
        "xavier",
        description="first weights: Xavier uniform, or unit-scaling, U(+-sqrt(3 / inputs)) [19]",
    )
    convolution_initialiser: ConvolutionInitialiser = Field(
        "as-others",
        description="first weights of convolutions: as all others, or truncated-normal, deviation "
        "0.1 cut at two, and biases of 0.1 [19]",
    )
    reconstruction: Literal["bernoulli", "gaussian"] = Field(
        "bernoulli",
        description="D(x | c_T): Bernoulli on grey values (Sec. IV), or Gaussian (Sec. III-B) [10]",
    )
    gaussian_variance: float = Field(
        1.0, gt=0, le=100, description="variance of D where it is Gaussian [10]"
    )
    latent_constant: Literal["exact", "as-printed"] = Field(
        "exact",
        description="constant of L_z in Eq. 27: -1/2 for each dimension and step, or -T/2 in all "
        "[11]",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("read_size", "write_size"):
            size = getattr(self, name)
            if size > self.image_size:
                raise ValueError(
                    f"model.{name} = {size}: expected at most image_size = {self.image_size}"
                )
        seen = self.read_size if self.architecture == "dcrw" else self.image_size
        if self.architecture != "draw" and self.pooling == "drop-border" and seen < 4:
            raise ValueError(
                f"model.read_size = {seen}: expected at least 4 where pooling = drop-border, "
                "two poolings leave nothing of less"
            )
        if self.encoder_dense and self.architecture == "draw":
            raise ValueError(
                f"model.encoder_dense = {self.encoder_dense}: expected 0, draw has no CNN"
            )
        if self.hidden_to_encoder == "absent" and self.architecture not in HIDDEN_JOINS_CNN:
            raise ValueError(
                f"model.hidden_to_encoder = 'absent': expected 'joined', no CNN of "
                f"{self.architecture} is given h_dec"
            )
        if self.architecture == "conv-vae" and self.steps != 1:
            raise ValueError(
                f"model.steps = {self.steps}: expected 1, the conv-vae is not recurrent"
            )
        return self


class DataConfig(_Section):
    """Which images. Where they lie is not part of a run's identity."""

    dataset: Literal["mnist", "digits"] = Field(
        "mnist",
        description="mnist: 28 x 28 MNIST; digits: scikit-learn's 8 x 8 digits, enlarged "
        "(embedded)",
    )


class TrainingConfig(_Section):
    """How it is trained. The paper names stochastic gradient descent and nothing else [9]."""

    seed: int = Field(0, ge=0, lt=2**31, description="seed of weights, data order and noise")
    iterations: int = Field(10_000, ge=1, le=10_000_000, description="parameter updates")
    batch_size: int = Field(100, ge=1, le=100_000, description="images an iteration")
    optimizer: Literal["adam", "sgd"] = Field(
        "adam", description="Adam, or plain stochastic gradient descent [9]"
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="step size")
    beta1: float = Field(
        0.5, ge=0, lt=1, description="Adam's first-moment decay; momentum where optimizer is sgd"
    )
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's second-moment decay")
    clip_scope: Literal["head", "tensor", "global", "none"] = Field(
        "head",
        description="what one gradient norm is taken over: a logical head, a tensor, everything "
        "[9]",
    )
    clip_norm: float = Field(
        5.0, gt=0, le=1e9, description="gradient norm above which gradients are scaled down"
    )
    metrics_interval: int = Field(
        50, ge=1, description="iterations averaged in one row of metrics.csv"
    )
    checkpoint_interval: int = Field(1000, ge=1, description="iterations between checkpoints")


class RunConfig(_Section):
    """One training run, complete."""

    name: str = Field(
        "run",
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="label of the run's cell, without the seed",
    )
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()

    @property
    def digest(self) -> str:
        """First 8 hex digits of the SHA-256 over all settings that differ from the defaults, name
        excluded.

        A field added later with its default therefore leaves the names of existing runs alone.
        """
        settings = self.model_dump(exclude_defaults=True, exclude={"name"})
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def folder_name(self) -> str:
        """``<name>-s<seed>-<digest>``, the run's folder under `results/<profile>/runs`."""
        return f"{self.name}-s{self.training.seed}-{self.digest}"

    def with_seed(self, seed: int) -> "RunConfig":
        """The same but for its seed."""
        return self.model_copy(update={"training": self.training.model_copy(update={"seed": seed})})

    def parameters(self) -> dict[str, Any]:
        """All settings as one flat mapping, the parameters of the training notebook."""
        return {"name": self.name} | {
            key: value
            for section in SECTIONS
            for key, value in getattr(self, section).model_dump().items()
        }

    def to_yaml(self) -> str:
        """The resolved configuration, every field written out."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


class Runtime(_Section):
    """Where a notebook runs and what it writes to; no part of a run's identity."""

    results: str = Field("results/custom", description="folder of results, relative to the project")
    data_root: str = Field(
        "", description="folder of MNIST/raw; empty: the variable DCRW_DATA, else data"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto takes a GPU where there is one"
    )
    threads: int = Field(0, ge=0, le=1024, description="CPU threads, 0 for torch's default")
    progress: bool = Field(True, description="show a progress bar")


class Keeping(_Section):
    """What training keeps besides a run's result; no part of a run's identity."""

    snapshots: int = Field(
        0,
        ge=0,
        le=1000,
        description="iterations, evenly spaced in their logarithm, after which 16 test digits and "
        "16 samples are drawn and kept",
    )
    keep_state: bool = Field(
        False, description="keep the last checkpoint, from which a longer run can go on"
    )
    continues: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9-]*)?$",
        description="label of a finished run, else alike but shorter, whose last checkpoint was "
        "kept: go on from there",
    )


SECTIONS: dict[str, type[_Section]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "training": TrainingConfig,
}

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


def make_config(settings: Mapping[str, Any]) -> RunConfig:
    """Validate nested settings `{name, model: {...}, data: {...}, training: {...}}`.

    Raises `ConfigError` for an unknown key or an impossible value.
    """
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def config_from_parameters(parameters: Mapping[str, Any]) -> RunConfig:
    """Validate the flat parameters of the training notebook; the inverse of `RunConfig.parameters`.

    Raises `ConfigError` for an unknown name or an impossible value.
    """
    settings: dict[str, Any] = {section: {} for section in SECTIONS}
    for key, value in parameters.items():
        if key == "name":
            settings["name"] = value
            continue
        section = next((name for name, kind in SECTIONS.items() if key in kind.model_fields), None)
        if section is None:
            names = ", ".join(parameter_names())
            raise ConfigError(f"{key} = {value!r}: unknown parameter; expected one of {names}")
        settings[section][key] = value
    return make_config(settings)


def split_parameters(
    parameters: Mapping[str, Any], known: type[_Section]
) -> tuple[Any, dict[str, Any]]:
    """Take a section's fields out of flat parameters: the validated section, and what is left.

    Raises `ConfigError` for an impossible value.
    """
    own = {key: value for key, value in parameters.items() if key in known.model_fields}
    try:
        section = known.model_validate(own)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    return section, {key: value for key, value in parameters.items() if key not in own}


def require_none_left(parameters: Mapping[str, Any], *known: type[_Section]) -> None:
    """Raises `ConfigError` where a parameter belongs to none of the sections."""
    names = ", ".join(key for section in known for key in section.model_fields)
    for key, value in parameters.items():
        raise ConfigError(f"{key} = {value!r}: unknown parameter; expected one of {names}")


def parameter_names() -> list[str]:
    """Names of all settings, flat."""
    return ["name"] + [key for kind in SECTIONS.values() for key in kind.model_fields]


def load_config(path: Path) -> RunConfig:
    """Read a run's `config.yaml`."""
    return make_config(_read_yaml(path))


class EvaluationConfig(_Section):
    """What is measured on a finished run."""

    batch_size: int = Field(500, ge=1, le=100_000, description="images a forward pass")
    seed: int = Field(
        1234, ge=0, lt=2**31, description="seed of the evaluation noise and of generated samples"
    )
    noise_draws: int = Field(
        1, ge=1, le=1000, description="noise draws an image when a split's losses are estimated"
    )
    digits: int = Field(
        32,
        ge=4,
        le=1000,
        multiple_of=4,
        description="test digits reconstructed, and samples generated, step by step",
    )


WATCHED_SNAPSHOTS = 12


class Profile(_Section):
    """A named set of runs: what `make replicate` or `make paper` trains and evaluates."""

    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    committed: bool = Field(
        False,
        description="trained results are evidence under version control: never retrain silently",
    )
    seeds: list[int] = Field([], description="each run is trained with every one")
    stages: dict[str, dict[str, list[int]]] = Field(
        {}, description="instead of seeds, in order: which runs with which seeds"
    )
    defaults: dict[str, Any] = {}
    runs: dict[str, dict[str, Any]]
    evaluation: EvaluationConfig = EvaluationConfig()
    snapshots: int = Field(
        0, ge=0, le=1000, description="of every run, as the training notebook's parameter"
    )
    watched: dict[str, int] = Field(
        {}, description="runs, by label and seed, of which twelve snapshots are kept"
    )
    final_iterations: int = Field(
        1000, ge=1, description="training iterations at the end whose means stand in Table I"
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
        for label, seed in pairs:
            if label not in self.runs:
                raise ValueError(f"stages: {label} is not among the runs")
            if pairs.count((label, seed)) > 1:
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
        settings = dict(self.runs[label])
        for layer in (self.defaults, settings):
            if "name" in layer or "seed" in layer.get("training", {}):
                raise ConfigError(f"runs.{label}: name and seed come from the label and from seeds")
        preset = settings.pop("preset", None)
        if preset is not None and preset not in PRESETS:
            raise ConfigError(
                f"runs.{label}.preset = {preset!r}: expected one of {', '.join(PRESETS)}"
            )
        layers = [
            self.defaults,
            PRESETS[preset] if preset else {},
            settings,
            {"training": {"seed": seed}},
        ]
        return make_config({"name": label} | merge(*layers))


def load_profile(path: Path) -> Profile:
    """Read a profile file. Raises `ConfigError`, also for any of its runs."""
    try:
        profile = Profile.model_validate(_read_yaml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from None
    if profile.profile != path.stem:
        raise ConfigError(f"{path}: profile = {profile.profile!r}: expected {path.stem!r}")
    profile.configs()
    return profile


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; later ones win."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        if not problem["loc"] or problem["type"] == "value_error":
            lines.append(problem["msg"].removeprefix("Value error, "))
            continue
        place = ".".join(str(part) for part in problem["loc"])
        reason = "unknown parameter" if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(f"{place} = {problem['input']!r}: {reason}")
    return "; ".join(lines)
