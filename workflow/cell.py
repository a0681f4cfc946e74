"""Train one cell of a profile, its seeds side by side, and evaluate every run, in one process:

    python -m workflow.cell gpu table-1 dcrw-fresh

The same folders as the pipeline makes with a notebook a step, without its starts of kernels, which
take longer than a GPU does to evaluate. Goes on where it was interrupted.
"""

import argparse
import sys
from pathlib import Path

from dcrw.model.config import ConfigError
from dcrw.notebook import load_data
from dcrw.training.config import RunConfig, Runtime
from dcrw.training.device import resolve_device
from dcrw.training.evaluation import evaluate
from dcrw.training.files import project_root
from dcrw.training.loop import Interrupted, train, train_seeds
from dcrw.training.profiles import Profile, load_profile
from dcrw.training.run import Run, run_for

EVALUATION = "evaluation/evaluation.json"  # written last


def cell_configs(profile: Profile, stage: str, cell: str) -> list[RunConfig]:
    """The runs of a cell in a stage, which differ in their seed alone. Raises `ConfigError` where
    there are none."""
    stages = profile.stage_configs()
    found = [config for config in stages.get(stage, []) if config.name == cell]
    if not found:
        known = ", ".join(
            sorted({f"{name} {run.name}" for name, runs in stages.items() for run in runs})
        )
        raise ConfigError(f"stage and cell = {stage} {cell}: expected one of {known}")
    return found


def complete(root: Path, profile: Profile, configs: list[RunConfig], device: str) -> list[Run]:
    """Train and evaluate what is not there yet; a single run as it would be trained alone. Raises
    what `train`, `train_seeds` and `evaluate` raise."""
    runs = [run_for(config, root / "results" / profile.profile) for config in configs]
    chosen = resolve_device(device)
    images = load_data(configs[0].data, Runtime())
    if len(runs) == 1:
        train(runs[0], configs[0], images, chosen)
    else:
        train_seeds(runs, configs, images, chosen)
    for run in runs:
        if not (run.folder / EVALUATION).exists():
            evaluate(run, images, profile.evaluation, chosen)
            print(f"{run.folder.name}: trained and evaluated", flush=True)
    return runs


def main(arguments: list[str]) -> int:
    """The command line; 130 after an interruption, whose checkpoints are kept."""
    parser = argparse.ArgumentParser(prog="python -m workflow.cell", description=__doc__)
    parser.add_argument("profile", help="a name in configs/")
    parser.add_argument("stage")
    parser.add_argument("cell")
    parser.add_argument("--device", default="cuda", help="auto, cpu or cuda")
    chosen = parser.parse_args(arguments)
    root = project_root()
    profile = load_profile(root / "configs" / f"{chosen.profile}.yaml")
    configs = cell_configs(profile, chosen.stage, chosen.cell)
    try:
        complete(root, profile, configs, chosen.device)
    except Interrupted as interruption:
        print(interruption, file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
