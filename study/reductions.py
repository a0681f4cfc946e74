"""How a latent loss of T steps and z latents per step may have been reported: as the sum of all
divergences, which this project uses, or as their mean over latents, steps or both."""

from dcrw.model.config import ModelConfig
from dcrw.training.profiles import LatentReduction


def latent_reduction(reduction: LatentReduction, config: ModelConfig) -> float:
    """The factor from L_z as a sum over T steps and z latents (nats per image) to L_z as reported.

    `sum`: 1; `mean-dimensions`: 1/z; `mean-steps`: 1/T; `mean`: 1/(T z). Raises `ValueError` for
    another reduction.
    """
    divisors = {
        "sum": 1,
        "mean-dimensions": config.latent_size,
        "mean-steps": config.steps,
        "mean": config.steps * config.latent_size,
    }
    if reduction not in divisors:
        raise ValueError(f"latent_reduction = {reduction!r}: expected one of {', '.join(divisors)}")
    return 1 / divisors[reduction]
