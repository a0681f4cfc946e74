"""Reused noise: runs taken apart, the rate-distortion curve, and the pages on both."""


rule forensics:
    input:
        evidence("notebooks/forensics.ipynb", *PACKAGE, *code("study/noise")),
        weights,
    output:
        expand(
            "results/{{profile}}/runs/{{run}}/evaluation/{name}",
            name=[
                "mechanism.csv",
                "mechanism_steps.csv",
                "correlations.csv",
                "bounds.csv",
                "forensics.json",
            ],
        ),
    log:
        "results/{profile}/notebooks/forensics-{run}.ipynb",
    threads: 1
    params:
        settings=run_parameters(),
    shell:
        "echo Taking {wildcards.run} of profile {wildcards.profile} apart; "
        "{PAPERMILL} notebooks/forensics.ipynb {log} -y {params.settings:q}"


rule rate_distortion:
    input:
        evidence("notebooks/rate_distortion.ipynb", *PACKAGE, *code("study/noise")),
    output:
        expand("results/{{profile}}/rate_distortion.{kind}", kind=["csv", "json"]),
    log:
        "results/{profile}/notebooks/rate_distortion.ipynb",
    threads: 1
    params:
        settings=results_parameters,
    shell:
        "echo Estimating the rate-distortion curve; "
        "{PAPERMILL} notebooks/rate_distortion.ipynb {log} -y {params.settings:q}"


rule rate_distortion_lower:
    input:
        evidence("notebooks/rate_distortion_lower.ipynb", *PACKAGE, *code("study/noise")),
    output:
        expand("results/{{profile}}/rate_distortion_lower.{kind}", kind=["csv", "json"]),
    log:
        "results/{profile}/notebooks/rate_distortion_lower.ipynb",
    threads: 1
    params:
        settings=results_parameters,
    shell:
        "echo Bounding the rate-distortion curve from below; "
        "{PAPERMILL} notebooks/rate_distortion_lower.ipynb {log} -y {params.settings:q}"


rule reused_noise:
    input:
        evaluated("losses.csv", "traces.npz"),
        evaluated("forensics.json", chosen=taken_apart),
        expand("results/grid/{name}.csv", name=["rate_distortion", "rate_distortion_lower"]),
        "results/paper/data.csv",
        PRESENTATION_CODE,
        ["configs/paper.yaml", "configs/grid.yaml", "book/claims.yaml", "book/published.json"],
        notebook="notebooks/reused_noise.ipynb",
    output:
        kept(
            "results/grid/tables/{name}.csv",
            name=[
                "against_table_1",
                "nearest_iteration",
                "rival",
                "bounds",
                "replaced",
                "hypothesis",
            ],
        ),
        kept(
            "results/grid/figures/{name}{kind}",
            name=["plane", "correlations", "dose", "mechanism"],
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        kept("results/grid/figures/dial.{kind}", kind=["png", "svg", "csv"]),
        kept("results/grid/numbers/noise.json"),
        page="results/grid/pages/reused_noise.ipynb",
    log:
        "results/grid/notebooks/reused_noise.ipynb",
    shell:
        PRESENT


rule standing:
    input:
        evaluated("losses.csv", "steps.csv"),
        evaluated("losses.csv", "forensics.json", profiles=["binarised"]),
        evaluated("forensics.json", chosen=taken_apart),
        PRESENTATION_CODE,
        ["configs/paper.yaml", "configs/grid.yaml", "configs/binarised.yaml"],
        "book/published.json",
        notebook="notebooks/standing.ipynb",
    output:
        kept("results/grid/tables/standing.csv"),
        kept(
            "results/grid/figures/{name}{kind}",
            name=["latent_by_step", "ablations"],
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        kept("results/grid/numbers/standing.json"),
        page="results/grid/pages/standing.ipynb",
    log:
        "results/grid/notebooks/standing.ipynb",
    shell:
        PRESENT
