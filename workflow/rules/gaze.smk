"""Where it looks: the windows of the six cells, recorded, and their page."""


def gaze_parameters(wildcards, threads):
    settings = PROFILES[wildcards.profile].evaluation
    own = run_parameters(batch_size=settings.batch_size, seed=settings.seed)
    return own(wildcards, threads)


rule gaze:
    input:
        evidence("notebooks/gaze.ipynb", *PACKAGE, *code("study/gaze")),
        weights,
    output:
        expand(
            "results/{{profile}}/runs/{{run}}/evaluation/gaze.{kind}",
            kind=["json", "csv", "npz"],
        ),
    log:
        "results/{profile}/notebooks/gaze-{run}.ipynb",
    threads: 1
    params:
        settings=gaze_parameters,
    shell:
        "echo Recording the windows of {wildcards.run} of profile {wildcards.profile}; "
        "{PAPERMILL} notebooks/gaze.ipynb {log} -y {params.settings:q}"


rule where_it_looks:
    input:
        evaluated("gaze.json", "gaze.csv", "gaze.npz", chosen=labelled(*SIX, seed=0)),
        PRESENTATION_CODE,
        ["configs/paper.yaml", "configs/grid.yaml"],
        notebook="notebooks/where_it_looks.ipynb",
    output:
        kept(
            "results/grid/figures/gaze_{name}{kind}",
            name=["paths_dcrw", "paths_draw", "paths_write_only", "sizes", "maps", "kl"],
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        kept("results/grid/numbers/gaze.json"),
        page="results/grid/pages/where_it_looks.ipynb",
    log:
        "results/grid/notebooks/where_it_looks.ipynb",
    shell:
        PRESENT
