"""What is measured on a run, on small models, recomputed from their drawings."""

import json

import nbformat
import numpy as np
import pandas as pd
import pytest
import tiny_runs
import torch
from common import parameters_cell
from pydantic import ValidationError
from tiny_runs import labelled_images

from dcrw.model.config import ConfigError
from dcrw.notebook import sections
from dcrw.training.config import DataConfig, Runtime
from dcrw.training.data import Dataset, Split, to_unit
from dcrw.training.files import RunError, project_root
from dcrw.training.loop import train
from dcrw.training.run import Run
from study.claims import classifier, quantities
from study.claims.classifier import ClassifierSettings
from study.claims.drawings import STEP_MEASURES
from study.claims.measures import (
    Digits,
    MeasureSettings,
    MeasureTarget,
    measure,
    measure_digits,
    quantised,
    real_digits,
    reconstruction_measures,
    sample_measures,
)

CPU = torch.device("cpu")
SETTINGS = MeasureSettings(batch_size=4, images=9, samples=12, two_sample_epochs=1, seed=3)
ARCHITECTURES = ["dcrw", "dcrw-write-only", "draw", "dcrw-stepwise", "conv-vae"]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return labelled_images()


@pytest.fixture(scope="module")
def judge(dataset, tmp_path_factory):
    quick = ClassifierSettings(epochs=2, batch_size=5)
    return classifier.train(dataset, tmp_path_factory.mktemp("judge"), quick, CPU, threads=1)


def trained(folder, dataset, architecture: str, **model) -> Run:
    model |= {"architecture": architecture}
    model |= {"steps": 1 if architecture == "conv-vae" else 3}
    return train(Run(folder), tiny_runs.tiny(model=model), dataset)


def read(folder) -> tuple[dict, pd.DataFrame, dict]:
    with np.load(folder / "measures.npz") as arrays:
        return (
            json.loads((folder / "measures.json").read_text()),
            pd.read_csv(folder / "measures.csv"),
            dict(arrays),
        )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_measured_run_has_all_its_files(tmp_path, dataset, judge, architecture):
    run = trained(tmp_path, dataset, architecture)
    weights = (tmp_path / "model.safetensors").read_bytes()
    folder = measure(run, dataset, judge, SETTINGS, CPU, threads=1)
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    described, table, arrays = read(folder)
    assert described["settings"] == SETTINGS.model_dump()
    assert described["classifier_sha256"] == classifier.provenance(judge)["sha256"]
    assert described["device"]["type"] == "cpu" and "commit" in described["software"]
    found = described["measures"]
    assert all(np.isfinite(entry["value"]) and entry["n"] >= 1 for entry in found.values())
    assert found["two_sample.accuracy"]["n"] == 4 and found["frechet.generated"]["n"] == 12
    assert found["novelty.pixels.share"]["n"] == found["generated.confident"]["n"] == 9
    for mode in ("reconstructed", "generated"):
        values = arrays[f"{mode}_sharpness"]
        assert values.shape == (9,) and values.dtype == np.float32
        assert values.mean() == pytest.approx(found[f"{mode}.sharpness"]["value"], rel=1e-5)
    has_steps = architecture != "conv-vae"
    assert ("reconstructed.effective_area" in found) == has_steps
    assert len(table) == (6 if has_steps else 0)
    assert {f"{name}_sd" for name in STEP_MEASURES} <= set(table.columns)
    if has_steps:
        assert (table.images == 9).all()
        assert table.centre_distance.isna().tolist() == [True, False, False] * 2
        late = table[(table["mode"] == "generated") & (table.step > 1)]
        for name in STEP_MEASURES:
            value = found[f"generated.{name}"]["value"]
            assert value == pytest.approx(late[name].mean(), rel=1e-4)


def test_the_same_run_measures_the_same_again(tmp_path, dataset, judge):
    run = trained(tmp_path, dataset, "dcrw")
    first = read(measure(run, dataset, judge, SETTINGS, CPU, threads=1))
    again = read(measure(run, dataset, judge, SETTINGS, CPU, threads=1))
    assert first[0]["measures"] == again[0]["measures"]
    pd.testing.assert_frame_equal(first[1], again[1])


def real(dataset: Dataset, judge) -> tuple[Digits, classifier.Classifier]:
    model = classifier.load(judge)
    return real_digits(dataset.train.images, dataset.test.images, model, SETTINGS), model


def test_copies_of_training_images_are_not_novel(dataset, judge):
    digits, model = real(dataset, judge)
    copies = to_unit(dataset.train.images[:12])
    found = sample_measures(copies, digits, model, SETTINGS)
    for space in ("pixels", "features"):
        assert found[f"novelty.{space}.share"]["value"] == 1
        assert found[f"novelty.{space}.distance"]["value"] == 0
        assert found[f"novelty.{space}.threshold"]["value"] > 0


def test_distances_are_between_grey_values(dataset, judge):
    digits, model = real(dataset, judge)
    found = sample_measures(torch.zeros(12, 8, 8), digits, model, SETTINGS)
    nearest = np.sqrt(np.square(dataset.train.images.numpy() / 255).sum((1, 2)).min())
    assert found["novelty.pixels.distance"]["value"] == pytest.approx(nearest)


def test_black_and_white_leaves_only_shapes(dataset, judge):
    """Test images themselves in other greys are told apart, but not once both are cut."""
    digits, model = real(dataset, judge)
    wide = SETTINGS.model_copy(update={"samples": 400, "two_sample_epochs": 3})
    images = torch.cat([digits.test] * 20)
    bright = images >= 128
    pale = to_unit((images // 4 + bright * 128).to(torch.uint8))
    many = digits._replace(test=images, test_features=torch.cat([digits.test_features] * 20))
    found = sample_measures(pale, many, model, wide)
    assert found["two_sample.accuracy"]["value"] > 0.9
    assert found["two_sample.binary_accuracy"]["value"] == 0.5


def test_readability_from_probabilities(dataset, judge):
    digits, model = real(dataset, judge)
    samples = to_unit(dataset.validation.images[:12])
    found = sample_measures(samples, digits, model, SETTINGS)
    logits = classifier.outputs(model, dataset.validation.images[:9]).logits.double().numpy()
    odds = np.exp(logits)
    chances = odds / odds.sum(1, keepdims=True)
    expected = {
        "confident": (chances.max(1) >= 0.9).mean(),
        "confidence": chances.max(1).mean(),
        "entropy": -(chances * np.log(chances)).sum(1).mean(),
        "class_entropy": -(chances.mean(0) * np.log(chances.mean(0))).sum(),
    }
    for name, value in expected.items():
        assert found[f"generated.{name}"]["value"] == pytest.approx(value)
        assert found[f"generated.{name}"]["n"] == 9


def test_reconstructions_are_read_beside_their_originals(dataset, judge):
    split = Split(*(part[:9] for part in dataset.test))
    model = classifier.load(judge)
    found = reconstruction_measures(to_unit(split.images), split, model)
    for name in ("sharpness", "accuracy"):
        assert found[f"reconstructed.{name}"] == found[f"original.{name}"]
    expected = quantities.sharpness(split.images / 255).mean()
    assert found["original.sharpness"]["value"] == pytest.approx(float(expected))


def test_test_images_are_a_choice_that_the_seed_makes(dataset, judge):
    digits, _ = real(dataset, judge)
    rows = {tuple(image.flatten().tolist()) for image in digits.test}
    everything = {tuple(image.flatten().tolist()) for image in dataset.test.images}
    assert len(rows) == 12 and rows < everything
    first = {tuple(image.flatten().tolist()) for image in dataset.test.images[:12]}
    assert rows != first


def test_the_reference_of_real_digits(dataset, judge):
    path = measure_digits(dataset, judge, SETTINGS, CPU, threads=1)
    found = json.loads(path.read_text())
    assert path == judge / "reference.json"
    sizes = {name: entry["n"] for name, entry in found["measures"].items()}
    assert sizes["novelty.pixels.share"] == 9 and sizes["frechet.generated"] == 11  # half of 23
    assert found["measures"]["novelty.pixels.distance"]["value"] > 0  # against the others


def test_rounding_to_eight_bits_keeps_the_data():
    images = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    assert torch.equal(quantised(to_unit(images)), images)


def test_what_cannot_be_measured_is_refused(tmp_path, dataset, judge):
    with pytest.raises(RunError, match="not a complete run"):
        measure(Run(tmp_path / "none"), dataset, judge, SETTINGS, CPU)
    run = trained(tmp_path / "run", dataset, "conv-vae")
    with pytest.raises(RunError, match=r"classifier\.json: no such file\. Train the classifier"):
        measure(run, dataset, tmp_path, SETTINGS, CPU)
    large = Dataset(*(Split(torch.ones(5, 9, 9, dtype=torch.uint8), torch.arange(5)),) * 3)
    other = classifier.train(large, tmp_path / "other", ClassifierSettings(epochs=1), CPU)
    with pytest.raises(ValueError, match="images of 9 pixels a side; expected 8"):
        measure(run, dataset, other, SETTINGS, CPU)
    with pytest.raises(ValidationError, match="images = 20: expected at most samples = 12"):
        MeasureSettings(images=20, samples=12)


SECTIONS = {
    "measure": (MeasureTarget, MeasureSettings, Runtime),
    "classifier": (DataConfig, ClassifierSettings, Runtime),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_notebooks_offer_every_setting_with_its_default(name):
    cell = parameters_cell(name)
    values = {key: value for key, (_, value) in cell.items()}
    assert all(type(value).__name__ == kind for kind, value in cell.values())
    if name == "measure":
        target, settings, runtime = sections(dict(values) | {"run": "x"}, *SECTIONS[name])
        assert settings == MeasureSettings()
        assert target == MeasureTarget(run="x")
        offered = set(MeasureSettings.model_fields) | {"run", "classifier", "own_images"}
    else:
        config, settings, runtime = sections(dict(values), *SECTIONS[name])
        assert settings == ClassifierSettings()
        assert config.dataset == "mnist"
        offered = set(ClassifierSettings.model_fields) | {"dataset", "results"}
    assert runtime == Runtime()
    assert set(values) == offered | {"data_root", "device", "threads"}
    wrong = {"run": "x"} if name == "measure" else {}
    with pytest.raises(ConfigError, match="sampels = 3: unknown parameter"):
        sections(wrong | {"sampels": 3}, *SECTIONS[name])
    root = project_root()
    assert nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4).cells
