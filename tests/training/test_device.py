"""Devices: which one, prepared how."""

import pytest
import torch
from tiny_runs import dataset, tiny

from dcrw.training import loop
from dcrw.training.device import DeviceError, prepared, resolve_device
from dcrw.training.loop import train
from dcrw.training.run import Run

__all__ = ["dataset"]  # a fixture


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """Bit-identity is promised there; a GPU, where there is one, has a test of its own."""
    monkeypatch.setattr(loop, "resolve_device", lambda name: torch.device("cpu"))


def test_devices_are_never_swapped(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(DeviceError, match="device = 'cuda': no CUDA device is available"):
        resolve_device("cuda")
    with pytest.raises(DeviceError, match="device = 'tpu': expected auto, cpu or cuda"):
        resolve_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda" and resolve_device("cpu").type == "cpu"


def test_training_leaves_the_process_as_it_was(tmp_path, dataset):
    """Flushed denormals and the number of threads would act on whatever runs next."""
    before = torch.get_num_threads()
    smallest = torch.tensor(1e-310, dtype=torch.float64)
    train(Run(tmp_path), tiny(), dataset, threads=before + 1)
    assert torch.get_num_threads() == before
    assert (smallest * 1).item() > 0
    with prepared(torch.device("cpu"), before + 1):
        assert torch.get_num_threads() == before + 1
        assert (smallest * 1).item() == 0
