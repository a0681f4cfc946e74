"""Which operations are computed as they are written, and which in their fast form."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, get_args

Operation = Literal["windows", "glimpse", "stroke", "convolve_and_pool", "lstm_step", "lstm"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)  # those of `operations` with a fast form

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_plain: frozenset[str] = frozenset()


@contextmanager
def plain(*operations: Operation) -> Iterator[None]:
    """In the body of a `with`, the named operations (none named: all) are computed and
    differentiated as they are written: the reference, and what `torch.func` transforms. Holds for
    the process.

    Raises `ValueError` for a name that is not in OPERATIONS.
    """
    global _plain
    if unknown := set(operations) - set(OPERATIONS):
        raise ValueError(f"operations = {sorted(unknown)}: expected some of {list(OPERATIONS)}")
    before, _plain = _plain, _plain | set(operations or OPERATIONS)
    try:
        yield
    finally:
        _plain = before


def faster(
    fast: Callable[Arguments, Result],
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Let `fast` compute a function, unless `plain` names it."""

    def switch(written: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(written)
        def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            form = written if written.__name__ in _plain else fast
            return form(*args, **kwargs)

        return run

    return switch
