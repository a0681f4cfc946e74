"""One fast training iteration behind one call."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dcrw.model.config import ModelConfig
from dcrw.model.layers import logical_heads
from dcrw.model.writer import Losses, Model, build, loss_terms
from dcrw.training.binarisation import above
from dcrw.training.config import RunConfig, TrainingConfig
from dcrw.training.data import to_unit


def initial_model(config: ModelConfig, seed: int) -> Model:
    """The model with the weights that a seed gives, on the CPU; torch's own generator is left as it
    was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config)


class Engine:
    """Model, optimiser and images on one device.

    An iteration reads its inputs from buffers that stay in place, so that a GPU can record it once
    and replay it: on CUDA all of forward, backward, clipping and the update are one graph.
    """

    def __init__(self, config: RunConfig, images: Tensor, device: torch.device):
        """images: (n, A, A) uint8, kept on the device."""
        self._set_up(initial_model(config.model, config.training.seed), config, images, device)

    def _set_up(
        self,
        model: Model,
        config: RunConfig,
        images: Tensor,
        device: torch.device,
        runs: int | None = None,
    ) -> None:
        """runs: how many are trained side by side, their weights stacked; None: one, unstacked."""
        batch = (runs or 1) * config.training.batch_size
        self.model = model.to(device)
        self.device = device
        self._images = images.to(device)
        shape = (config.model.steps, batch, config.model.latent_size)
        self._indices = torch.zeros(batch, dtype=torch.int64, device=device)
        self._noise = torch.zeros(shape, device=device)
        self._levels: Tensor | None = None
        if config.data.binarisation == "dynamic":
            self._levels = torch.zeros((batch, *images.shape[1:]), device=device)
        _keep_gradients(self.model)
        self._optimizer = _optimizer(self.model, config.training)
        self._clip = GradientClip(self.model, config.training, runs)
        self._record = record_cuda_graph if device.type == "cuda" else None
        self._replay: Callable[[], Tensor] | None = None

    def iterate(
        self,
        indices: NDArray[np.int64],
        noise: NDArray[np.float32],
        levels: NDArray[np.float32] | None = None,
    ) -> Tensor:
        """One update on the images at `indices` (B,) under noise (T, B, z).

        levels: (B, A, A) of `binarisation.levels` where each minibatch is sampled. Returns (2,)
        minibatch means of L_x and L_z in nats, on the device, not waited for. Raises `ValueError`
        where levels are missing.
        """
        if self._levels is not None:
            if levels is None:
                raise ValueError("levels: none; expected (B, A, A), minibatches are sampled")
            send(levels, self._levels)
        send(indices, self._indices)
        send(noise, self._noise)
        if self._replay is None:
            self._replay = self._prepare_replay()
        return self._replay().clone()

    def iterate_all(
        self,
        indices: Sequence[NDArray[np.int64]],
        noise: Sequence[NDArray[np.float32]],
        levels: Sequence[NDArray[np.float32]] = (),
    ) -> Tensor:
        """`iterate` with the indices, the noise and the levels, if there are any, of every run that
        is trained here; (runs, 2)."""
        joined = np.concatenate(levels) if levels else None
        found = self.iterate(np.concatenate(indices), np.concatenate(noise, axis=1), joined)
        return found.view(-1, 2)

    def states(self) -> list[dict[str, Tensor]]:
        """`state` of every run."""
        return [self.state()]

    def load_states(self, states: Sequence[dict[str, Tensor]]) -> None:
        """Take up what `states` returned. Raises `KeyError` or `RuntimeError` at a misfit."""
        self.load_state(states[0])

    def models(self) -> list[Model]:
        """The model of every run."""
        return [self.model]

    def _update(self) -> Tensor:
        images = to_unit(self._images.index_select(0, self._indices))
        if self._levels is not None:
            images = above(images, self._levels)
        terms = loss_terms(self.model, images, self._noise)
        means = self._means(terms)
        self._optimizer.zero_grad(set_to_none=False)
        means.sum().backward()  # Eq. 28
        self._clip()
        self._optimizer.step()
        return means.detach()

    def _means(self, terms: Losses) -> Tensor:
        """(2,) means over the minibatch."""
        return torch.stack([terms.reconstruction.mean(), terms.latent.sum(0).mean()])

    def _prepare_replay(self) -> Callable[[], Tensor]:
        """The update itself, or its recording. What the recording's rehearsals change is undone."""
        if self._record is None:
            return self._update
        before = self.state()
        replay = self._record(self._update)
        with torch.no_grad():
            for name, value in self._tensors().items():
                value.copy_(before[name]) if name in before else value.zero_()
        return replay

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs, as named tensors on the CPU: weights under `model.`, the
        optimiser's memory of each, of the weight's shape or a count, under `optimizer.`."""
        return {
            name: value.detach().cpu().contiguous().clone()
            for name, value in self._tensors().items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` returned. Raises `KeyError` or `RuntimeError` at a misfit."""
        weights = {
            name.removeprefix("model."): value
            for name, value in tensors.items()
            if name.startswith("model.")
        }
        self.model.load_state_dict(weights)
        saved = self._optimizer.state_dict()
        for index, (name, parameter) in enumerate(self.model.named_parameters()):
            prefix = f"optimizer.{name}."
            slots = {
                key.removeprefix(prefix): value
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
            if slots:
                saved["state"][index] = {
                    slot: _laid_out_like(parameter, value) for slot, value in slots.items()
                }
        self._optimizer.load_state_dict(saved)
        self._replay = None  # a recording knows the old tensors

    def _tensors(self) -> dict[str, Tensor]:
        """Weights and the optimiser's memory, in place."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for slot, value in self._optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{name}.{slot}"] = value
        return tensors


def send(values: Any, buffer: Tensor) -> None:
    """Copy a NumPy array into a buffer of its shape, without waiting for a GPU that it is on.

    There it goes through page-locked memory, from which the device fetches it in its own time; the
    allocator of that memory gives it out again only afterwards.
    """
    source, wait = torch.as_tensor(values), not buffer.is_cuda
    buffer.copy_(source if wait else source.pin_memory(), non_blocking=not wait)


def record_cuda_graph(update: Callable[[], Tensor], rehearsals: int = 3) -> Callable[[], Tensor]:
    """Record `update` as a CUDA graph; calling the result replays it and returns its output buffer.

    The rehearsals let libraries set themselves up; they change weights, which the caller undoes.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(rehearsals):
            update()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = update()

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


def _keep_gradients(model: nn.Module) -> None:
    """Give every parameter a gradient for good: clipping and a recording look at these tensors."""
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)


class GradientClip:
    """Scale gradients down to a norm, taken over each logical head, each tensor, or everything;
    decision 9."""

    def __init__(self, model: nn.Module, config: TrainingConfig, runs: int | None = None):
        """runs: how many runs' weights are stacked in the model, each clipped by itself; None: one,
        unstacked."""
        self.limit = config.clip_norm
        self._groups = [
            group
            for run in range(runs or 1)
            for group in _gradient_groups(model, config.clip_scope, None if runs is None else run)
        ]
        self._views = [view for group in self._groups for view in group]
        group_of = [number for number, group in enumerate(self._groups) for _ in group]
        device = next(model.parameters()).device
        self._group_of = torch.tensor(group_of, dtype=torch.int64, device=device)

    def __call__(self) -> None:
        """Clip the gradients in place; no waiting for the device."""
        if not self._groups:
            return
        squares = torch.stack(torch._foreach_norm(self._views)).square()
        norms = squares.new_zeros(len(self._groups)).index_add_(0, self._group_of, squares).sqrt()
        scales = self.limit / norms.clamp(min=self.limit)
        torch._foreach_mul_(self._views, list(scales.index_select(0, self._group_of).unbind()))


def _gradient_groups(model: nn.Module, scope: str, run: int | None) -> list[list[Tensor]]:
    if scope == "none":
        return []
    heads = [
        [_gradient(p, run)[rows] for p, rows in head.items()] for _, head in logical_heads(model)
    ]
    if scope == "head":
        return heads
    views = [view for head in heads for view in head]
    return [views] if scope == "global" else [[view] for view in views]


def _gradient(parameter: nn.Parameter, run: int | None) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad if run is None else parameter.grad[run]


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """A copy in the parameter's memory format, which the fused optimisers take for granted."""
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value


def _optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adam":
        betas = (config.beta1, config.beta2)
        return torch.optim.Adam(
            model.parameters(),
            config.learning_rate,
            betas=betas,
            fused=True,
            capturable=next(model.parameters()).is_cuda,
        )
    return torch.optim.SGD(
        model.parameters(), config.learning_rate, momentum=config.beta1, fused=True
    )
