"""Windows, attention and heat maps: known answers, once more in loops, and the files of a run."""

import json
import math

import numpy as np
import pytest
import reference
import torch
from gaze_project import split

from dcrw.model import attention
from dcrw.model.attention import conventions
from dcrw.model.config import ModelConfig
from dcrw.training.config import EvaluationConfig
from dcrw.training.data import Dataset
from dcrw.training.engine import initial_model
from dcrw.training.evaluation import split_losses
from dcrw.training.files import RunError
from dcrw.training.randomness import step_noise
from dcrw.training.run import Run
from study.gaze import measure as gaze
from study.gaze.measure import (
    ALL,
    COLUMNS,
    GazeSettings,
    measure,
    of_windows,
    overlap,
    profiles,
    record,
)

CPU = torch.device("cpu")


TINY = {
    "image_size": 9,
    "steps": 3,
    "latent_size": 2,
    "hidden_size": 6,
    "read_size": 3,
    "write_size": 2,
}


SETTINGS = GazeSettings(batch_size=5, seed=7)


READINGS = {
    "defaults": {},
    "mixed": {"indexing": "mixed", "filter_normaliser": "clamped-sum"},
    "four": {"window_parameters": "four", "filter_exponent": "squared-ratio"},
}


def model_of(**settings):
    return initial_model(ModelConfig(**(TINY | settings)), 3)


def emitted(x: float, y: float, stride: float, sigma: float, size: int, image: int) -> torch.Tensor:
    """(1, 1, 5) numbers of a window at a place in pixels, 0 in the middle of the first."""
    scale = 2 / (image + 1)
    return torch.tensor(
        [
            (x + 1) * scale - 1,
            (y + 1) * scale - 1,
            2 * math.log(sigma),
            math.log(stride * (size - 1) / (image - 1)),
            math.log(2.0),
        ]
    ).expand(1, 1, 5)


def test_sharp_filters_put_all_attention_on_their_centres():
    config = ModelConfig(**TINY)
    image = torch.zeros(1, 9, 9)
    image[0, 3, 5] = 1  # under the middle filter
    values, profile = of_windows(emitted(5, 3, 2, 0.01, 3, 9), 3, image, config)
    heat = gaze.heat(profile, torch.ones(1, 1))[0, 0]
    expected = torch.zeros(9, 9)
    expected[1:6:2, 3:8:2] = 1 / 9  # rows 1, 3, 5 and columns 3, 5, 7
    torch.testing.assert_close(heat, expected, atol=1e-6, rtol=0)
    known = {"x": 5, "y": 3, "extent": 4, "sigma": 0.01, "intensity": 2, "outside": 0, "area": 9}
    known |= {"ink": 1, "focus": 9}  # a ninth of the attention on a pixel with all of the ink
    for name, value in known.items():
        assert values[name].item() == pytest.approx(value, rel=1e-4), name
    assert values["move"].isnan().all()


def test_wide_filters_attend_evenly():
    values, profile = of_windows(
        emitted(4, 4, 1, 1e4, 3, 9), 3, torch.rand(1, 9, 9), ModelConfig(**TINY)
    )
    assert values["area"].item() == pytest.approx(81, rel=1e-4)
    assert values["focus"].item() == pytest.approx(1, rel=1e-4)
    torch.testing.assert_close(profile, torch.full((1, 1, 2, 9), 1 / 9), rtol=1e-4, atol=0)


def test_filters_off_the_image_are_counted_and_see_its_border():
    values, profile = of_windows(
        emitted(-1, 4, 4, 0.01, 3, 9), 3, torch.ones(1, 9, 9), ModelConfig(**TINY)
    )
    assert values["outside"].item() == pytest.approx(2 / 3)  # columns -5, -1 and 3; rows 0, 4, 8
    torch.testing.assert_close(profile[0, 0, 0, [0, 3]], torch.tensor([2 / 3, 1 / 3]))


def test_a_window_moves_from_step_to_step():
    steps = torch.cat([emitted(2, 2, 1, 1, 3, 9), emitted(5, 6, 1, 1, 3, 9)])
    values, _ = of_windows(steps, 3, torch.ones(1, 9, 9), ModelConfig(**TINY))
    assert values["move"][1].item() == pytest.approx(5, rel=1e-5)


@pytest.mark.parametrize(
    ("centre", "extent", "expected"),
    [
        (2.0, 3.0, [0, 1, 1, 1, 0]),
        (2.0, 2.0, [0, 0.5, 1, 0.5, 0]),
        (0.0, 3.0, [1, 1, 0, 0, 0]),
        (-3.0, 2.0, [0, 0, 0, 0, 0]),
        (1.6, 0.0, [0, 0, 0, 0, 0]),
    ],
)
def test_overlap_of_a_square_with_pixels(centre, extent, expected):
    weights = overlap(torch.full((1, 2), centre), torch.tensor([extent]), 5)
    torch.testing.assert_close(weights[0], torch.tensor([expected, expected]).float())


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "draw"])
def test_measure_agrees_with_loops(architecture, reading):
    model, images = model_of(architecture=architecture, **READINGS[reading]), split()
    config = model.config
    measured = measure(model, images, SETTINGS)
    parts = {"read", "write"} if architecture != "dcrw-write-only" else {"write"}
    assert set(measured.maps) == parts
    expected = {part: np.zeros((3, 3, 9, 9)) for part in parts}
    for number in range(3):  # batches of 5, 5 and 3
        own = slice(5 * number, 5 * number + 5)
        pixels = images.images[own].float() / 255
        noise = step_noise(7, "evaluation", number, (3, len(pixels), 2), 0.0)
        trace = model.trace(pixels, torch.tensor(noise))
        for part in parts:
            size = config.read_size if part == "read" else config.write_size
            windows = getattr(trace, f"{part}_window").double().numpy()
            for step, index in np.ndindex(windows.shape[:2]):
                heat, known = loops(windows[step, index], size, pixels[index].numpy(), config)
                image = 5 * number + index
                expected[part][image % 3, step] += heat
                for quantity, value in known.items():
                    found = measured.values[part, quantity][image, step]
                    assert found == pytest.approx(value, rel=2e-3, abs=1e-5), quantity
        kl = measured.values["latent", "kl"][own]
        np.testing.assert_allclose(kl.T, trace.kl.numpy(), rtol=1e-5, atol=1e-6)
    for part in parts:
        np.testing.assert_allclose(measured.maps[part], expected[part], rtol=1e-3, atol=1e-6)
        counts = np.array([5, 4, 4])[:, None]
        np.testing.assert_allclose(
            measured.maps[part].sum((2, 3)), np.broadcast_to(counts, (3, 3)), rtol=1e-5
        )


def loops(window, size, image, config):
    """Attention of a window and what is measured of it, pixel by pixel and filter by filter."""
    across, down, gamma = reference.banks(window, size, config)
    heat = np.zeros(image.shape)
    for row, column in np.ndindex(heat.shape):
        for i, j in np.ndindex(size, size):
            heat[row, column] += down[i, row] * across[j, column]
    heat /= heat.sum()
    x, y, stride, variance, _ = reference.window(window, size, config.image_size, config)
    first = 1 if config.indexing == "one-based" else 0
    offsets = [(i + first - size / 2 - 0.5) * stride - first for i in range(size)]
    columns, rows = [x + offset for offset in offsets], [y + offset for offset in offsets]
    centre = (np.mean(columns), np.mean(rows))
    inside = [
        -0.5 <= column <= config.image_size - 0.5 and -0.5 <= row <= config.image_size - 0.5
        for column in columns
        for row in rows
    ]
    entropy = -sum(share * math.log(share) for share in heat.ravel() if share > 0)
    known = {
        "x": centre[0],
        "y": centre[1],
        "extent": stride * (size - 1),
        "sigma": math.sqrt(variance),
        "intensity": gamma,
        "outside": 1 - np.mean(inside),
        "area": math.exp(entropy),
        "focus": (heat * image).sum() / image.mean(),
    }
    return heat, known


def test_one_draw_of_noise_as_in_the_evaluation():
    model, images = model_of(noise_correlation=1.0), split()
    settings = EvaluationConfig(batch_size=5, seed=7, noise_draws=1)
    _, latent = split_losses(model, images, settings, 1.0)
    measured = measure(model, images, SETTINGS)
    np.testing.assert_allclose(measured.values["latent", "kl"], latent, rtol=1e-6)


def test_a_filter_that_vanishes_leaves_no_attention():
    config = ModelConfig(**TINY, filter_normaliser="clamped-sum")
    far = emitted(-500, 4, 1, 0.5, 3, 9).flatten(0, 1)
    window = attention.window(far, 3, 9, conventions(config))
    found = profiles(window, 3, config)[0]
    assert found[0].sum() == 0 and found[1].sum() == pytest.approx(1)


def test_the_table_holds_means_by_class_and_step():
    labels = np.array([0, 0, 1])
    values = {
        ("read", "x"): np.array([[1.0, 3.0], [3.0, 5.0], [8.0, 10.0]]),
        ("read", "move"): np.array([[np.nan, 1.0], [np.nan, 3.0], [np.nan, 5.0]]),
    }
    table = gaze.table(values, labels).set_index(["class", "step", "quantity"])
    assert list(table.columns) == ["part", "images", "mean", "sd"]
    assert table.loc[("0", "1", "x")].tolist() == ["read", 2, 2.0, 1.0]
    assert table.loc[(ALL, "2", "x"), "mean"] == pytest.approx(6)
    assert table.loc[("1", ALL, "x"), "mean"] == 9
    assert table.loc[(ALL, ALL, "move"), "mean"] == 3
    assert (ALL, "1", "move") not in table.index


def test_maps_are_multiples_of_even_attention():
    images = split()
    measured = measure(model_of(), images, SETTINGS)
    arrays = gaze.arrays(measured, images)
    assert arrays["classes"].tolist() == [0, 1, 2]
    for part in ("read", "write"):
        assert arrays[part].shape == (3, 9, 9) and arrays[part].dtype == np.float16
        np.testing.assert_allclose(arrays[part].astype(float).mean((1, 2)), 1, rtol=1e-3)
        np.testing.assert_allclose(arrays[f"{part}_by_class"].astype(float).mean(), 1, rtol=1e-3)
        weights = np.array([5, 4, 4]) / 13
        together = np.einsum("k,kij->ij", weights, arrays[f"{part}_by_class"].astype(float))
        np.testing.assert_allclose(together, arrays[part].astype(float).mean(0), rtol=5e-3)
    ones = images.images[images.labels == 1].double().mean(0)
    assert np.abs(arrays["mean_images"][1] - ones.numpy()).max() <= 0.5


def test_a_measured_run_has_all_its_files(project, recorded):
    entry = recorded["dcrw-shared"]
    folder = (project / entry.source).parent
    made = json.loads((folder / "gaze.json").read_text())
    assert made["settings"] == {"batch_size": 100, "seed": 9} and made["images"] == 30
    assert made["noise_correlation"] == 1 and made["device"]["threads"] == 1
    assert (folder / "gaze.npz").stat().st_size < 100_000
    model = Run(folder.parent).model()
    again = measure(model, split(30, 28), GazeSettings(batch_size=100, seed=9))
    expected = gaze.table(again.values, split(30, 28).labels.numpy())
    merged = entry.table.merge(expected, on=list(COLUMNS)[:5], suffixes=("", "_again"))
    assert len(merged) == len(entry.table) == len(expected)
    np.testing.assert_allclose(merged["mean"], merged.mean_again, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(merged.sd, merged.sd_again, rtol=1e-4, atol=1e-9)


def test_models_without_windows_are_refused():
    with pytest.raises(RunError, match="no windows"):
        measure(model_of(architecture="conv-vae", steps=1), split(), SETTINGS)


def test_unfinished_runs_are_not_measured(tmp_path):
    images = split()
    with pytest.raises(RunError, match="not a complete run"):
        record(Run(tmp_path), Dataset(images, images, images), SETTINGS, CPU)
