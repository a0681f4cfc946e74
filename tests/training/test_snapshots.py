"""What is drawn along a training."""

import numpy as np
import pytest
import torch
from common import Killed, kill_at
from tiny_runs import assert_same_weights, dataset, tiny

from dcrw.training import loop, snapshots
from dcrw.training.config import Keeping
from dcrw.training.data import to_unit
from dcrw.training.files import DIGEST, RunError, read_sealed_arrays, write_arrays
from dcrw.training.loop import train
from dcrw.training.randomness import step_noise
from dcrw.training.run import Run

__all__ = ["dataset"]  # a fixture


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """Bit-identity is promised there; a GPU, where there is one, has a test of its own."""
    monkeypatch.setattr(loop, "resolve_device", lambda name: torch.device("cpu"))


def test_snapshots_change_nothing_and_survive_a_kill(tmp_path, monkeypatch, dataset):
    config, pictures = tiny(), Keeping(snapshots=3)
    plain = train(Run(tmp_path / "plain"), config, dataset)
    whole = train(Run(tmp_path / "whole"), config, dataset, keeping=pictures)
    cut = Run(tmp_path / "cut")
    with monkeypatch.context() as patch:
        kill_at(patch, 8)
        with pytest.raises(Killed):
            train(cut, config, dataset, keeping=pictures)
    train(cut, config, dataset, keeping=pictures)
    assert_same_weights(plain, whole)
    names = [path.name for path in sorted((whole.folder / "snapshots").iterdir())]
    assert names == [f"{moment:06d}.npz" for moment in snapshots.moments(3, 12)]
    for name in names:
        ours, again = (dict(np.load(run.folder / "snapshots" / name)) for run in (whole, cut))
        assert ours.keys() == {"images", "reconstructed", "generated", DIGEST}
        assert all(np.array_equal(values, again[key]) for key, values in ours.items())
        assert np.array_equal(ours["images"], dataset.test.images[:16].numpy())
    damaged = whole.folder / "snapshots" / names[0]
    write_arrays(damaged, dict(np.load(damaged)) | {"generated": ours["generated"] // 2})
    with pytest.raises(RunError, match=rf"{names[0]}: .*it was edited"):
        read_sealed_arrays(damaged, ("generated",), "")
    last = whole.model()
    noise = torch.as_tensor(step_noise(snapshots.SEED, "generation", 0, (2, 16, 2), 0.0))
    drawn = last(to_unit(dataset.test.images[:16]), noise).canvas.sigmoid()
    found = np.load(whole.folder / "snapshots" / names[-1])["reconstructed"]
    np.testing.assert_allclose(found, 255 * drawn.detach().numpy(), atol=0.51)


@pytest.mark.parametrize("count", [0, 1, 2, 12, 50])
@pytest.mark.parametrize("iterations", [1, 99, 100, 10_000])
def test_moments_are_spread_and_end_with_the_last(count, iterations):
    found = snapshots.moments(count, iterations)
    assert found == sorted(set(found)) and len(found) <= count
    assert all(min(100, iterations) <= moment <= iterations for moment in found)
    if count > 0:
        assert found[-1] == iterations
