"""The claims: the digit classifier, what is measured with it, and the verdicts."""

MEASURING_CODE = [*PACKAGE, *code("study/claims", "study/statistics.py")]


rule classifier:
    input:
        evidence("notebooks/classifier.ipynb", *MEASURING_CODE),
    output:
        expand(
            "results/{{profile}}/classifier/{name}",
            name=["classifier.safetensors", "classifier.json", "reference.json"],
        ),
    log:
        "results/{profile}/notebooks/classifier.ipynb",
    threads: 1
    params:
        settings=results_parameters,
    shell:
        "echo Training the digit classifier; "
        "{PAPERMILL} notebooks/classifier.ipynb {log} -y {params.settings:q}"


rule measure:
    input:
        evidence("notebooks/measure.ipynb", *MEASURING_CODE, f"{CLASSIFIER}/classifier.json"),
        weights,
    output:
        expand(
            "results/{{profile}}/runs/{{run}}/evaluation/measures.{kind}",
            kind=["json", "csv", "npz"],
        ),
    log:
        "results/{profile}/notebooks/measure-{run}.ipynb",
    threads: 1
    params:
        settings=run_parameters(classifier=CLASSIFIER),
    shell:
        "echo Measuring {wildcards.run} of profile {wildcards.profile}; "
        "{PAPERMILL} notebooks/measure.ipynb {log} -y {params.settings:q}"


rule claims:
    input:
        evaluated("losses.csv", "traces.npz"),
        evaluated("measures.json", chosen=labelled(*SIX)),
        ancient(f"{CLASSIFIER}/reference.json"),
        PRESENTATION_CODE,
        code("benchmarks"),
        ["configs/paper.yaml", "configs/grid.yaml", "book/claims.yaml", "book/published.json"],
        notebook="notebooks/claims.ipynb",
    output:
        kept(
            "results/grid/tables/{name}",
            name=["runs.csv", "measures.csv", "claims.csv", "verdicts.csv", "verdicts.md"],
        ),
        kept("results/grid/tables/cells.csv"),
        kept(
            "results/grid/figures/cells{kind}",
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        kept("results/grid/figures/guess.{kind}", kind=["png", "svg"]),
        kept("results/grid/numbers/claims.json"),
        page="results/grid/pages/claims.ipynb",
    log:
        "results/grid/notebooks/claims.ipynb",
    shell:
        PRESENT


rule second_round:
    input:
        evaluated("losses.csv", profiles=["paper", "grid", "round2"]),
        evaluated("measures.json", profiles=["paper", "grid", "round2"], chosen=labelled(*SIX)),
        ancient(f"{CLASSIFIER}/reference.json"),
        ancient("results/grid/tables/operating_characteristics.csv"),
        PRESENTATION_CODE,
        [f"configs/{name}.yaml" for name in ("paper", "grid", "round2")],
        ["book/claims.yaml", "book/published.json"],
        notebook="notebooks/second_round.ipynb",
    output:
        kept(
            "results/round2/tables/{name}.csv",
            name=[
                "accounts",
                "confirmation",
                "confirmation_seeds",
                "predictions",
                "control",
                "tests",
                "attribution",
                "claims",
                "verdicts",
                "stages",
            ],
        ),
        kept(
            "results/round2/figures/multiverse{kind}",
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        kept("results/round2/numbers/second_round.json"),
        page="results/round2/pages/second_round.ipynb",
    log:
        "results/round2/notebooks/second_round.ipynb",
    shell:
        PRESENT
