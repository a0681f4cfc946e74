"""A run's folder, long because all that is read, written and refused there is one protocol.

    <name>-s<seed>-<digest>/
        config.yaml              the resolved configuration
        metrics.csv              L_x and L_z by iteration
        checkpoint.safetensors   weights and optimiser, while the run is unfinished
        model.safetensors        weights, once it is complete
        provenance.json          what was run, on what, for how long; written last

Every file is written whole or not at all. The provenance is a record (`files`): it has digests of
configuration, metrics and weights, and what differs from them is refused.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import pandas as pd
import torch
from torch import Tensor

from dcrw.model.config import ModelConfig
from dcrw.model.writer import Model, build
from dcrw.training.config import RunConfig, load_config
from dcrw.training.data import DataError, Dataset, images_digest
from dcrw.training.files import (
    PART_LIMIT,
    TEXT_LIMIT,
    RunError,
    digest_of,
    exists,
    layout_of,
    read_bytes,
    read_checked,
    read_record,
    read_table,
    read_tensors,
    recorded_digest,
    remove,
    tensors_digest,
    write_atomically,
    write_record,
    write_tensors,
)

METRICS = {"iteration": int} | dict.fromkeys(
    ("reconstruction", "latent", "reconstruction_std", "latent_std"), float
)
HEADER = (",".join(METRICS) + "\n").encode()
PROVENANCE = {"run": str, "config_digest": str, "device": dict, "software": dict}
POLL = 0.5  # seconds between two looks at a lock that is waited for


AGAIN = "Remove the folder and train the run again."
AFRESH = "Remove it to start this run again from the beginning."
EVALUATE = "Measure the run again (notebooks/evaluate.ipynb, or the notebook that wrote the file)."


class Checkpoint(NamedTuple):
    """An unfinished run at one iteration."""

    iteration: int  # updates done
    segments: list[dict[str, Any]]  # stretches without interruption: iterations, device, software
    tensors: dict[str, Tensor]
    metrics: str | None = None  # SHA-256 of metrics.csv up to there; early checkpoints have none


class Run:
    """One run's folder."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._lock_number: int | None = None  # of the lock's file, while it is held
        self._written = hashlib.sha256()  # of metrics.csv, as this process knows it

    @property
    def complete(self) -> bool:
        """Whether training has finished: provenance is written last.

        The weights of a complete run may be kept elsewhere; `model` needs them.
        """
        return exists(self._path("provenance.json"))

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return exists(self._path("checkpoint.safetensors"))

    @property
    def config(self) -> RunConfig:
        """The resolved configuration. Raises `ConfigError`, and `RunError` where that of a complete
        run is not the one that it was trained with."""
        config = load_config(self._path("config.yaml"))
        if self.complete and config.folder_name != self.provenance["run"]:
            raise RunError(
                f"{self._path('config.yaml')}: its name and settings are those of "
                f"{config.folder_name}; expected {self.provenance['run']}, as the run was trained "
                f"(provenance.json). Put the file back. {AGAIN}"
            )
        return config

    @property
    def provenance(self) -> dict[str, Any]:
        """What was run, on what, for how long. Raises `RunError` where the run is incomplete or the
        file damaged."""
        self.require_complete()
        found = read_record(self._path("provenance.json"), AGAIN)
        for name, kind in PROVENANCE.items():
            if not isinstance(found.get(name), kind):
                raise RunError(f"{self._path('provenance.json')}: has no {name}. {AGAIN}")
        return found

    def require(self, config: RunConfig) -> None:
        """Raises `RunError` where the folder does not hold the complete run of a configuration."""
        self.require_complete()
        if self.config != config:
            raise RunError(
                f"{self.folder}: holds the run {self.config.folder_name}; expected "
                f"{config.folder_name}. The folders of two runs were mixed up: put them back"
            )

    def require_complete(self) -> None:
        """Raises `RunError` where training has not finished."""
        if not self.complete:
            raise RunError(
                f"{self.folder}: not a complete run; train it first (notebooks/train.ipynb)"
            )

    def metrics(self) -> pd.DataFrame:
        """Columns `iteration`, `reconstruction`, `latent` (minibatch means over the interval that
        ends there, nats), and the standard deviations of minibatches within the interval. Raises
        `RunError` where the file is damaged, or not that of the complete run."""
        digest = recorded_digest(self.provenance, "metrics.csv") if self.complete else None
        return read_table(self._path("metrics.csv"), METRICS, AGAIN, digest)

    def model(self, config: ModelConfig | None = None) -> Model:
        """The trained model on the CPU, as its own config or another that its weights fit.

        Raises `RunError` where the weights are missing, damaged or of another model.
        """
        path, digest = self._path("model.safetensors"), self.provenance.get("weights_sha256")
        if not exists(path):
            raise RunError(
                f"{path}: missing, though the run is complete; its weights are not kept here. "
                "Move the folder away and train the run again"
            )
        return load_weights(config or self.config.model, path, digest)

    def require_data(self, dataset: Dataset) -> None:
        """Raises `DataError` where a data set is not the one that the run was trained on."""
        self.require_complete()
        self.config.data.require(dataset)
        expected = self.provenance.get("training_images_sha256")
        found = images_digest(dataset.train.images)
        if not dataset.sha256 and expected not in (None, found):
            raise DataError(
                f"{self.folder}: was trained on images with SHA-256 {expected}; these have "
                f"{found}. Load the images that it was trained on, whole"
            )

    def evaluated(self, name: str, record: str = "evaluation.json") -> Path:
        """A file below `evaluation/`, once it is found to be what its record says.

        Raises `RunError` where it is missing, changed or damaged.
        """
        folder = self.folder / "evaluation"
        digest = recorded_digest(self.measured(record), name)
        read_checked(folder / name, digest, PART_LIMIT, EVALUATE)
        return folder / name

    def measured(self, record: str = "evaluation.json", way_out: str = EVALUATE) -> dict[str, Any]:
        """A record below `evaluation/`. Raises `RunError` where it is missing, damaged, or that of
        another run."""
        path = self.folder / "evaluation" / record
        found = read_record(path, way_out)
        if "run" in found and found["run"] != self.provenance["run"]:
            raise RunError(
                f"{path}: is of the run {found['run']}; expected {self.provenance['run']}. The "
                f"folders of two runs were mixed up. {way_out}"
            )
        return found

    def begin(self, config: RunConfig) -> None:
        """Write the configuration, or check that the folder holds this one. Raises `RunError`."""
        if not exists(self._path("config.yaml")):
            write_atomically(self._path("config.yaml"), config.to_yaml().encode())
        elif self.config != config:
            raise RunError(
                f"{self.folder}: holds another configuration; remove the folder or use another name"
            )

    def append_metrics(self, row: Mapping[str, float]) -> None:
        """Add one row to metrics.csv. Raises `RunError` where it cannot be written."""
        self._require_lock()
        path = self._path("metrics.csv")
        line = (",".join(_brief(row[key]) for key in METRICS) + "\n").encode()
        try:
            with path.open("r+b") as file:
                file.seek(0, os.SEEK_END)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(
                f"{path}: cannot be written ({error.strerror}). The same command goes on from the "
                "last checkpoint"
            ) from None
        self._written.update(line)

    def keep_metrics_until(self, iteration: int, digest: str | None = None) -> None:
        """Drop rows past an iteration: what was done after the checkpoint is done again. Raises
        `RunError` where the rows up to there are not all there, or not those with the SHA-256
        `digest`, where one is known."""
        path, interval = self._path("metrics.csv"), self.config.training.metrics_interval
        content = read_bytes(path, TEXT_LIMIT, AGAIN) if exists(path) else b""
        kept = _rows_until(content, iteration)
        expected = list(range(interval, iteration + 1, interval))
        if [number for number, _ in kept] != expected:
            last = kept[-1][0] if kept else 0
            raise RunError(
                f"{path}: ends at iteration {last} or lacks a row before; expected every "
                f"{interval} up to {iteration}, as the checkpoint. "
                "Remove the checkpoint to start again"
            )
        whole = b"".join([HEADER, *(line for _, line in kept)])
        if digest not in (None, digest_of(whole)):
            raise RunError(
                f"{path}: its rows up to iteration {iteration} have the SHA-256 "
                f"{digest_of(whole)}; expected {digest}, as the checkpoint says. The file was "
                "changed or damaged. Put it back, or remove the checkpoint to start again"
            )
        write_atomically(path, whole)
        self._written = hashlib.sha256(whole)

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint. Raises `RunError`."""
        self._require_lock()
        metadata = {
            "iteration": str(checkpoint.iteration),
            "segments": json.dumps(checkpoint.segments),
            "metrics": self._written.hexdigest(),
        }
        digest = tensors_digest(checkpoint.tensors, metadata)
        write_tensors(
            self._path("checkpoint.safetensors"), checkpoint.tensors, metadata | {"sha256": digest}
        )

    def load_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint, None where there is none. Raises `RunError` where it is damaged or
        of another configuration."""
        path = self._path("checkpoint.safetensors")
        if not self.begun:
            return None
        config = self.config
        tensors, metadata = read_tensors(path, checkpoint_layout(config), AFRESH)
        if metadata.pop("sha256", None) != tensors_digest(tensors, metadata):
            raise RunError(f"{path}: its content is not what was written (sha256). {AFRESH}")
        try:
            found = Checkpoint(
                int(metadata["iteration"]),
                json.loads(metadata["segments"]),
                tensors,
                metadata.get("metrics"),
            )
        except (KeyError, ValueError, TypeError, RecursionError):
            raise RunError(f"{path}: no iteration or no segments in it. {AFRESH}") from None
        if not 0 < found.iteration <= config.training.iterations or not _are_segments(
            found.segments
        ):
            raise RunError(
                f"{path}: of iteration {found.iteration}, with segments of another form, or not of "
                f"this run of {config.training.iterations} iterations. {AFRESH}"
            )
        return found

    def go_on_from(self, shorter: "Run") -> None:
        """Take up the metrics and the last state of a shorter run, which `shorter_run` found.
        Raises `RunError`."""
        checkpoint = shorter.load_checkpoint()
        if checkpoint is None or checkpoint.iteration != shorter.config.training.iterations:
            raise RunError(
                f"{shorter.folder}: its last checkpoint was not kept (keep_state); train without "
                "`continues`, from the start"
            )
        shorter.metrics()
        metrics = read_bytes(shorter._path("metrics.csv"), TEXT_LIMIT, AGAIN)
        write_atomically(self._path("metrics.csv"), metrics)
        self._written = hashlib.sha256(metrics)
        self.save_checkpoint(checkpoint)

    def finish(
        self, model: Model, provenance: Mapping[str, Any], keep_checkpoint: bool = False
    ) -> None:
        """Write weights and provenance with digests of weights, configuration and metrics, and drop
        the checkpoint unless it is to be kept.

        Raises `RunError` where the folder was changed while the run was trained.
        """
        self._require_lock()
        config = self.config
        self._require_all_metrics(config)
        digest = write_tensors(self._path("model.safetensors"), dict(model.state_dict()))
        content = {**provenance, "state_kept": keep_checkpoint, "weights_sha256": digest}
        parts = [self._path("config.yaml"), self._path("metrics.csv")]
        if config.folder_name != provenance["run"]:
            raise RunError(f"{parts[0]}: was changed while the run was trained. {AGAIN}")
        write_record(self._path("provenance.json"), content, parts)
        self.tidy()

    def tidy(self) -> None:
        """Drop the checkpoint of a complete run, unless it was to be kept."""
        if self.complete and not self.provenance.get("state_kept"):
            remove(self._path("checkpoint.safetensors"))

    @contextmanager
    def locked(self, wait: bool = False) -> Iterator[None]:
        """Hold the folder for this process.

        wait: until another process that holds it lets go, however long that takes. Raises
        `RunError` where another process holds it and is not waited for, or where nothing can be
        written there.
        """
        path = self._path(".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path)
            lock.acquire(timeout=-1 if wait else 0, poll_interval=POLL)
        except filelock.Timeout:
            raise RunError(
                f"{self.folder}: in use by another process; wait for its end (the parameter wait)"
            ) from None
        except (OSError, ValueError) as error:
            raise RunError(
                f"{self.folder}: cannot be written to ({getattr(error, 'strerror', None) or error})"
                ". Look at its permissions, or write to another folder (the parameter results)"
            ) from None
        try:
            self._lock_number = path.stat().st_ino
            yield
        finally:
            self._lock_number = None
            lock.release()

    def _require_lock(self) -> None:
        """Raises `RunError` where the lock's file was removed while it was held: another process
        may be at work in the folder."""
        path = self._path(".lock")
        if self._lock_number is not None and (
            not path.exists() or path.stat().st_ino != self._lock_number
        ):
            raise RunError(
                f"{path}: was removed while this process trains here; another one may have begun. "
                "The last checkpoint is left as it is"
            )

    def _require_all_metrics(self, config: RunConfig) -> None:
        """Raises `RunError` where rows are missing that this run has written."""
        settings, path = config.training, self._path("metrics.csv")
        content = read_bytes(path, TEXT_LIMIT, AGAIN)
        rows = [number for number, _ in _rows_until(content, settings.iterations)]
        before = range(settings.metrics_interval, settings.iterations, settings.metrics_interval)
        same = digest_of(content) == self._written.hexdigest()
        if not same or rows != [*before, settings.iterations]:
            raise RunError(f"{path}: was changed while the run was trained. {AGAIN}")

    def _path(self, name: str) -> Path:
        return self.folder / name


def _rows_until(content: bytes, iteration: int) -> list[tuple[int, bytes]]:
    """Whole rows of metrics.csv up to an iteration, each with its own; a row that is none counts as
    the end."""
    rows = []
    for line in content.splitlines(keepends=True)[1:]:
        number = line.partition(b",")[0]
        whole = line.endswith(b"\n") and line.count(b",") == len(METRICS) - 1
        if not whole or not number.isdigit():
            break
        if int(number) <= iteration:
            rows.append((int(number), line))
    return rows


def _are_segments(found: Any) -> bool:
    """What `loop` notes of each stretch, as far as it is used again."""
    return isinstance(found, list) and all(
        isinstance(part, dict) and isinstance(part.get("seconds"), int | float) for part in found
    )


def checkpoint_layout(config: RunConfig) -> dict[str, tuple[tuple[int, ...], str]]:
    """Names, shapes and types of a checkpoint's tensors: weights, the optimiser's memory of each,
    and losses that wait for the next row of metrics."""
    with torch.random.fork_rng(devices=[]):
        model = build(config.model)
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        if config.training.optimizer == "adam":
            slots = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
        else:
            slots = {"momentum_buffer": parameter} if config.training.beta1 else {}
        state |= {f"optimizer.{name}.{slot}": value for slot, value in slots.items()}
    return layout_of(state) | {"pending": ((-1, 2), "F32")}


def run_for(config: RunConfig, results: Path) -> Run:
    """The folder of a config's run below `results`, whether it exists yet or not."""
    return Run(results / "runs" / config.folder_name)


def shorter_run(run: Run, config: RunConfig, label: str) -> Run:
    """The complete run `label` beside a run whose settings are `config`'s but for fewer iterations.

    Raises `RunError` where there is none.
    """
    for folder in sorted(run.folder.parent.glob(f"{label}-s{config.training.seed}-*")):
        candidate = Run(folder)
        if candidate.complete and _is_shorter(candidate.config, config, label):
            return candidate
    raise RunError(
        f"{run.folder.parent}: no complete run {label} with seed {config.training.seed} that "
        "differs in nothing but fewer iterations, a multiple of metrics_interval"
    )


def _is_shorter(short: RunConfig, long: RunConfig, label: str) -> bool:
    iterations = short.training.iterations
    training = long.training.model_copy(update={"iterations": iterations})
    alike = short == long.model_copy(update={"name": label, "training": training})
    whole = iterations % long.training.metrics_interval == 0
    return alike and whole and iterations < long.training.iterations


def load_weights(config: ModelConfig, path: Path, digest: str | None = None) -> Model:
    """A model with the weights of a safetensors file, whose SHA-256 must be `digest` where one is
    given. Raises `RunError` where they are damaged or do not fit."""
    model = build(config)
    way_out = "Put back the file that was written, or train the run again."
    tensors, _ = read_tensors(path, layout_of(model.state_dict()), way_out, digest)
    model.load_state_dict(tensors)
    return model


def _brief(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
