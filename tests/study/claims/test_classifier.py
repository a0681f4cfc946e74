"""The judge of digits: it learns, comes back as it was, and tells sets of images apart only where
they differ."""

import numpy as np
import pytest
import torch

from dcrw.training.data import Split
from dcrw.training.datasets.table import load
from dcrw.training.files import RunError, read_record, write_record
from study import statistics
from study.claims import classifier
from study.claims.classifier import ClassifierSettings

CPU = torch.device("cpu")
QUICK = ClassifierSettings(epochs=1, batch_size=10)
SETTINGS = ClassifierSettings(epochs=4, batch_size=50, learning_rate=4e-3)


@pytest.fixture(scope="module")
def dataset():
    return load("digits")


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    target = tmp_path_factory.mktemp("judge")
    return classifier.train(dataset, target, SETTINGS, CPU, threads=1)


def noise(count: int, size: int = 8, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, size, size), generator=generator, dtype=torch.uint8)


def test_it_learns_digits_and_says_how_well(dataset, folder):
    described = classifier.provenance(folder)
    assert described["accuracy"]["test"]["n"] == len(dataset.test.images)
    assert described["accuracy"]["test"]["value"] >= 0.85
    assert described["training_images"] == len(dataset.train.images)
    assert described["settings"] == SETTINGS.model_dump()
    assert described["device"]["threads"] == 1
    model = classifier.load(folder)
    assert not model.training
    found = classifier.outputs(model, dataset.test.images)
    right = (found.logits.argmax(1) == dataset.test.labels).double().mean().item()
    assert right == described["accuracy"]["test"]["value"]


def test_outputs_do_not_depend_on_batches(dataset, folder):
    model, images = classifier.load(folder), dataset.test.images[:31]
    whole, parts = (classifier.outputs(model, images, batch_size) for batch_size in (31, 7))
    assert whole.features.shape == (31, classifier.FEATURES) and whole.logits.shape == (31, 10)
    assert (whole.features >= 0).all()
    torch.testing.assert_close(whole, parts)
    torch.testing.assert_close(whole.logits, model(images / 255).detach())


def test_a_seed_fixes_the_weights_and_nothing_else_changes():
    images, labels = noise(40), torch.arange(40) % 3
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again = (classifier.fit(images, labels, 3, QUICK, CPU) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    other = classifier.fit(images, labels, 3, QUICK.model_copy(update={"seed": 1}), CPU)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert name.endswith("bias") or not torch.equal(value, other.state_dict()[name])


def test_noise_is_told_from_digits(dataset):
    digits = dataset.train.images[:100]
    found = classifier.two_sample_accuracy(digits, noise(100, 28), QUICK, CPU)
    assert found == (1.0, 40)


def test_two_halves_of_one_set_are_not_told_apart():
    images = noise(800)
    found = classifier.two_sample_accuracy(images[:400], images[400:], QUICK, CPU)
    low, high = statistics.coin_range(found.n)
    assert found.n == 160 and low <= found.value <= high


def test_images_that_were_trained_on_are_held_out():
    """Sets that differ in their first four fifths alone are not told apart in the last."""
    same = torch.full((50, 8, 8), 128, dtype=torch.uint8)
    bright = same.clone()
    bright[:40] = 255
    assert classifier.two_sample_accuracy(same, bright, QUICK, CPU) == (0.5, 20)


def test_damaged_or_missing_classifiers_are_refused(folder, tmp_path):
    with pytest.raises(RunError, match=r"classifier\.json: no such file\. Train the classifier"):
        classifier.load(tmp_path)
    content = (folder / "classifier.safetensors").read_bytes()
    described = read_record(folder / "classifier.json", "")
    described.pop("files")
    write_record(tmp_path / "classifier.json", described)
    (tmp_path / "classifier.safetensors").write_bytes(content[:100])
    with pytest.raises(RunError, match="not a readable safetensors file"):
        classifier.load(tmp_path)
    (tmp_path / "classifier.safetensors").write_bytes(content)
    classifier.load(tmp_path)
    write_record(tmp_path / "classifier.json", described | {"classes": 3})
    with pytest.raises(RunError, match=r"tensor output\.weight has shape \(10, 64\)"):
        classifier.load(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (noise(4).float(), torch.zeros(4).long(), r"torch\.float32; expected torch\.uint8"),
        (noise(4)[:, :5], torch.zeros(4).long(), r"shape \(4, 5, 8\); expected \(n, 8, 8\)"),
        (noise(0), torch.zeros(0).long(), r"shape \(0, 8, 8\)"),
        (noise(4), torch.zeros(3).long(), r"labels have shape \(3,\); expected \(4,\)"),
        (noise(4), torch.arange(4), "labels run from 0 to 3; expected 0 to 2"),
        (noise(4), torch.arange(-1, 3), "labels run from -1 to 2"),
    ],
)
def test_impossible_images_and_labels(images, labels, message):
    with pytest.raises(ValueError, match=message):
        classifier.fit(images, labels, 3, QUICK, CPU)


def test_impossible_sets():
    model = classifier.Classifier(8, 2)
    with pytest.raises(ValueError, match=r"expected \(n, 8, 8\)"):
        classifier.outputs(model, noise(3, 9))
    with pytest.raises(ValueError, match=r"second has shape \(6, 8, 8\); expected \(5, 8, 8\)"):
        classifier.two_sample_accuracy(noise(5), noise(6), QUICK, CPU)
    with pytest.raises(ValueError, match="first has 4 images; expected at least 5"):
        classifier.two_sample_accuracy(noise(4), noise(4), QUICK, CPU)


def test_accuracy_counts():
    model = classifier.Classifier(8, 2)
    images = noise(20)
    labels = classifier.outputs(model, images).logits.argmax(1)
    labels[:5] = 1 - labels[:5]
    np.testing.assert_allclose(classifier.accuracy(model, Split(images, labels)), (0.75, 20))
