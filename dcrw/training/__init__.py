"""From a configuration to a finished run: data, noise, devices, the loop, and the run's folder."""

from dcrw.training.config import RunConfig
from dcrw.training.files import RunError
from dcrw.training.loop import train
from dcrw.training.run import Run

__all__ = ["Run", "RunConfig", "RunError", "train"]
