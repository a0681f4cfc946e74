"""A run's folder: configuration, metrics, checkpoint, weights and provenance. The room where files
are written.

    <name>-s<seed>-<digest>/
        config.yaml              the resolved configuration
        metrics.csv              L_x and L_z by iteration
        checkpoint.safetensors   weights and optimiser, while the run is unfinished
        model.safetensors        weights, once it is complete
        provenance.json          what was run, on what, for how long; written last

Every file is written atomically. Nothing that is loaded can execute code.
"""

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import pandas as pd
from safetensors.torch import save
from torch import Tensor

from dcrw.model.config import ModelConfig
from dcrw.model.writer import Model, build
from dcrw.training.config import RunConfig, load_config
from dcrw.training.files import RunError, read_tensors, write_atomically, write_json

METRICS = ["iteration", "reconstruction", "latent", "reconstruction_std", "latent_std"]


class Checkpoint(NamedTuple):
    """An unfinished run at one iteration."""

    iteration: int  # updates done
    segments: list[dict[str, Any]]  # stretches without interruption: iterations, device, software
    tensors: dict[str, Tensor]


class Run:
    """One run's folder."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    @property
    def complete(self) -> bool:
        """Whether training has finished: provenance is written last.

        The weights of a complete run may be kept elsewhere; `model` needs them.
        """
        return self._path("provenance.json").exists()

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self._path("checkpoint.safetensors").exists()

    @property
    def config(self) -> RunConfig:
        """The resolved configuration. Raises `ConfigError`."""
        return load_config(self._path("config.yaml"))

    @property
    def provenance(self) -> dict[str, Any]:
        """What was run, on what, for how long. Raises `RunError` where the run is incomplete."""
        self.require_complete()
        return json.loads(self._path("provenance.json").read_text())

    def require_complete(self) -> None:
        """Raises `RunError` where training has not finished."""
        if not self.complete:
            raise RunError(
                f"{self.folder}: not a complete run; train it first (notebooks/train.ipynb)"
            )

    def metrics(self) -> pd.DataFrame:
        """Columns `iteration`, `reconstruction`, `latent` (minibatch means over the interval that
        ends there, nats), and the standard deviations of minibatches within the interval."""
        return pd.read_csv(self._path("metrics.csv"))

    def model(self, config: ModelConfig | None = None) -> Model:
        """The trained model on the CPU, as its own config or another that its weights fit.

        Raises `RunError` where the weights are missing, damaged or of another model.
        """
        self.require_complete()
        path = self._path("model.safetensors")
        if not path.exists():
            raise RunError(
                f"{path}: missing, though the run is complete; its weights are not kept here. "
                "Move the folder away and train the run again"
            )
        return load_weights(config or self.config.model, path)

    def begin(self, config: RunConfig) -> None:
        """Write the configuration, or check that the folder holds this one. Raises `RunError`."""
        if not self._path("config.yaml").exists():
            write_atomically(self._path("config.yaml"), config.to_yaml().encode())
        elif self.config != config:
            raise RunError(
                f"{self.folder}: holds another configuration; remove the folder or use another name"
            )

    def append_metrics(self, row: Mapping[str, float]) -> None:
        """Add one row to metrics.csv."""
        with self._path("metrics.csv").open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(_brief(row[key]) for key in METRICS)
            file.flush()
            os.fsync(file.fileno())

    def keep_metrics_until(self, iteration: int) -> None:
        """Drop rows past an iteration: what was done after the checkpoint is done again."""
        path = self._path("metrics.csv")
        lines = path.read_text().splitlines(keepends=True)[1:] if path.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        kept = [line for line in whole if int(line.split(",")[0]) <= iteration]
        last = int(kept[-1].split(",")[0]) if kept else 0
        expected = iteration - iteration % self.config.training.metrics_interval
        if last != expected:
            raise RunError(
                f"{path}: ends at iteration {last}; expected {expected}, as the checkpoint. "
                "Remove the checkpoint to start again"
            )
        write_atomically(path, "".join([",".join(METRICS) + "\n", *kept]).encode())

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        metadata = {
            "iteration": str(checkpoint.iteration),
            "segments": json.dumps(checkpoint.segments),
        }
        write_atomically(self._path("checkpoint.safetensors"), save(checkpoint.tensors, metadata))

    def load_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint, None where there is none. Raises `RunError` where it is damaged."""
        path = self._path("checkpoint.safetensors")
        if not path.exists():
            return None
        tensors, metadata = read_tensors(path)
        try:
            return Checkpoint(int(metadata["iteration"]), json.loads(metadata["segments"]), tensors)
        except (KeyError, ValueError):
            raise RunError(f"{path}: no iteration in it; remove it to start again") from None

    def go_on_from(self, shorter: "Run") -> None:
        """Take up the metrics and the last state of a shorter run, which `shorter_run` found."""
        checkpoint = shorter.load_checkpoint()
        if checkpoint is None or checkpoint.iteration != shorter.config.training.iterations:
            raise RunError(
                f"{shorter.folder}: its last checkpoint was not kept (keep_state); train without "
                "`continues`, from the start"
            )
        metrics = shorter._path("metrics.csv").read_bytes()
        write_atomically(self._path("metrics.csv"), metrics)
        self.save_checkpoint(checkpoint)

    def finish(
        self, model: Model, provenance: Mapping[str, Any], keep_checkpoint: bool = False
    ) -> None:
        """Write weights and provenance with the weights' SHA-256, and drop the checkpoint unless it
        is to be kept."""
        weights = save(
            {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        )
        write_atomically(self._path("model.safetensors"), weights)
        digest = hashlib.sha256(weights).hexdigest()
        write_json(self._path("provenance.json"), {**provenance, "weights_sha256": digest})
        if not keep_checkpoint:
            self._path("checkpoint.safetensors").unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process. Raises `RunError` at once where another process holds
        it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._path(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise RunError(f"{self.folder}: in use by another process") from None
        try:
            yield
        finally:
            lock.release()

    def _path(self, name: str) -> Path:
        return self.folder / name


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


def load_weights(config: ModelConfig, path: Path) -> Model:
    """A model with the weights of a safetensors file. Raises `RunError` where they are damaged or
    do not fit."""
    model = build(config)
    tensors, _ = read_tensors(path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(f"{path}: weights of another model: {error}") from None
    return model


def _brief(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
