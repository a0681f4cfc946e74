"""The explorer: its gallery of drawings, and its page."""


def explorer_runs(wildcards):
    """Which runs the gallery shows: their evaluation says that they are there."""
    first = evaluated("evaluation.json", chosen=labelled(*SIX, seed=0))
    return [ancient(path) for path in first(wildcards)]


rule explorer_data:
    input:
        explorer_runs,
        evidence("notebooks/explorer_data.ipynb", *PACKAGE, *code("dcrw/explorer")),
    output:
        "results/{profile}/explorer/explorer.npz",
    log:
        "results/{profile}/notebooks/explorer_data.ipynb",
    params:
        settings=json.dumps({"data_root": config.get("data_root", "")}),
    shell:
        "echo Executing notebooks/explorer_data.ipynb; "
        "{PAPERMILL} notebooks/explorer_data.ipynb {log} -y {params.settings:q}"


rule explorer:
    input:
        "results/grid/explorer/explorer.npz",
        PRESENTATION_CODE,
        code("dcrw/explorer"),
        sorted(map(str, Path("dcrw/explorer/widgets").glob("*.*s"))),
        notebook="notebooks/explorer.ipynb",
    output:
        kept("results/grid/figures/explorer_strip.{kind}", kind=["png", "svg"]),
        page="results/grid/pages/explorer.ipynb",
    log:
        "results/grid/notebooks/explorer.ipynb",
    shell:
        PRESENT
