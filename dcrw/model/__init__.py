"""The models: the paper's equations, what is made of them, and nothing about files or devices."""

from dcrw.model.config import ConfigError, ModelConfig
from dcrw.model.writer import Losses, Model, build, loss_terms

__all__ = ["ConfigError", "Losses", "Model", "ModelConfig", "build", "loss_terms"]
