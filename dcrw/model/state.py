"""What the steps of a drawing hand to one another: the state, and the posterior of a step."""

from typing import Generic, NamedTuple, TypeVar

from torch import Tensor

from dcrw.model.attention import Filters

Memory = TypeVar("Memory")  # what an encoder keeps from step to step


class Posterior(NamedTuple):
    """q(z_t | h_enc), a diagonal Gaussian."""

    mean: Tensor  # (B, z), or of all steps (T, B, z)
    log_sigma: Tensor  # as the mean


class State(NamedTuple, Generic[Memory]):
    """What one drawing step hands to the next, and what the encoder is shown."""

    canvas: Tensor  # (B, A, A) logits, c_t
    hidden: Tensor  # (B, D) h_t^dec
    cell: Tensor  # (B, D) the decoder's LSTM cell
    read_window: Tensor  # (B, 5) the next read window, emitted from h_t^dec
    read_filters: Filters | None = None  # of read_window, in an architecture that reads
    memory: Memory | None = None  # of the encoder; none before the first step
