"""Intervals and tests, with nothing of this study in them. Where a value is not finite, a
`ValueError` says so."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]

RESAMPLES = 9999


class Permutation(NamedTuple):
    """The result of a permutation test."""

    statistic: float
    p_value: float  # two-sided


def sign_flip_test(differences: ArrayLike, seed: int = 0) -> Permutation:
    """Whether paired differences (n,) are symmetric around 0, by their mean. Raises `ValueError`.

    9,999 flips of signs, or all 2^n where they are fewer; the smallest p is then 2/10,000.
    """
    return _permutation_test("samples", seed, differences=differences)


def two_sample_test(first: ArrayLike, second: ArrayLike, seed: int = 0) -> Permutation:
    """Whether two independent samples (n,) and (m,) have one distribution, by the difference of
    means, first minus second. 9,999 permutations, or all where they are fewer. Raises
    `ValueError`."""
    return _permutation_test("independent", seed, first=first, second=second)


def coin_range(tosses: int, level: float = 0.95) -> tuple[float, float]:
    """The shares of heads between which a fair coin's lies with probability `level`, equal tails.

    Raises `ValueError`.
    """
    if tosses < 1:
        raise ValueError(f"tosses = {tosses}: expected at least 1")
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: expected more than 0 and less than 1")
    low, high = stats.binom.interval(level, tosses, 0.5)
    return float(low / tosses), float(high / tosses)


def _permutation_test(kind: str, seed: int, **named: ArrayLike) -> Permutation:
    samples = tuple(finite_vector(values, name) for name, values in named.items())
    for name, values in zip(named, samples, strict=True):
        if len(values) < 2:
            raise ValueError(f"{name} has {len(values)} values; expected at least 2")
    result = stats.permutation_test(
        samples,
        _mean_difference,
        permutation_type=kind,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1000,
        rng=np.random.default_rng(seed),
    )
    return Permutation(float(result.statistic), float(result.pvalue))


def _mean_difference(*samples: Floats, axis: int) -> Floats:
    means = [sample.mean(axis=axis) for sample in samples]
    return means[0] - means[1] if len(means) == 2 else means[0]


def finite_vector(values: ArrayLike, name: str) -> Floats:
    """As `finite_array`, of one dimension."""
    return finite_array(values, name, dimensions=1)


def finite_array(values: ArrayLike, name: str, dimensions: int) -> Floats:
    """Values in double precision. Raises `ValueError` where there are none, where they have another
    number of dimensions, or where one is not finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions or len(array) < 1:
        raise ValueError(
            f"{name} has shape {array.shape}; expected {dimensions} dimensions and no empty one"
        )
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name} has {count} values that are not finite; expected none")
    return array


def known_interval(interval: tuple[float, float]) -> tuple[float, float] | None:
    """The interval, or None where it is not a number."""
    return None if np.isnan(interval[0]) else interval


def student_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """95% interval of a mean over seeds (Student's t); not a number below two seeds."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    reach = student(len(values)) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - reach, values.mean() + reach


def student(n: int) -> float:
    """The factor of a 95% interval over n seeds. Raises `ValueError` below two."""
    if n < 2:
        raise ValueError(f"n = {n}: expected at least 2 seeds")
    return float(stats.t.ppf(0.975, n - 1))


def welch_interval(
    one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray
) -> tuple[float, float]:
    """95% interval of mean(one) - mean(other) of independent samples with spreads of their own
    (Welch's t); not a number where either has fewer than two values."""
    samples = [np.asarray(values, dtype=float) for values in (one, other)]
    if min(map(len, samples)) < 2:
        return np.nan, np.nan
    difference = samples[0].mean() - samples[1].mean()
    variances = np.array([values.var(ddof=1) / len(values) for values in samples])
    total = variances.sum()
    if total == 0:
        return difference, difference
    freedom = total**2 / sum(
        variance**2 / (len(values) - 1) for variance, values in zip(variances, samples, strict=True)
    )
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(total)
    return float(difference - reach), float(difference + reach)


def holm_levels(p_values: ArrayLike, alpha: float = 0.05) -> Floats:
    """The level alpha_i at which each of m hypotheses is tested by Holm's procedure, (m,).

    The i-th smallest p is held against alpha / (m - i + 1); from the first that is not rejected on,
    the level stays. A hypothesis is rejected where p_i <= alpha_i, and so an interval at
    1 - alpha_i excludes what is rejected and nothing else. Raises `ValueError`.
    """
    values = finite_vector(p_values, "p_values")
    levels, level, rejecting = np.empty(len(values)), alpha, True
    for rank, index in enumerate(np.argsort(values, kind="stable")):
        if rejecting:
            level = alpha / (len(values) - rank)
            rejecting = bool(values[index] <= level)
        levels[index] = level
    return levels
