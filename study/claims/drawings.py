"""What a model draws, and how local its updates are: reconstructions and samples under counted
noise."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from dcrw.model import attention
from dcrw.model.attention import conventions
from dcrw.model.config import ModelConfig
from dcrw.model.writer import Model, Trace, Writer
from dcrw.training.data import to_unit
from dcrw.training.measuring import noise_for
from study.claims import quantities

STEP_MEASURES = (
    "effective_area",
    "changed_share",
    "window_area",
    "centre_distance",
    "picture_area",
)


class Drawn(NamedTuple):
    """What a model draws, on the CPU."""

    images: Tensor  # (n, A, A) sigma(c_T)
    steps: dict[str, Tensor]  # (T, n) each of STEP_MEASURES; none where there are no steps


def reconstruct(model: Model, images: Tensor, batch_size: int, seed: int) -> Drawn:
    """Reconstructions of images (n, A, A) uint8, under the noise correlation of training."""
    noise_of = noise_for(model, "evaluation", model.config.noise_correlation, seed)

    def traces() -> Iterable[Trace]:
        for number, pixels in enumerate(images.split(batch_size)):
            noise = noise_of(number, len(pixels))
            yield model.trace(to_unit(pixels.to(noise.device)), noise)

    return _collect(model, traces())


def generate(model: Model, count: int, batch_size: int, seed: int) -> Drawn:
    """Samples from the prior, under the model's own noise correlation for them."""
    correlation = model.config.generation_noise_correlation
    noise_of = noise_for(model, "generation", correlation, seed)

    def traces() -> Iterable[Trace]:
        for number, start in enumerate(range(0, count, batch_size)):
            batch = min(batch_size, count - start)
            yield model.generate(noise_of(number, batch))

    return _collect(model, traces())


@torch.no_grad()
def step_measures(model: Writer, trace: Trace) -> dict[str, Tensor]:
    """STEP_MEASURES of a drawing, (T, B) each; the first step has no distance and gets NaN.

    An update is c_t - c_(t-1), in logits; `picture_area` is the effective area of the update in
    what the figures show, sigma(c_t) - sigma(c_(t-1)).
    """
    before = torch.cat(
        [model.initial(trace.canvas.shape[1]).canvas.unsqueeze(0), trace.canvas[:-1]]
    )
    change = trace.canvas - before
    change_shown = trace.canvas.sigmoid() - before.sigmoid()
    assert trace.write_window is not None  # every writer has one
    span = write_spans(trace.write_window, model.config)
    distance = quantities.centre_distance(span)
    measures = (
        quantities.effective_area(change),
        quantities.changed_share(change),
        quantities.window_area(span, model.config.image_size),
        torch.cat([distance.new_full((1, span.shape[1]), torch.nan), distance]),
        quantities.effective_area(change_shown),
    )
    return {name: values.cpu() for name, values in zip(STEP_MEASURES, measures, strict=True)}


def write_spans(emitted: Tensor, config: ModelConfig) -> Tensor:
    """Write windows (..., 5) as emitted to (..., 2, 2): positions in pixels of the first and the
    last filter on X and on Y, counted from 0 at the first pixel's middle."""
    convention = conventions(config)
    window = attention.window(
        emitted.flatten(0, -2), config.write_size, config.image_size, convention
    )
    means = attention.filter_means(window, config.write_size, convention.indexing)
    first_pixel = attention.pixel_positions(1, convention.indexing, like=means)
    return (means[..., [0, -1]] - first_pixel).unflatten(0, emitted.shape[:-1])


def _collect(model: Model, traces: Iterable[Trace]) -> Drawn:
    images: list[Tensor] = []
    steps: list[dict[str, Tensor]] = []
    for trace in traces:
        images.append(trace.canvas[-1].sigmoid().cpu())
        steps.append(step_measures(model, trace) if isinstance(model, Writer) else {})
    joined = {name: torch.cat([part[name] for part in steps], dim=1) for name in steps[0]}
    return Drawn(torch.cat(images), joined)
