"""How many operations an iteration launches: what an iteration recorded on a GPU is made of.

Counted are the calls into PyTorch's library, forward and backward, that compute or copy something;
views of a tensor and memory without content are left out, clipping and the optimiser too. The
count depends on the code and on the number of steps alone, not on device, batch or clock.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.contestants import PLAIN, Contestant, under
from dcrw.model.config import ModelConfig
from dcrw.model.writer import build, loss_terms

EMPTY = {"_unsafe_view", "empty", "empty_like", "empty_strided", "new_empty"}  # launch nothing
IMAGES = 2


class Launches(TorchDispatchMode):
    """Counts the operations that are launched in the body of a `with`, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Count an operation and run it."""
        name = operation.overloadpacket.__name__
        if not operation.is_view and name not in EMPTY:
            self.counts[name] += 1
        return operation(*args, **(kwargs or {}))


def launched(config: ModelConfig, option: str = "default") -> Counter[str]:
    """Operations of one iteration by name: losses of a minibatch and their gradients."""
    with torch.random.fork_rng(devices=[]):
        model = build(config)
    images = torch.full((IMAGES, config.image_size, config.image_size), 0.5)
    noise = torch.zeros(config.steps, IMAGES, config.latent_size)

    def iterate() -> None:
        terms = loss_terms(model, images, noise)
        (terms.reconstruction.mean() + terms.latent.sum(0).mean()).backward()

    with under(option):
        iterate()  # what is made once and kept does not count
        with Launches() as launches:
            iterate()
    return launches.counts


def table(entries: Sequence[Contestant]) -> pd.DataFrame:
    """Operations per iteration of every model, by default and with derivatives left to autograd: of
    each operation by itself that the model has, and of all.

    Columns: model, option, steps, operations, and their ratio to the default's.
    """
    rows = []
    for entry in entries:
        default = launched(entry.config.model)
        for option in ("default", *PLAIN):
            found = launched(entry.config.model, option)
            if option == "default" or found != default:
                rows.append(
                    {"model": entry.model, "option": option, "steps": entry.config.model.steps}
                    | {"operations": found.total(), "ratio": found.total() / default.total()}
                )
    return pd.DataFrame(rows)
