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
    return together_parameters(wildcards.profile, [RUNS[wildcards.profile][wildcards.run]], threads)


def together_parameters(profile, members, threads):
    """For runs that differ in their seed alone; one is trained by itself, several side by side."""
    first, *others = members
    further = " ".join(str(run.training.seed) for run in others)
    snapshots = PROFILES[profile].snapshots_of(first)
    results = {"results": f"results/{profile}", "progress": False, "snapshots": snapshots}
    results["own_images"] = PROFILES[profile].own_images
    # On a cluster the process before may still be at work: one whose node was given up, say.
    settings = first.parameters() | {"further_seeds": further, "wait": ON_A_NODE} | results
    return json.dumps(settings | runtime_parameters(threads))


def for_members(profile, members):
    return lambda wildcards, threads: together_parameters(profile, members, threads)


def unmade_seeds():
    """With `together=1`: profile, cell and runs of every cell of which several are to be trained.

    A run that was begun is finished alone: its checkpoint may be of another iteration than the
    others'. So is one that is watched, of which more is kept.
    """
    for profile in PROFILES:
        cells = {}
        for run in asked_runs(profile):
            made = run_for(run, Path("results") / profile)
            if not (made.complete or made.begun or watched(profile, run)):
                cells.setdefault(run.name, []).append(run)
        yield from ((profile, cell, members) for cell, members in cells.items() if len(members) > 1)


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


if config.get("together"):
    for one_profile, one_cell, members in unmade_seeds():

        rule:
            name:
                f"train_{one_profile}_{one_cell}".replace("-", "_")
            input:
                [ancient(path) for path in ("notebooks/train.ipynb", *PACKAGE)],
            output:
                expand(
                    f"results/{one_profile}/runs/{{folder}}/provenance.json",
                    folder=[run.folder_name for run in members],
                ),
            log:
                f"results/{one_profile}/runs/{members[0].folder_name}/train.ipynb",
            threads: 1
            resources:
                gpu=GPUS,
            params:
                cell=f"{len(members)} seeds of {one_cell}, profile {one_profile}",
                settings=for_members(one_profile, members),
            shell:
                "echo Training {params.cell}; "
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
