"""Several runs that differ in their seed alone, trained side by side as one: their weights stacked
along a leading dimension, their minibatches one after another in one batch.

One small model leaves a GPU idle, and on a CPU most of an iteration is small operations, whose cost
grows more slowly than what they work on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dcrw.model.stacking import stacked, unstacked
from dcrw.model.writer import Losses, Model
from dcrw.training.config import RunConfig
from dcrw.training.engine import Engine, initial_model


class SeedsEngine(Engine):
    """An `Engine` for S runs: each takes the steps that it would take alone, up to rounding.

    `iterate` takes their minibatches one after another, `iterate_all` apart, and returns (S, 2).
    """

    def __init__(self, configs: Sequence[RunConfig], images: Tensor, device: torch.device):
        """images: (n, A, A) uint8, kept on the device. Raises as `require_only_seeds_differ`."""
        require_only_seeds_differ(configs)
        self._runs = len(configs)
        models = [initial_model(config.model, config.training.seed) for config in configs]
        self._set_up(stacked(models), configs[0], images, device, self._runs)

    def _means(self, terms: Losses) -> Tensor:
        reconstruction, latent = terms.reconstruction, terms.latent.sum(0)  # (S B,) each
        parts = [part.view(self._runs, -1).mean(1) for part in (reconstruction, latent)]
        return torch.stack(parts, dim=1)

    def states(self) -> list[dict[str, Tensor]]:
        """For each run what the state of its own engine would be."""
        whole = self.state()
        return [{name: _own(value, run) for name, value in whole.items()} for run in self._each()]

    def load_states(self, states: Sequence[dict[str, Tensor]]) -> None:
        """Take up what `states`, or `state` of every run's own engine, returned. Raises `KeyError`
        or `RuntimeError` at a misfit."""
        joined = {
            name: torch.stack([state[name] for state in states]) if value.dim() else value
            for name, value in states[0].items()
        }
        self.load_state(joined)

    def models(self) -> list[Model]:
        """Each run's own model, its weights copied."""
        return [unstacked(self.model, run) for run in self._each()]

    def _each(self) -> range:
        return range(self._runs)


def require_only_seeds_differ(configs: Sequence[RunConfig]) -> None:
    """Raises `ValueError` where configs differ in more than name and seed."""
    for config in configs[1:]:
        if _without_seed(config) != _without_seed(configs[0]):
            raise ValueError(
                f"{config.folder_name} and {configs[0].folder_name} differ in more than their "
                "seed; only such runs can be trained side by side"
            )


def _own(value: Tensor, run: int) -> Tensor:
    """A run's part of a stacked tensor; the optimiser's count of steps is everyone's."""
    return (value[run] if value.dim() else value).clone()


def _without_seed(config: RunConfig) -> RunConfig:
    training = config.training.model_copy(update={"seed": 0})
    return config.model_copy(update={"training": training, "name": ""})
