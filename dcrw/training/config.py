"""What describes a run besides the model: data, training, and where it runs. A run is one
`RunConfig`, flat as a notebook's parameters or nested as `config.yaml`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from dcrw.model.config import SHORT, ConfigError, ModelConfig, Section, explain
from dcrw.training.binarisation import WORDS, Binarisation
from dcrw.training.data import OWN, DataError, Dataset, Division
from dcrw.training.datasets.pictures import Fit, Grey, Rule
from dcrw.training.datasets.table import DATASETS
from dcrw.training.files import digest_of, read_yaml


class DataConfig(Section):
    """Which images. Where they lie is not part of a run's identity."""

    dataset: str = Field(
        "mnist",
        description="mnist: 28 x 28 MNIST; digits: scikit-learn's 8 x 8 digits, enlarged "
        "(embedded); own: your images; or another name of the book's table of data sets",
    )
    binarisation: Binarisation = Field(
        "none",
        description="none: grey values as they are; threshold: white from 128; sampled: white with "
        "the grey value's probability, drawn once; dynamic: drawn at every iteration [23]",
    )
    own_fit: Fit = Field(
        "pad",
        description="how pictures of your own become square: pad with ground, crop the middle, or "
        "stretch",
    )
    own_invert: bool = Field(
        False, description="exchange light and dark: for dark ink on light ground"
    )
    own_grey: Grey = Field(
        "luminance", description="what is taken of pictures of your own: luminance or opacity"
    )
    own_validation: float = Field(
        0.1, gt=0, lt=0.5, description="share of your own images that is for validation"
    )
    own_test: float = Field(0.1, gt=0, lt=0.5, description="share that is for testing")
    own_split_seed: int = Field(
        0, ge=0, lt=2**31, description="seed by which they are shuffled before that"
    )
    own_sha256: str = Field(
        "",
        pattern=r"^([0-9a-f]{64})?$",
        description="digest of your own images once converted and divided; empty: taken from them",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dataset not in DATASETS:
            known = ", ".join(DATASETS)
            raise ValueError(f"data.dataset = {SHORT.repr(self.dataset)}: expected one of {known}")
        if self.dataset != OWN:
            for name in self.model_dump(exclude_defaults=True):
                if name.startswith("own_"):
                    raise ValueError(
                        f"data.{name} = {SHORT.repr(getattr(self, name))}: expected nothing, since "
                        f"dataset = {self.dataset}; it is for dataset = {OWN}"
                    )
        return self

    @property
    def rule(self) -> Rule:
        """How pictures become grey squares."""
        return Rule(self.own_fit, self.own_invert, self.own_grey)

    @property
    def division(self) -> Division:
        """How images of one's own are divided into splits."""
        return Division(self.own_validation, self.own_test, self.own_split_seed)

    @property
    def in_words(self) -> str:
        """The data set, and whether it is grey or how it was binarised, for a table."""
        return f"{self.dataset}, {WORDS[self.binarisation]}"

    def described(self, dataset: Dataset) -> dict[str, Any]:
        """What provenance says of the images: names, counts, digest, and where they lay."""
        return {
            "name": dataset.name,
            "binarisation": self.binarisation,
            "images": {name: len(split.images) for name, split in dataset.splits().items()},
            "classes": dataset.class_names(),
            "sha256": dataset.digest,
            "source": dataset.source,
        }

    def require(self, dataset: Dataset) -> None:
        """Raises `DataError` where a data set is not the one that is named here."""
        if dataset.name != self.dataset:
            raise DataError(
                f"the images are {dataset.name!r}; expected {self.dataset!r}, as dataset says. "
                "Load those, or name these: RunConfig.with_data"
            )
        if self.dataset == OWN and dataset.digest != self.own_sha256:
            raise DataError(
                f"own_sha256 = {self.own_sha256!r}: the images have the digest {dataset.digest}. "
                "Expected the same images, in the same order, converted by the same rule; for new "
                "ones leave own_sha256 empty, or take RunConfig.with_data"
            )


class TrainingConfig(Section):
    """How it is trained. The paper names stochastic gradient descent and nothing else [9]."""

    seed: int = Field(0, ge=0, lt=2**31, description="seed of weights, data order and noise")
    iterations: int = Field(10_000, ge=1, le=10_000_000, description="parameter updates")
    batch_size: int = Field(100, ge=1, le=100_000, description="images per iteration")
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


class RunConfig(Section):
    """One training run, complete."""

    name: str = Field(
        "run",
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        max_length=200,  # the folder's name has a seed and a digest besides, 255 letters at most
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
        return digest_of(json.dumps(settings, sort_keys=True).encode())[:8]

    @property
    def folder_name(self) -> str:
        """``<name>-s<seed>-<digest>``, the run's folder under `results/<profile>/runs`."""
        return f"{self.name}-s{self.training.seed}-{self.digest}"

    def with_data(self, dataset: Dataset) -> "RunConfig":
        """The same on other images: their name, and for `own` their digest and size."""
        settings = self.model_dump()
        settings["data"] |= {"dataset": dataset.name, "own_sha256": ""}
        if dataset.name == OWN:
            settings["data"]["own_sha256"] = dataset.digest
            settings["model"]["image_size"] = dataset.train.images.shape[-1]
        return make_config(settings)

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


class Runtime(Section):
    """Where a notebook runs and what it writes to; no part of a run's identity."""

    results: str = Field("results/custom", description="folder of results, relative to the project")
    data_root: str = Field(
        "", description="folder of MNIST/raw; empty: the variable DCRW_DATA, else data"
    )
    own_images: str = Field(
        "",
        description="your own images, relative to the project: a folder of PNG or JPEG, an NPZ, or "
        "an IDX file; of a finished run, empty: where they lay when it was trained",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto takes a GPU where there is one"
    )
    threads: int = Field(0, ge=0, le=1024, description="CPU threads, 0 for torch's default")
    progress: bool = Field(True, description="show a progress bar")


class TrainingRuntime(Runtime):
    """The same for the notebook that trains."""

    wait: bool = Field(
        False,
        description="wait for a run's folder that another process trains into; else refuse it",
    )


class Keeping(Section):
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


SECTIONS: dict[str, type[Section]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "training": TrainingConfig,
}


def make_config(settings: Mapping[str, Any]) -> RunConfig:
    """Validate nested settings `{name, model: {...}, data: {...}, training: {...}}`.

    Raises `ConfigError` for an unknown key or an impossible value.
    """
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(explain(error)) from None


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
            raise ConfigError(
                f"{key} = {SHORT.repr(value)}: unknown parameter; expected one of {names}"
            )
        settings[section][key] = value
    return make_config(settings)


def split_parameters(
    parameters: Mapping[str, Any], known: type[Section]
) -> tuple[Any, dict[str, Any]]:
    """Take a section's fields out of flat parameters: the validated section, and what is left.

    Raises `ConfigError` for an impossible value.
    """
    own = {key: value for key, value in parameters.items() if key in known.model_fields}
    try:
        section = known.model_validate(own)
    except ValidationError as error:
        raise ConfigError(explain(error)) from None
    return section, {key: value for key, value in parameters.items() if key not in own}


def require_none_left(parameters: Mapping[str, Any], *known: type[Section]) -> None:
    """Raises `ConfigError` where a parameter belongs to none of the sections."""
    names = ", ".join(key for section in known for key in section.model_fields)
    for key, value in parameters.items():
        raise ConfigError(
            f"{key} = {SHORT.repr(value)}: unknown parameter; expected one of {names}"
        )


def parameter_names() -> list[str]:
    """Names of all settings, flat."""
    return ["name"] + [key for kind in SECTIONS.values() for key in kind.model_fields]


def load_config(path: Path) -> RunConfig:
    """Read a run's `config.yaml`, every setting of which is written out.

    Raises `ConfigError`, which names the file, also where a setting is not there: it was cut.
    """
    settings = read_yaml(path)
    try:
        config = make_config(settings)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return config


class EvaluationConfig(Section):
    """What is measured on a finished run."""

    batch_size: int = Field(500, ge=1, le=100_000, description="images per forward pass")
    seed: int = Field(
        1234, ge=0, lt=2**31, description="seed of the evaluation noise and of generated samples"
    )
    noise_draws: int = Field(
        1, ge=1, le=1000, description="noise draws per image when a split's losses are estimated"
    )
    digits: int = Field(
        32,
        ge=4,
        le=1000,
        multiple_of=4,
        description="test digits reconstructed, and samples generated, step by step",
    )
