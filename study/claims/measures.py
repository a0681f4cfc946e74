"""What the claims of the paper are judged by, measured on one run: from weights and data to files
that need neither.

<run>/evaluation/
    measures.json   scalars, each with n; settings, software, device, time
    measures.csv    how local updates are, by step
    measures.npz    sharpness image by image, for paired tests between runs
<classifier>/
    reference.json  what real digits score in place of samples

Reconstructions are of the first test images. Samples are compared with test images chosen at
random, since the first 5,000 of MNIST's are easier than the last. What is compared with real digits
is rounded to 8 bits, as they are: a classifier shall not tell them apart by their format.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import Tensor

from dcrw.model.config import Section
from dcrw.training.binarisation import binarised
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.files import write_arrays, write_table
from dcrw.training.measuring import Measuring
from dcrw.training.randomness import generator
from dcrw.training.run import Run
from study import statistics
from study.claims import classifier, quantities
from study.claims.classifier import Classifier, ClassifierSettings
from study.claims.drawings import STEP_MEASURES, Drawn, generate, reconstruct

CONFIDENT = 0.9  # the largest probability from which a digit counts as readable
PERCENTILE = 1.0  # of held-out digits' distances: a sample that is nearer is not novel
Measures = dict[str, dict[str, float]]  # by name: value and n, and sd where it is a mean


class MeasureTarget(Section):
    """Which run is measured, with which classifier."""

    run: str = Field(description="folder of a complete run, relative to the project")
    classifier: str = Field(
        "results/paper/classifier",
        description="folder of a trained digit classifier, relative to the project",
    )


class MeasureSettings(Section):
    """How a run is measured."""

    batch_size: int = Field(500, ge=1, le=100_000, description="images per forward pass")
    seed: int = Field(
        4321,
        ge=0,
        lt=2**31,
        description="seed of noise, of the choice of test images and of the two-sample classifier",
    )
    images: int = Field(
        1000,
        ge=2,
        le=100_000,
        description="test images reconstructed, and samples looked at one by one",
    )
    samples: int = Field(
        5000, ge=10, le=100_000, description="samples, and real digits they are compared with"
    )
    two_sample_epochs: int = Field(
        5, ge=1, le=1000, description="passes of the two-sample classifier over its images"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.images > self.samples:
            raise ValueError(f"images = {self.images}: expected at most samples = {self.samples}")
        return self


class Digits(NamedTuple):
    """Real digits, and a classifier's features of them."""

    train: Tensor  # (m, A, A) uint8
    train_features: Tensor  # (m, d)
    test: Tensor  # (n, A, A) uint8, chosen at random
    test_features: Tensor  # (n, d)


def measure(
    run: Run,
    dataset: Dataset,
    folder: Path,
    settings: MeasureSettings,
    device: torch.device,
    threads: int = 0,
) -> Path:
    """Measure a complete run and write the files named above; returns their folder.

    folder: of the digit classifier. The noise has the run's own correlations. Raises `RunError`
    where run or classifier are incomplete or damaged, `ValueError` where the classifier is for
    images of another size, or where what the run draws is not finite, `DataError` where the run
    was trained on other images.
    """
    run.require_data(dataset)
    dataset = binarised(dataset, run.config.data.binarisation)
    measuring = Measuring(settings, device, threads)
    model, judge = run.model().to(device), classifier.load(folder).to(device)
    _require_size(judge, model.config.image_size, folder)
    split = Split(*(part[: settings.images] for part in dataset.test))
    with measuring.ready():
        drawn = {
            "reconstructed": reconstruct(model, split.images, settings.batch_size, settings.seed),
            "generated": generate(model, settings.samples, settings.batch_size, settings.seed),
        }
        measured: Measures = {}
        for mode, drawing in drawn.items():
            measured |= step_means(mode, drawing, model.config.image_size, settings.images)
        measured |= reconstruction_measures(drawn["reconstructed"].images, split, judge)
        digits = real_digits(dataset.train.images, dataset.test.images, judge, settings)
        measured |= sample_measures(drawn["generated"].images, digits, judge, settings)
    target = run.folder / "evaluation"
    tables = [steps_table(mode, drawing, settings.images) for mode, drawing in drawn.items()]
    write_table(target / "measures.csv", pd.concat(tables))
    sharpness = {
        f"{mode}_sharpness": quantities.sharpness(drawing.images[: settings.images]).float().numpy()
        for mode, drawing in drawn.items()
    }
    write_arrays(target / "measures.npz", sharpness)
    content = {"run": run.provenance["run"]} | _judged_by(folder) | {"measures": measured}
    parts = [target / f"measures.{kind}" for kind in ("csv", "npz")]
    measuring.write(target / "measures.json", content, parts)
    return target


def measure_digits(
    dataset: Dataset,
    folder: Path,
    settings: MeasureSettings,
    device: torch.device,
    threads: int = 0,
) -> Path:
    """Write what training images score in place of samples to `reference.json` in the classifier's
    folder; returns its path.

    They are chosen at random, as a perfect generator would give them, and novelty is measured
    against the others. The classifier was trained on them, so that confidence and what is measured
    in its features are a little better than on other digits. Raises as `measure`.
    """
    measuring = Measuring(settings, device, threads)
    judge = classifier.load(folder).to(device)
    train = dataset.train.images
    _require_size(judge, train.shape[-1], folder)
    count = min(settings.samples, len(train) // 2)
    chosen, others = _choice(settings.seed, 1, len(train)).split([count, len(train) - count])
    with measuring.ready():
        digits = real_digits(train[others], dataset.test.images, judge, settings)
        samples = to_unit(train[chosen])
        measured = sample_measures(samples, digits, judge, settings)
    path = folder / "reference.json"
    measuring.write(path, _judged_by(folder) | {"measures": measured})
    return path


def real_digits(
    train: Tensor, test: Tensor, judge: Classifier, settings: MeasureSettings
) -> Digits:
    """All training images (m, A, A) uint8, and as many of the test images (n, A, A) as there are
    samples, chosen by the seed."""
    test = test[_choice(settings.seed, 0, len(test))[: settings.samples]]
    return Digits(
        train,
        classifier.outputs(judge, train).features,
        test,
        classifier.outputs(judge, test).features,
    )


def step_means(mode: str, drawn: Drawn, image_size: int, images: int) -> Measures:
    """Means over steps 2 to T and the first `images` drawings (claim d); none without such
    steps."""
    measured = {
        f"{mode}.{name}": _mean(values[1:, :images].mean(0))
        for name, values in drawn.steps.items()
        if len(values) > 1
    }
    for name in ("effective_area", "picture_area") if measured else ():
        area = measured[f"{mode}.{name}"]
        share = {key: area[key] / image_size**2 for key in ("value", "sd")}
        measured[f"{mode}.{name}_share"] = share | {"n": area["n"]}
    return measured


def steps_table(mode: str, drawn: Drawn, images: int) -> pd.DataFrame:
    """STEP_MEASURES by step: means and standard deviations over the first `images` drawings."""
    columns = [part for name in STEP_MEASURES for part in (name, f"{name}_sd")]
    steps = len(next(iter(drawn.steps.values()), ()))
    rows = []
    for step in range(steps):
        chosen = [drawn.steps[name][step, :images] for name in STEP_MEASURES]
        moments = [part for values in chosen for part in (values.mean(), values.std())]
        rows.append([mode, step + 1, len(chosen[0]), *(float(part) for part in moments)])
    return pd.DataFrame(rows, columns=["mode", "step", "images", *columns])


def reconstruction_measures(images: Tensor, split: Split, judge: Classifier) -> Measures:
    """Sharpness (claim c) and readability (claim i) of reconstructions (n, A, A) of a split's
    images, beside those of the images themselves."""
    return {
        "reconstructed.sharpness": _mean(quantities.sharpness(images)),
        "reconstructed.accuracy": _accuracy(quantised(images), split.labels, judge),
        "original.sharpness": _mean(quantities.sharpness(to_unit(split.images))),
        "original.accuracy": _accuracy(split.images, split.labels, judge),
    }


def sample_measures(
    samples: Tensor, digits: Digits, judge: Classifier, settings: MeasureSettings
) -> Measures:
    """Sharpness, novelty, two-sample tests and readability (claims c, e, f and i) of samples
    (n, A, A) in [0, 1]."""
    pixels = quantised(samples)
    outputs = classifier.outputs(judge, pixels)
    few = settings.images
    return {
        "generated.sharpness": _mean(quantities.sharpness(samples[:few])),
        **_readability(outputs.logits[:few]),
        **_novelty("pixels", pixels[:few], digits.test[:few], digits.train, unit=255),
        **_novelty(
            "features", outputs.features[:few], digits.test_features[:few], digits.train_features
        ),
        **_frechet(outputs.features, digits, settings),
        **_two_sample(pixels, digits.test, settings, next(judge.parameters()).device),
    }


def quantised(images: Tensor) -> Tensor:
    """Images (n, A, A) in [0, 1] as uint8."""
    return (images * 255).round().to(torch.uint8)


def _cut(images: Tensor) -> Tensor:
    return (images >= 128).to(torch.uint8) * 255


def _readability(logits: Tensor) -> Measures:
    """How sure the classifier is (claim i), and how evenly samples fall into its classes."""
    probabilities = logits.double().softmax(1)
    largest = probabilities.amax(1)
    entropies = torch.special.entr(probabilities).sum(1)
    return {
        "generated.confident": _share(largest >= CONFIDENT),
        "generated.confidence": _mean(largest),
        "generated.entropy": _mean(entropies),  # nats
        "generated.class_entropy": {  # nats, log of the number of classes at most
            "value": torch.special.entr(probabilities.mean(0)).sum().item(),
            "n": len(probabilities),
        },
    }


def _novelty(
    space: str, samples: Tensor, test: Tensor, train: Tensor, unit: float = 1.0
) -> Measures:
    """Claim e: the share of samples nearer to a training image than test images' percentile.

    Distances are in multiples of `unit`: between grey values in [0, 1] where uint8 is given.
    """
    distances, reference = (
        quantities.nearest_distances(values.flatten(1), train.flatten(1)) / unit
        for values in (samples, test)
    )
    found = quantities.share_below(distances, reference, PERCENTILE)
    return {
        f"novelty.{space}.share": {"value": found.share, "n": len(distances)},
        f"novelty.{space}.threshold": {"value": found.threshold, "n": len(reference)},
        f"novelty.{space}.distance": _mean(torch.as_tensor(distances)),
        f"novelty.{space}.test_distance": _mean(torch.as_tensor(reference)),
    }


def _frechet(features: Tensor, digits: Digits, settings: MeasureSettings) -> Measures:
    """Frechet distance of samples from test images, and of training images from them."""
    count = len(digits.test_features)
    train = digits.train_features[_choice(settings.seed, 2, len(digits.train_features))[:count]]
    return {
        f"frechet.{name}": {
            "value": quantities.frechet_distance(values.numpy(), digits.test_features.numpy()),
            "n": len(values),
        }
        for name, values in (("generated", features[:count]), ("reference", train))
    }


def _two_sample(
    samples: Tensor, test: Tensor, settings: MeasureSettings, device: torch.device
) -> Measures:
    """Claim f: how well a classifier tells samples from test images, and a coin's range.

    Beside it the same for pixels cut to black and white at one half, where only shapes are left.
    """
    count = min(len(samples), len(test))
    chosen = ClassifierSettings(seed=settings.seed, epochs=settings.two_sample_epochs)
    samples, test = samples[:count], test[:count]
    grey = classifier.two_sample_accuracy(samples, test, chosen, device)
    binary = classifier.two_sample_accuracy(_cut(samples), _cut(test), chosen, device)
    low, high = statistics.coin_range(grey.n)
    return {
        "two_sample.accuracy": grey._asdict(),
        "two_sample.binary_accuracy": binary._asdict(),
        "two_sample.coin_low": {"value": low, "n": grey.n},
        "two_sample.coin_high": {"value": high, "n": grey.n},
    }


def _choice(seed: int, counter: int, count: int) -> Tensor:
    return torch.as_tensor(generator(seed, "order", counter).permutation(count))


def _accuracy(images: Tensor, labels: Tensor, judge: Classifier) -> dict[str, float]:
    return classifier.accuracy(judge, Split(images, labels))._asdict()


def _mean(values: Tensor) -> dict[str, float]:
    double = values.double()
    return {"value": double.mean().item(), "sd": double.std().item(), "n": len(values)}


def _share(flags: Tensor) -> dict[str, float]:
    return {"value": flags.double().mean().item(), "n": len(flags)}


def _require_size(judge: Classifier, size: int, folder: Path) -> None:
    if judge.image_size != size:
        raise ValueError(
            f"{folder}: classifies images of {judge.image_size} pixels a side; expected {size}"
        )


def _judged_by(folder: Path) -> dict[str, Any]:
    return {"classifier_sha256": classifier.provenance(folder)["sha256"]}
