"""Kinds of operations."""

from benchmarks import (
    profiling,
)


def test_every_operation_has_a_kind() -> None:
    assert profiling.kind_of("aten::bmm") == profiling.PRODUCTS
    assert profiling.kind_of("aten::convolution_backward") == profiling.CONVOLUTIONS
    assert profiling.kind_of("aten::sigmoid_backward") == "elementwise and sums"
    assert profiling.kind_of("aten::slice") == "views, autograd and Python"
    assert profiling.kind_of("_GlimpseBackward") == "views, autograd and Python"
    assert profiling.kind_of("aten::_fused_adam_") == "optimiser and clipping"
