"""The data, and one run after the other: training and evaluation."""


def data_parameters(wildcards):
    found = {run.data for run in RUNS[wildcards.profile].values()}
    if len(found) > 1:
        raise WorkflowError(f"profile {wildcards.profile}: expected one data set, found {found}")
    folders = {"results": f"results/{wildcards.profile}", "data_root": config.get("data_root", "")}
    own = {"own_images": PROFILES[wildcards.profile].own_images}
    return json.dumps(found.pop().model_dump() | folders | own)


def own_images(wildcards):
    """Images of one's own that a rule makes, those of the glyphs, for a run that is to be trained or
    measured: what is committed must not be measured again for want of them."""
    run = run_for(RUNS[wildcards.profile][wildcards.run], Path("results") / wildcards.profile)
    there = (run.folder / "evaluation" / "evaluation.json").exists()
    made_here = PROFILES[wildcards.profile].own_images == GLYPHS
    return [ancient(GLYPHS)] if made_here and not there else []


def training_parameters(wildcards, threads):
    """For one run, trained by itself, or several that differ in their seed alone, side by side."""
    profile = wildcards.profile
    first = RUNS[profile][wildcards.run]
    further = getattr(wildcards, "further", "")
    results = {"results": f"results/{profile}", "progress": False}
    results["snapshots"] = PROFILES[profile].snapshots_of(first)
    results["own_images"] = PROFILES[profile].own_images
    # On a cluster the process before may still be at work: one whose node was given up, say.
    settings = {"further_seeds": further.replace("-", " "), "wait": ON_A_NODE} | results
    return json.dumps(first.parameters() | settings | runtime_parameters(threads))


def side_by_side():
    """With `together=1`: of every run that is to be trained beside others of its cell, the file that
    says that all of them are done, by profile and folder.

    A run that is watched is trained alone: more of it is kept. One that was begun goes on beside
    the others, if not from the same iteration then after them.
    """
    found = {}
    for profile in PROFILES if config.get("together") else []:
        cells = {}
        for run in asked_runs(profile):
            done = run_for(run, Path("results") / profile).complete
            if not (done or watched(profile, run)):
                cells.setdefault(run.name, []).append(run)
        for first, *others in cells.values():
            further = "-".join(str(run.training.seed) for run in others)
            said = f"results/{profile}/runs/{first.folder_name}/with-seeds-{further}.done"
            found |= {(profile, run.folder_name): said for run in (first, *others) if others}
    return found


SIDE_BY_SIDE = side_by_side()


def weights(wildcards):
    """What evaluation waits for. A committed run that is complete is evidence: no rule makes it."""
    key = wildcards.profile, wildcards.run
    if key in SIDE_BY_SIDE:
        return [SIDE_BY_SIDE[key]]
    run = run_for(RUNS[key[0]][key[1]], Path("results") / key[0])
    kept = PROFILES[wildcards.profile].committed and run.complete
    return [] if kept else [str(run.folder / "provenance.json")]


def evaluation_parameters(wildcards, threads):
    settings = PROFILES[wildcards.profile].evaluation.model_dump()
    return run_parameters(**settings)(wildcards, threads)


rule data:
    input:
        evidence("notebooks/data.ipynb", *PACKAGE, *code("study/numbers.py")),
    output:
        "results/{profile}/data.csv",
        "results/{profile}/numbers/data.json",
    log:
        "results/{profile}/notebooks/data.ipynb",
    params:
        settings=data_parameters,
    shell:
        "echo Checking the data of profile {wildcards.profile}; "
        "{PAPERMILL} notebooks/data.ipynb {log} -y {params.settings:q}"


rule train:
    input:
        evidence("notebooks/train.ipynb", *PACKAGE),
        own_images,
    output:
        # Written last. A failed job's outputs are deleted: nothing else of a run may be named here.
        "results/{profile}/runs/{run}/provenance.json",
    log:
        "results/{profile}/runs/{run}/train.ipynb",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        settings=training_parameters,
    shell:
        "echo Training {wildcards.run} of profile {wildcards.profile}; "
        "{PAPERMILL} notebooks/train.ipynb {log} -y {params.settings:q}"


rule train_seeds:
    input:
        evidence("notebooks/train.ipynb", *PACKAGE),
        own_images,
    output:
        # A file beside the runs: a failed job's outputs are deleted, and a node must find the rule
        # whatever the runs are by then. In the first run's folder, which it leaves with.
        touch("results/{profile}/runs/{run}/with-seeds-{further}.done"),
    log:
        "results/{profile}/runs/{run}/train-with-seeds-{further}.ipynb",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        settings=training_parameters,
    shell:
        "echo Training {wildcards.run} of profile {wildcards.profile}, "
        "with it the seeds {wildcards.further}; "
        "{PAPERMILL} notebooks/train.ipynb {log} -y {params.settings:q}"


rule evaluate:
    input:
        evidence("notebooks/evaluate.ipynb", *PACKAGE, "configs/{profile}.yaml"),
        weights,
        own_images,
    output:
        expand(
            "results/{{profile}}/runs/{{run}}/evaluation/{name}",
            name=["losses.csv", "steps.csv", "traces.npz", "evaluation.json"],
        ),
    log:
        "results/{profile}/notebooks/evaluate-{run}.ipynb",
    threads: 1
    params:
        settings=evaluation_parameters,
    shell:
        "echo Evaluating {wildcards.run} of profile {wildcards.profile}; "
        "{PAPERMILL} notebooks/evaluate.ipynb {log} -y {params.settings:q}"


if config.get("reevaluate"):
    # Of most committed runs the weights are not kept: these cannot be evaluated again.
    KEPT = [path.parent.name for path in Path("results").glob("*/runs/*/model.safetensors")]

    use rule evaluate as reevaluate with:
        output:
            [update(path) for path in rules.evaluate.output],
        wildcard_constraints:
            run="|".join(KEPT) or "none",

    ruleorder: reevaluate > evaluate
