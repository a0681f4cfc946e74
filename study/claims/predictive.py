"""What n runs say about one more: predictive intervals and densities, and rules made of them.

Runs of one cell that differ in their seed alone are taken as normal with unknown mean and variance.
One more run then follows Student's t with n - 1 degrees of freedom around the mean of the n, with
scale s sqrt(1 + 1/n). What a printed value has beside its run's, as the minibatches' spread where
it was read off a single minibatch, is `beside`: a standard deviation (...), in the values' unit,
whose square is added to the scale's. Leading axes (...) are independent cases.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from study.statistics import student

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
ALPHA = 0.05  # of a whole table
AT_MOST_RELATIVE = 0.25  # half-width of a sharp account, as a share of the printed value
AT_MOST_APART = 0.02  # accuracy above that on training digits
FAILURE = 0.05  # chance with which one seed may fail a rule that is kept to


class Distance(NamedTuple):
    """What the distance of a value to its reference says; neither is true where n is too small."""

    holds: Bools  # (...)
    contradicted: Bools  # (...)


def half_width(values: ArrayLike, alpha: float, beside: ArrayLike = 0.0) -> Floats:
    """Half the width of the 1 - alpha predictive interval of one more run, (...).

    values: (..., n), in the unit of the result. Raises `ValueError` below two runs.
    """
    _, scale, freedom = _predictive(values, beside)
    return stats.t.ppf(1 - alpha / 2, freedom) * scale


def interval(values: ArrayLike, alpha: float, beside: ArrayLike = 0.0) -> tuple[Floats, Floats]:
    """The 1 - alpha predictive interval of one more run, low and high (...); values: (..., n)."""
    mean, reach = _predictive(values, beside)[0], half_width(values, alpha, beside)
    return mean - reach, mean + reach


def compatible(
    values: ArrayLike, printed: ArrayLike, alpha: float = ALPHA, beside: ArrayLike = 0.0
) -> Bools:
    """Whether all k values of a printed table (..., k) lie in the predictive intervals of an
    account (..., k, n), each at alpha / k (Bonferroni), (...)."""
    target = np.asarray(printed, dtype=float)
    low, high = interval(values, alpha / target.shape[-1], beside)
    return np.all((low <= target) & (target <= high), axis=-1)


def sharp(
    values: ArrayLike,
    printed: ArrayLike,
    alpha: float = ALPHA,
    at_most_relative: float = AT_MOST_RELATIVE,
    beside: ArrayLike = 0.0,
) -> Bools:
    """Whether an account (..., k, n) says anything of a printed table (..., k): no half-width at
    alpha / k is more than a share of the printed value, (...)."""
    target = np.abs(np.asarray(printed, dtype=float))
    reach = half_width(values, alpha / target.shape[-1], beside)
    return np.all(reach <= at_most_relative * target, axis=-1)


def log_likelihood(values: ArrayLike, printed: ArrayLike, beside: ArrayLike = 0.0) -> Floats:
    """Log of an account's (..., k, n) predictive density at a printed table (..., k), its values
    taken as independent, (...); nats, up to the table's unit.

    Raises `ValueError` where runs do not differ: they then have no density.
    """
    mean, scale, freedom = _predictive(values, beside)
    if not (scale > 0).all():
        raise ValueError("runs do not differ: a predictive density needs a spread over seeds")
    return stats.t.logpdf(np.asarray(printed, dtype=float), freedom, mean, scale).sum(-1)


def allowed_failures(n: int, failure: float = FAILURE, level: float = 0.95) -> int:
    """How many of n seeds may fail: the least k that Binomial(n, failure) keeps to with probability
    `level`."""
    return int(stats.binom.ppf(level, n, failure))


def count_holds(passed: ArrayLike) -> Bools:
    """Whether no more of n seeds fail than are allowed, (...); passed: (..., n) booleans."""
    found = np.asarray(passed, dtype=bool)
    return (~found).sum(-1) <= allowed_failures(found.shape[-1])


def reference_distance(
    values: ArrayLike, reference: ArrayLike, at_most: float = AT_MOST_APART
) -> Distance:
    """How far values over seeds (..., n) lie above their reference, one or one per seed: it holds
    where the 95% interval over seeds ends at `at_most` or below, and is contradicted where the
    interval lies above. Raises `ValueError` below two seeds."""
    apart = np.asarray(values, dtype=float) - np.asarray(reference, dtype=float)
    n = apart.shape[-1]
    reach = student(n) * apart.std(axis=-1, ddof=1) / np.sqrt(n)
    middle = apart.mean(-1)
    return Distance(middle + reach <= at_most, middle - reach > at_most)


def _predictive(values: ArrayLike, beside: ArrayLike) -> tuple[Floats, Floats, int]:
    """Location (...), scale (...) and degrees of freedom of one more run after those in values
    (..., n)."""
    found = np.asarray(values, dtype=float)
    n = found.shape[-1]
    if n < 2:
        raise ValueError(f"n = {n}: expected at least 2 runs")
    if not np.isfinite(found).all():
        raise ValueError("values of runs: expected finite numbers")
    variance = found.var(axis=-1, ddof=1) * (1 + 1 / n) + np.square(beside)
    return found.mean(-1), np.sqrt(variance), n - 1
