"""What an iteration calls in PyTorch's library, recorded, and what of that a CUDA graph forbids."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PRETEND = torch.device("meta")  # tensors without content, on a device that is not the CPU
FORBIDDEN = {
    torch.Tag.data_dependent_output: "waits for a value",
    torch.Tag.dynamic_output_shape: "makes a shape that depends on values",
    torch.Tag.nondeterministic_seeded: "draws random numbers",
}
ON_THE_CPU = "has a tensor on the CPU"


class Operation(NamedTuple):
    """One call."""

    name: str
    shapes: tuple[tuple[int, ...], ...]  # of what it returns
    faults: tuple[str, ...]


class Recorded(TorchDispatchMode):
    """The operations of the body of a `with`, also one that cannot be done on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = str(operation)
        faults = [words for tag, words in FORBIDDEN.items() if tag in operation.tags]
        asked = tree_leaves((args, kwargs))
        if any(isinstance(leaf, torch.device) and leaf.type == "cpu" for leaf in asked):
            faults.append(ON_THE_CPU)
        place = len(self.operations)
        self.operations.append(Operation(name, (), tuple(faults)))
        found = operation(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor)]
        given = [leaf for leaf in asked if isinstance(leaf, Tensor)]
        if any(tensor.device.type == "cpu" for tensor in made + given):
            faults.append(ON_THE_CPU)
        self.operations[place] = Operation(
            name, tuple(tuple(tensor.shape) for tensor in made), tuple(faults)
        )
        return found

    def faults(self) -> list[str]:
        """What of it a CUDA graph forbids, in words."""
        return [f"{each.name} {fault}" for each in self.operations for fault in each.faults]


@contextmanager
def pretending(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The pretend device, on which the fused optimisers are taken to exist, as on CUDA."""
    module = import_module("torch.optim.optimizer")  # torch.optim takes its name away
    with monkeypatch.context() as patch:
        patch.setattr(module, "_get_fused_kernels_supported_devices", lambda: [PRETEND.type])
        yield PRETEND
