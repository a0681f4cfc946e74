"""How first weights are drawn, and where the cell's gates stand."""

import numpy as np
import pytest
import torch
from common import TINY

from dcrw.model.config import ModelConfig
from dcrw.model.writer import build
from dcrw.training.profiles import PRESETS


def test_the_forget_bias_is_where_the_forget_gate_is():
    """The gates stand in the order i, f, o, update."""
    config = ModelConfig(architecture="draw", **TINY | {"forget_bias": 1.5})
    model = build(config)
    for cell in (model.decoder, model.encoder.lstm):
        assert cell.bias[6:12].tolist() == [1.5] * 6
        assert cell.bias[:6].tolist() == cell.bias[12:18].tolist() == [0.0] * 6
    hidden, memory = torch.zeros(1, 6), torch.full((1, 6), 2.0)
    with torch.no_grad():
        model.decoder.weight.zero_()
        _, kept = model.decoder([torch.zeros(1, 2)], hidden, memory)
    torch.testing.assert_close(kept, 2 * torch.tensor(1.5).sigmoid().expand(1, 6))


def bounds_of(values: torch.Tensor) -> tuple[float, float]:
    return values.min().item(), values.max().item()


def test_unit_scaling_draws_from_a_uniform_range_of_the_inputs_alone():
    """U(+-sqrt(3 / inputs)): 266 inputs of the LSTM, 256 of the heads, 9 a channel."""
    torch.manual_seed(0)
    model = build(ModelConfig(initialiser="unit-scaling"))
    for weight, inputs in (
        (model.decoder.weight, 266),
        (model.heads.weight, 256),
        (model.encoder.posterior.heads.weight, 2 * 2 * 64 + 256),
        (model.encoder.features.first.weight, 2 * 9),
        (model.encoder.features.second.weight, 32 * 9),
    ):
        limit = np.sqrt(3 / inputs)
        low, high = bounds_of(weight)
        assert -limit <= low < -0.98 * limit and 0.98 * limit < high <= limit
        assert weight.std().item() == pytest.approx(limit / np.sqrt(3), rel=0.06)
    assert model.encoder.features.first.bias.abs().max() == 0


def test_xavier_counts_inputs_and_outputs_of_each_head_alone():
    torch.manual_seed(0)
    model = build(ModelConfig())
    for name, rows in model.heads.rows().items():
        limit = np.sqrt(6 / (256 + model.heads.outputs[name]))
        assert 0.9 * limit < model.heads.weight[rows].abs().max().item() <= limit


@pytest.mark.parametrize("architecture", ["dcrw", "dcrw-write-only", "conv-vae"])
def test_truncated_normal_convolutions_leave_all_else_alone(architecture):
    steps = {"steps": 1} if architecture == "conv-vae" else {}
    settings = {"architecture": architecture, "convolution_initialiser": "truncated-normal"}
    torch.manual_seed(0)
    model = build(ModelConfig(**settings | steps))
    features = model.features if architecture == "conv-vae" else model.encoder.features
    for layer in (features.first, features.second):
        low, high = bounds_of(layer.weight)
        assert -0.2 <= low < -0.15 and 0.15 < high <= 0.2
        assert layer.weight.std().item() == pytest.approx(0.088, abs=0.008)  # 0.88 of 0.1
        assert (layer.bias == 0.1).all()
    heads = model.posterior if architecture == "conv-vae" else model.encoder.posterior
    assert (heads.heads.bias == 0).all()


def test_the_preset_of_2016_is_its_lineage_and_what_came_with_the_tools():
    lineage, tools = PRESETS["lineage2016"], PRESETS["tensorflow2016"]
    assert tools["training"] == lineage["training"]
    differing = {
        name for name in tools["model"] if tools["model"][name] != lineage["model"].get(name)
    }
    assert differing == {"initialiser", "convolution_initialiser", "indexing"}
    assert ModelConfig(**tools["model"]).indexing == "mixed-integer"
