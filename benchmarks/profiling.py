"""Where the time of an iteration goes on a CPU, by kind of operation."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pandas as pd
from torch.profiler import ProfilerActivity
from torch.profiler import profile as recorded

PRODUCTS, CONVOLUTIONS = "matrix products", "convolutions"
KINDS = {
    "aten::mm": PRODUCTS,
    "aten::addmm": PRODUCTS,
    "aten::bmm": PRODUCTS,
    "aten::baddbmm": PRODUCTS,
    "aten::mkldnn_convolution": CONVOLUTIONS,
    "aten::convolution_backward": CONVOLUTIONS,
    "aten::max_pool2d_with_indices": "pooling",
    "aten::max_pool2d_with_indices_backward": "pooling",
    "aten::copy_": "copies and memory",
    "aten::cat": "copies and memory",
    "aten::fill_": "copies and memory",
    "aten::zero_": "copies and memory",
    "aten::empty": "copies and memory",
    "aten::empty_like": "copies and memory",
    "aten::empty_strided": "copies and memory",
    "aten::clone": "copies and memory",
    "aten::resize_": "copies and memory",
    "aten::index": "copies and memory",
    "aten::stack": "copies and memory",
}
VIEWS = {
    f"aten::{name}"
    for name in (
        "_reshape_alias",
        "_unsafe_view",
        "alias",
        "as_strided",
        "as_strided_",
        "chunk",
        "detach",
        "expand",
        "flatten",
        "matmul",
        "narrow",
        "permute",
        "reshape",
        "resolve_conj",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "t",
        "transpose",
        "unbind",
        "unflatten",
        "unsqueeze",
        "view",
        "view_as",
    )
} | {"detach"}
ORDER = [
    CONVOLUTIONS,
    PRODUCTS,
    "pooling",
    "elementwise and sums",
    "copies and memory",
    "optimiser and clipping",
    "views, autograd and Python",
]


def kind_of(operation: str) -> str:
    """The kind, one of ORDER, of an operation as the profiler names it."""
    if operation in KINDS:
        return KINDS[operation]
    if "adam" in operation.lower() or "foreach" in operation or "Optimizer" in operation:
        return "optimiser and clipping"
    if operation.startswith("aten::") and operation not in VIEWS:
        return "elementwise and sums"
    return "views, autograd and Python"


def profile(steps: Iterator[Any], iterations: int, warm_up: int = 3) -> pd.DataFrame:
    """Milliseconds and calls per iteration by kind of operation, in the order of ORDER.

    The profiler itself slows what it watches, small operations most.
    """
    list(islice(steps, warm_up))
    with recorded(activities=[ProfilerActivity.CPU]) as record:
        list(islice(steps, iterations))
    rows = [
        {
            "kind": kind_of(event.key),
            "milliseconds": event.self_cpu_time_total / 1000 / iterations,
            "calls": event.count / iterations,
        }
        for event in record.key_averages()
    ]
    table = pd.DataFrame(rows).groupby("kind").sum().reindex(ORDER, fill_value=0.0)
    return table.assign(share=table.milliseconds / table.milliseconds.sum()).reset_index()
