"""Weights of several models at once do what each does alone."""

import pytest
import torch
from common import TINY
from tiny_models import RECURRENT, assert_as_plain, inputs, leaf, make

from dcrw.model import operations, stacking
from dcrw.model.config import ModelConfig
from dcrw.model.writer import loss_terms


def test_an_lstm_with_stacked_weights_is_each_one_alone() -> None:
    torch.manual_seed(0)
    inputs = [leaf(2, 24, 9), leaf(2, 24), leaf(8, 5, 3), leaf(8, 6), leaf(8, 6)]
    assert_as_plain(operations.lstm, inputs)
    weight, bias, *states = inputs
    alone = [
        operations.lstm(w, b, *(part.chunk(2)[run] for part in states))
        for run, (w, b) in enumerate(zip(weight, bias, strict=True))
    ]
    torch.testing.assert_close(operations.lstm(*inputs), torch.cat(alone), rtol=1e-12, atol=1e-12)


def test_linear_maps_and_added_products_take_their_own_part_of_the_batch() -> None:
    torch.manual_seed(0)
    weight, bias, rows = leaf(2, 5, 3), leaf(2, 5), leaf(8, 3)
    alone = [stacking.linear(rows[4 * run :][:4], weight[run], bias[run]) for run in range(2)]
    for run in range(2):
        expected = rows[4 * run :][:4] @ weight[run].T + bias[run]
        torch.testing.assert_close(alone[run], expected)
    torch.testing.assert_close(stacking.linear(rows, weight, bias), torch.cat(alone))
    total = torch.ones(8, 5, dtype=torch.float64)
    stacking.add_product(total, rows.detach(), weight.detach())
    products = torch.cat([rows[:4] @ weight[0].T, rows[4:] @ weight[1].T])
    torch.testing.assert_close(total, 1 + products.detach())
    stacking.add_product(total, -rows.detach()[:, :3], weight.detach())
    torch.testing.assert_close(total, torch.ones_like(total))
    assert stacking.by_weight(rows, weight).shape == (2, 4, 3)
    assert stacking.by_weight(rows, weight[0]) is rows


def test_a_starting_value_goes_to_the_images_of_its_model() -> None:
    single = torch.tensor([1.0, 2.0])
    assert stacking.each_start(single, 1, 3).tolist() == [[1.0, 2.0]] * 3
    two = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert stacking.each_start(two, 1, 4).tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]]
    canvas = torch.rand(2, 3, 3)
    found = stacking.each_start(canvas, 2, 6)
    assert torch.equal(found, canvas.repeat_interleave(3, 0))


def test_convolutions_go_model_by_model() -> None:
    torch.manual_seed(0)
    weights = [leaf(6, 2, 7, 7), leaf(2, 3, 2, 3, 3), leaf(2, 3)]
    images, weight, bias = weights
    assert_as_plain(lambda x, w, b: operations.convolve_and_pool(x, w, b, True), weights)
    alone = [
        operations.convolve_and_pool(images[3 * run :][:3], weight[run], bias[run], True)
        for run in range(2)
    ]
    together = operations.convolve_and_pool(images, weight, bias, True)
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("architecture", [*RECURRENT, "conv-vae"])
def test_a_stack_of_models_has_the_losses_of_each(architecture: str) -> None:
    steps = {"steps": 1} if architecture == "conv-vae" else {}
    config = ModelConfig(architecture=architecture, **TINY | steps | {"initial_state": "learned"})
    models = [make(config, seed) for seed in range(3)]
    (images, noise), joined = inputs(config, batch=6), stacking.stacked(models)
    found = loss_terms(joined, images, noise)
    for run, model in enumerate(models):
        own = slice(2 * run, 2 * run + 2)
        alone = loss_terms(model, images[own], noise[:, own])
        torch.testing.assert_close(found.reconstruction[own], alone.reconstruction)
        torch.testing.assert_close(found.latent[:, own], alone.latent)
        again = stacking.unstacked(joined, run)
        for name, value in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], value), name
    again.get_parameter("heads.bias" if steps == {} else "image.bias").data.fill_(3.0)
    assert not (joined.get_parameter("heads.bias" if steps == {} else "image.bias") == 3).any()
