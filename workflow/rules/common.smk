"""What the chapters share: profiles and their runs, inputs, parameters, and how a page is made."""

import atexit
import json
import os
import re
import shlex
import sys
import time
from pathlib import Path

from dcrw.training.profiles import load_profiles
from dcrw.training.run import run_for
from study.numbers import number_files

BEGUN = time.time()


def say_last(messages):
    """Put messages after all that Snakemake says itself, tracebacks among it."""
    atexit.register(lambda: print("", *messages, sep="\n", file=sys.stderr, flush=True))


class OfProfiles(dict):
    """By the profile's name. Where its file has a fault, that is what a target that needs it says;
    the others are made."""

    def __missing__(self, name):
        fault = FAULTS.get(name, f"configs/{name}.yaml: no such profile")
        say_last([fault])
        raise WorkflowError(fault)


found, FAULTS = load_profiles(Path("configs"))
PROFILES = OfProfiles(found)
STAGES = OfProfiles((name, profile.stage_configs()) for name, profile in found.items())
RUNS = OfProfiles(
    (name, {run.folder_name: run for runs in stages.values() for run in runs})
    for name, stages in STAGES.items()
)
PRESENTATIONS = ["figures_4_5", "figure_6", "table_1", "fast_start", "speed", "glyphs"]
EVIDENCE = ["claims", "reused_noise", "standing", "where_it_looks", "explorer"]  # of both profiles
SECOND_ROUND = ["second_round"]  # of all runs there are
PAGES = [f"book/executed/{name}.ipynb" for name in PRESENTATIONS + EVIDENCE + SECOND_ROUND]
GLYPHS = "results/glyphs/images"
MODELS = ("dcrw", "dcrw-write-only", "draw")
SIX = [f"{model}-{noise}" for model in MODELS for noise in ("fresh", "shared")]
CLASSIFIER = "results/grid/classifier"

ON_A_NODE = workflow.remote_exec  # this is a job of a cluster, not the command that submits it
GPUS = int(config.get("gpus", 0))  # of each training job: Snakemake's resource `gpu`

PYTHON = shlex.quote(sys.executable)
PAPERMILL = f"{PYTHON} -m papermill --no-progress-bar --log-level ERROR"
PRESENT = (
    "echo Executing {input.notebook}; "
    "{PAPERMILL} {input.notebook} {log} && cp {log} {output.page}"
)
os.environ["IPYTHONDIR"] = str(Path("workflow/ipython").resolve())


for fault in FAULTS.values():
    print(f"Left out, with what needs it: {fault}", file=sys.stderr)


wildcard_constraints:
    profile="|".join(map(re.escape, [*PROFILES, *FAULTS])),
    run="[a-z0-9-]+",
    further=r"\d+(-\d+)*",
    notebook="[a-z0-9_]+",


localrules:
    quick,
    paper,
    grid,
    round2,
    binarised,


def failures():
    """The last words of each job that has failed: its notebook's error, or its log's last line."""
    texts = []
    for pattern in ("results/*/notebooks/*", "results/*/runs/*/train*.ipynb"):
        for path in sorted(Path().glob(pattern)):
            if path.is_file() and path.stat().st_mtime >= BEGUN:
                texts += error_of(path)
    return texts


def error_of(path):
    """What a log tells of an error; nothing where there was none."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != ".ipynb":
        return [f"{path}: {text.splitlines()[-1]}"] if text.strip() else []
    try:
        outputs = [part for cell in json.loads(text)["cells"] for part in cell.get("outputs", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    found = [part for part in outputs if part.get("output_type") == "error"]
    return [f"{path}: {part['ename']}: {part['evalue']}" for part in found[-1:]]


def code(*places):
    """Python files: those that are named, and all below the folders that are named."""
    found = [sorted(path.rglob("*.py")) if path.is_dir() else [path] for path in map(Path, places)]
    return [str(path) for paths in found for path in paths]


PACKAGE = code("dcrw/__init__.py", "dcrw/notebook.py", "dcrw/model", "dcrw/training")
PRESENTATION_CODE = [*PACKAGE, *code("study")]


def evidence(*paths):
    """Inputs of a compute step: looked at by time only where results are not committed."""

    def inputs(wildcards):
        committed = PROFILES[wildcards.profile].committed
        named = [path.format(profile=wildcards.profile) for path in paths]
        return [ancient(path) if committed else path for path in named]

    return inputs


def kept(pattern, **values):
    """Outputs that may be committed: in place until the job rewrites them, put back if it fails.

    What is put back is newer than all inputs. So such a job has a plain output, too, its page,
    whose absence says that it must be done again: ask for the page (`made`).
    """
    return [update(path) for path in expand(pattern, **values, allow_missing=True)]


def made(rule, profile="paper"):
    """All outputs of a rule: whatever of them is missing is made again, and the rest with it."""
    return expand(getattr(rules, rule).output, profile=profile)


def shown(wildcards):
    """The pages on the committed profiles, and all that is made with them.

    Snakemake asks after a missing file only where a target names it.
    """
    return PAGES + [path for name in [*PRESENTATIONS, *EVIDENCE, *SECOND_ROUND, "numbers"] for path in made(name)]


def quick_run(wildcards):
    """What the page on a reader's own quick run shows."""
    names = ("figures_4_5", "figure_6", "table_1", "numbers")
    return [path for name in names for path in made(name, "quick")]


def run_files(*names, profile=None):
    """Files of every run of a profile, the rule's own by default."""

    def inputs(wildcards):
        chosen = profile or wildcards.profile
        folders = [run_for(run, Path("results") / chosen).folder for run in RUNS[chosen].values()]
        return [str(folder / name) for folder in folders for name in names]

    return inputs


def asked_runs(profile):
    """The runs of a profile, up to the stage that the setting PROFILE=STAGE names."""
    asked, stages = config.get(profile), STAGES[profile]
    if asked not in (None, "all", *stages):
        raise WorkflowError(f"{profile} = {asked}: expected all or one of {', '.join(stages)}")
    chosen = []
    for stage, runs in stages.items():
        chosen += runs
        if stage == asked:
            break
    return chosen


def evaluated(*names, profiles=("paper", "grid"), chosen=lambda profile, run: True):
    """Files that evaluation, measuring and forensics leave of the runs of some profiles.

    Of the complete ones; with PROFILE=STAGE for the last of the profiles, of all up to that stage,
    which are then made. chosen: which runs, by their profile and configuration.
    """

    def inputs(wildcards):
        made = [
            run_for(run, Path("results") / profile)
            for profile in profiles
            for run in asked_runs(profile)
            if chosen(profile, run)
        ]
        wanted = [run for run in made if profiles[-1] in config or run.complete]
        return [f"{run.folder}/evaluation/{name}" for run in wanted for name in names]

    return inputs


def labelled(*labels, endings=(), seed=None):
    """Runs with one of the labels, or with a label that ends so."""

    def chosen(profile, run):
        named = run.name in labels or run.name.endswith(endings)
        return named and seed in (None, run.training.seed)

    return chosen


def taken_apart(profile, run):
    """The models and noises that forensics takes apart; later stages repeat or vary them."""
    first = [STAGES[profile].get(stage, []) for stage in ("all", "cells", "bridges", "lineage")]
    return run.training.seed == 0 and any(run.name == one.name for runs in first for one in runs)


def watched(profile, run):
    """Runs of which snapshots are kept along the way."""
    return run.training.seed == PROFILES[profile].watched.get(run.name)


def runtime_parameters(threads):
    """Where a notebook finds the data, and what it runs on."""
    settings = {"data_root": config.get("data_root", ""), "device": config.get("device", "auto")}
    return settings | {"threads": threads}


def run_parameters(**settings):
    """For the notebooks that look at one complete run: settings beside their own defaults."""

    def parameters(wildcards, threads):
        run = {"run": f"results/{wildcards.profile}/runs/{wildcards.run}"}
        return json.dumps(run | settings | runtime_parameters(threads))

    return parameters


def results_parameters(wildcards, threads):
    """For the notebooks that compute something of a profile as a whole."""
    return json.dumps({"results": f"results/{wildcards.profile}"} | runtime_parameters(threads))
