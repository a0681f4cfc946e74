"""How noise shared between steps lowers the losses, measured on a run's weights.

<run>/evaluation/
    mechanism_steps.csv  by step: probes, sigmas, the noise left in z_t - z_1
    mechanism.csv        losses as drawn and with latents replaced; Eq. 27's constant in three ways
    correlations.csv     the same weights under noise of other correlations
    bounds.csv           importance-weighted bounds under independent noise
    forensics.json       settings, software, device, time

`forensics.json` and the notebook `forensics.ipynb` keep the name under which the first runs were
measured.

Sizes: n images, T steps, z latent dimensions per step, D LSTM units, m noise draws.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from dcrw.model import losses
from dcrw.model.config import Section
from dcrw.model.writer import Model
from dcrw.training.binarisation import binarised
from dcrw.training.config import EvaluationConfig
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.evaluation import split_losses
from dcrw.training.files import write_table
from dcrw.training.measuring import Measuring, noise_for
from dcrw.training.run import Run
from study.noise import bounds
from study.noise.course import Course, Replace, as_drawn, first_repeated, follow, replaced_at

CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
FIRST_COUNTER = 1 << 33  # of the noise, clear of what evaluation and bounds draw
PROBED = 4  # noise draws per image that a probe is fitted to

Floats = NDArray[np.float64]


class MechanismSettings(Section):
    """What is measured on a finished run to see what its noise does."""

    images: int = Field(
        1000, ge=10, le=1_000_000, description="first test images, for all but the bound"
    )
    draws: int = Field(
        16, ge=2, le=1000, description="noise draws per image for the noise left in z_t - z_1"
    )
    bound_images: int = Field(500, ge=2, le=1_000_000, description="first test images of the bound")
    bound_samples: int = Field(
        500, ge=1, le=1_000_000, description="k, samples per image of the importance-weighted bound"
    )
    batch_size: int = Field(1000, ge=1, le=100_000, description="images per forward pass")
    seed: int = Field(1234, ge=0, lt=2**31, description="seed of all noise")


def missing_latent(correlation: float, steps: int, latent_size: int) -> float:
    """What the sum of Eq. 26 leaves out of the KL when the noise of the steps is correlated, nats.

    For posteriors that know x alone (no attention in read): z_1..z_T given x are then jointly
    Gaussian, and Eq. 26 counts their marginals. The difference is their total correlation,
    -(z/2) [(T - 1) log(1 - r) + log(1 + (T - 1) r)]; infinite for r = 1 and more than one step.
    Raises `ValueError` for a correlation out of [0, 1].
    """
    if not 0 <= correlation <= 1:
        raise ValueError(f"correlation = {correlation}: expected 0 to 1")
    if steps == 1:
        return 0.0
    if correlation == 1:
        return math.inf
    apart, along = math.log1p(-correlation), math.log1p((steps - 1) * correlation)
    return -0.5 * latent_size * ((steps - 1) * apart + along)


def latent_conventions(mean: Tensor, log_sigma: Tensor) -> dict[str, Tensor]:
    """L_z (n,) of the same posteriors (T, n, z) with Eq. 27's constant read in three ways.

    `exact` subtracts 1/2 for each dimension and step, `as_printed` T/2 in all, and
    `half_t_each_step` T/2 at each step, as public code of 2016 did: exact where z = T.
    """
    steps = len(mean)
    printed = losses.latent_loss(mean, log_sigma, "as-printed").sum(0)
    return {
        "exact": losses.latent_loss(mean, log_sigma).sum(0),
        "as_printed": printed,
        "half_t_each_step": printed + 0.5 * steps - 0.5 * steps * steps,
    }


def probe(features: Floats, targets: Floats, images: NDArray[np.int64]) -> float:
    """R^2 of a linear prediction of targets (n, z) from features (n, D), on images left out.

    images: (n,) which image each row belongs to; all of an image's rows are left out together, in
    one of five folds. Ridge regression on standardised features, its penalty chosen within the
    training folds; dimensions count by their variance. At most 1; about 0 where the features say
    nothing.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 5, 9)))
    predicted = cross_val_predict(regression, features, targets, groups=images, cv=GroupKFold(5))
    return float(r2_score(targets, predicted, multioutput="variance_weighted"))


def sigma_agreement(log_sigma: Floats) -> dict[str, Floats]:
    """How closely sigma_t equals sigma_1, by step: (T, n, z) to the mean distance of
    log sigma_t from log sigma_1 and their correlation over images and dimensions, (T,) each."""
    flat = log_sigma.reshape(len(log_sigma), -1)
    centred = flat - flat.mean(1, keepdims=True)
    scale = np.sqrt((centred**2).sum(1))
    with np.errstate(invalid="ignore"):
        correlation = centred @ centred[0] / (scale * scale[0])
    return {
        "log_sigma_distance": np.abs(flat - flat[0]).mean(1),
        "log_sigma_correlation": correlation,
    }


def difference_noise(latent: Floats, log_sigma: Floats) -> dict[str, Floats]:
    """What noise is left in z_t - z_1 given x, and what it lets through, by step, (T,) each.

    latent, log_sigma: (T, m, n, z), m noise draws of the same images.

    `difference_variance`: of z_t - z_1 over noise draws, mean over images and dimensions.
    `difference_over_prior`: the same over 2, that of independent draws of unit variance.
    `difference_over_posterior`: the same over the mean of sigma_t^2 + sigma_1^2, that of
    independent draws with these sigmas (and more where mu_t follows earlier draws).
    `difference_signal`: variance over images of the mean of z_t - z_1 over draws, mean over
    dimensions, less what the finite number of draws adds.
    `difference_nats`: sum over dimensions of log(1 + signal / noise) / 2, what a Gaussian channel
    with this signal and this noise would carry; infinite where noise is gone and signal is not.
    """
    draws = latent.shape[1]
    difference = latent - latent[:1]
    noise = difference.var(1, ddof=1).mean(1)  # (T, z)
    signal = (difference.mean(1).var(1, ddof=1) - noise / draws).clip(min=0)
    variances = np.exp(2 * log_sigma).mean((1, 2, 3))
    with np.errstate(divide="ignore", invalid="ignore"):
        carried = np.where(signal > 0, 0.5 * np.log1p(signal / noise), 0.0)
    return {
        "difference_variance": noise.mean(1),
        "difference_over_prior": noise.mean(1) / 2,
        "difference_over_posterior": noise.mean(1) / (variances + variances[0]),
        "difference_signal": signal.mean(1),
        "difference_nats": carried.sum(1),
    }


def active_units(mean: Floats, threshold: float = 0.01) -> NDArray[np.int64]:
    """Latent dimensions that tell images apart, by step: (m, T, n, z), m noise draws, to (T,).

    Active is a dimension whose posterior mean, averaged over draws, varies over images by more than
    the threshold (Burda and others, 2016).
    """
    return (mean.mean(0).var(1, ddof=1) > threshold).sum(1)


def conditions_table(model: Model, images: Tensor, settings: MechanismSettings) -> pd.DataFrame:
    """Losses under the run's own noise correlation, with latents as drawn and replaced.

    images: (n, A, A) uint8. Rows, by `condition`: `as drawn`; `first repeated`, z_1 at all steps;
    `step t replaced`, z_t from the prior, for each t. Columns: mean L_x, exact L_z and their sum
    with standard errors over images, nats, and L_z by the other two of `latent_conventions`.
    """
    conditions: dict[str, Callable[[Tensor], Replace]] = {
        "as drawn": lambda prior: as_drawn,
        "first repeated": lambda prior: first_repeated,
    }
    for place in range(model.config.steps):
        conditions[f"step {place + 1} replaced"] = partial(replaced_at, place)
    rows = []
    for name, condition in conditions.items():
        course = _follow_all(model, images, settings, condition=condition)
        latent = latent_conventions(course.mean, course.log_sigma)
        rows.append(
            {
                "condition": name,
                "noise_correlation": model.config.noise_correlation,
                "images": len(images),
                **_losses(_reconstruction(model, course, images), latent["exact"].numpy()),
                "latent_as_printed": latent["as_printed"].mean().item(),
                "latent_half_t_each_step": latent["half_t_each_step"].mean().item(),
            }
        )
    return pd.DataFrame(rows)


def steps_table(model: Model, images: Tensor, settings: MechanismSettings) -> pd.DataFrame:
    """What each step adds, under the run's own noise correlation.

    images: (n, A, A) uint8. Columns by `step`: `latent`, mean L_z of the step, nats; `probe_mean`
    and `probe_latent`, R^2 of mu_t and of z_t predicted from h_{t-1}^dec (`probe`); `active`
    (`active_units`); `sigma`, the mean of sigma_t; those of `sigma_agreement` and of
    `difference_noise`.
    """
    courses = [_follow_all(model, images, settings, draw) for draw in range(settings.draws)]
    one = courses[0]
    draws = {
        name: torch.stack([getattr(course, name) for course in courses], dim=1).double().numpy()
        for name in ("latent", "log_sigma")
    }
    hidden, latent, mean = (
        torch.cat([getattr(course, name) for course in courses[:PROBED]], dim=1).double().numpy()
        for name in ("hidden", "latent", "mean")
    )
    which = np.tile(np.arange(len(images)), len(courses[:PROBED]))
    return pd.DataFrame(
        {
            "step": range(1, model.config.steps + 1),
            "noise_correlation": model.config.noise_correlation,
            "images": len(images),
            "latent": losses.latent_loss(one.mean, one.log_sigma).mean(1).double().numpy(),
            "probe_mean": [probe(*step, which) for step in zip(hidden, mean, strict=True)],
            "probe_latent": [probe(*step, which) for step in zip(hidden, latent, strict=True)],
            "active": active_units(
                torch.stack([course.mean for course in courses]).double().numpy()
            ),
            "sigma": one.log_sigma.exp().mean((1, 2)).double().numpy(),
            **sigma_agreement(one.log_sigma.double().numpy()),
            **difference_noise(**draws),
        }
    )


def correlations_table(model: Model, split: Split, settings: MechanismSettings) -> pd.DataFrame:
    """The same weights under noise of several correlations, on a split's first images.

    Columns: mean L_x, L_z and their sum with standard errors over images, nats, and `missing`
    (`missing_latent`), what makes the sum a bound again; empty where posteriors follow earlier
    draws and no closed form is known.
    """
    config = model.config
    first = Split(*(part[: settings.images] for part in split))
    measured = EvaluationConfig(batch_size=settings.batch_size, seed=settings.seed)
    known = not config.facts.feedback
    rows = []
    for correlation in sorted({*CORRELATIONS, config.noise_correlation}):
        reconstruction, latent = split_losses(model, first, measured, correlation)
        rows.append(
            {
                "noise_correlation": correlation,
                "images": len(latent),
                **_losses(reconstruction, latent.sum(1)),
                "missing": missing_latent(correlation, config.steps, config.latent_size)
                if known
                else math.nan,
            }
        )
    return pd.DataFrame(rows)


def measure_mechanism(
    run: Run, dataset: Dataset, settings: MechanismSettings, device: torch.device, threads: int = 0
) -> Path:
    """Measure a complete run on test images and write the files named above; returns their folder.

    Raises `RunError` where the run is incomplete or damaged, `DataError` where it was trained on
    other images.
    """
    run.require_data(dataset)
    measuring = Measuring(settings, device, threads)
    model = run.model().to(device)
    test = binarised(dataset, run.config.data.binarisation).test
    images = test.images[: settings.images]
    with measuring.ready():
        weights = bounds.log_weights(
            model,
            test.images[: settings.bound_images],
            settings.bound_samples,
            settings.seed,
            settings.batch_size,
        )
        tables = {
            "mechanism_steps": steps_table(model, images, settings),
            "mechanism": conditions_table(model, images, settings),
            "correlations": correlations_table(model, test, settings),
            "bounds": bounds.bounds_table(weights),
        }
    folder = run.folder / "evaluation"
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table)
    parts = [folder / f"{name}.csv" for name in tables]
    measuring.write(folder / "forensics.json", {"run": run.provenance["run"]}, parts)
    return folder


def _follow_all(
    model: Model,
    images: Tensor,
    settings: MechanismSettings,
    draw: int = 0,
    condition: Callable[[Tensor], Replace] = lambda prior: as_drawn,
) -> Course:
    """`follow` for images (n, A, A) uint8 under one draw of noise, batch by batch, on the CPU."""
    noise = noise_for(model, "evaluation", model.config.noise_correlation, settings.seed)
    prior = noise_for(model, "generation", 0, settings.seed)
    courses = []
    for number, batch in enumerate(images.split(settings.batch_size)):
        counter = FIRST_COUNTER + number * settings.draws + draw
        own, first = noise(counter, len(batch)), prior(counter, len(batch))[0]
        courses.append(follow(model, to_unit(batch.to(own.device)), own, condition(first)))
    by_step = {
        name: torch.cat([getattr(course, name) for course in courses], dim=1).cpu()
        for name in ("hidden", "latent", "mean", "log_sigma")
    }
    return Course(canvas=torch.cat([course.canvas for course in courses]).cpu(), **by_step)


def _reconstruction(model: Model, course: Course, images: Tensor) -> Floats:
    cost = losses.reconstruction_loss(model.config, course.canvas, to_unit(images))
    return cost.double().numpy()


def _losses(reconstruction: Floats, latent: Floats) -> dict[str, float]:
    """Means over images (n,) of L_x, L_z and their sum, with standard errors."""
    parts = {
        "reconstruction": reconstruction,
        "latent": latent,
        "total": reconstruction + latent,
    }
    row = {}
    for name, values in parts.items():
        row[name] = float(values.mean())
        row[f"{name}_se"] = float(values.std(ddof=1) / np.sqrt(len(values)))
    return row
