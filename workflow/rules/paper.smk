"""The paper's figures and its table, the fast start and the speed: from what was evaluated."""

PRESENT_PROFILE = (
    "echo Executing {input.notebook} on profile {wildcards.profile}; "
    "{PAPERMILL} {input.notebook} {log} -p profile {wildcards.profile} && cp {log} {output.page}"
)


def explorers_digits(wildcards):
    """Digits of committed figures open in the explorer."""
    committed = PROFILES[wildcards.profile].committed
    return [ancient("results/grid/explorer/explorer.npz")] if committed else []


rule figures_4_5:
    input:
        run_files("evaluation/losses.csv", "evaluation/traces.npz"),
        explorers_digits,
        PRESENTATION_CODE,
        "configs/{profile}.yaml",
        notebook="notebooks/figures_4_5.ipynb",
    output:
        kept(
            "results/{profile}/figures/figure_{n}{kind}",
            n=[4, 5],
            kind=[".png", "_narrow.png", ".svg", ".npz"],
        ),
        page="results/{profile}/pages/figures_4_5.ipynb",
    log:
        "results/{profile}/notebooks/figures_4_5.ipynb",
    shell:
        PRESENT_PROFILE


def watched_runs(wildcards):
    """Figure 6 has a cursor over runs that were watched while they trained."""
    if wildcards.profile != "paper":
        return []
    return evaluated("evaluation.json", profiles=["paper", "grid", "round2"])(wildcards)


rule figure_6:
    input:
        run_files("evaluation/losses.csv"),
        watched_runs,
        PRESENTATION_CODE,
        "configs/{profile}.yaml",
        "book/published.json",
        "results/{profile}/data.csv",
        notebook="notebooks/figure_6.ipynb",
    output:
        kept(
            "results/{profile}/figures/figure_6{kind}",
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        page="results/{profile}/pages/figure_6.ipynb",
    log:
        "results/{profile}/notebooks/figure_6.ipynb",
    shell:
        PRESENT_PROFILE


rule table_1:
    input:
        run_files("evaluation/losses.csv"),
        PRESENTATION_CODE,
        "configs/{profile}.yaml",
        "book/published.json",
        notebook="notebooks/table_1.ipynb",
    output:
        kept("results/{profile}/{name}", name=["tables/table_1.csv", "numbers/table_1.json"]),
        page="results/{profile}/pages/table_1.ipynb",
    log:
        "results/{profile}/notebooks/table_1.ipynb",
    shell:
        PRESENT_PROFILE


rule fast_start:
    input:
        run_files("evaluation/losses.csv", profile="start"),
        run_files("evaluation/losses.csv", profile="paper"),
        PRESENTATION_CODE,
        "configs/start.yaml",
        "results/paper/data.csv",
        notebook="notebooks/fast_start.ipynb",
    output:
        kept(
            "results/start/figures/fast_start{kind}",
            kind=[".png", "_narrow.png", ".svg", ".csv"],
        ),
        kept("results/paper/numbers/fast_start.json"),
        page="results/paper/pages/fast_start.ipynb",
    log:
        "results/paper/notebooks/fast_start.ipynb",
    shell:
        PRESENT


rule speed:
    input:
        expand(
            "results/benchmarks/cpu/{name}.csv",
            name=["speed", "scaling", "ratios", "options", "precision", "profile"]
            + ["launches", "derivatives"],
        ),
        "results/benchmarks/cpu/machine.json",
        "results/benchmarks/cpu/derivatives.json",
        sorted(map(str, Path("results/gpu/benchmarks").rglob("*.csv"))),
        PRESENTATION_CODE,
        code("benchmarks"),
        notebook="notebooks/speed.ipynb",
    output:
        kept("results/benchmarks/numbers.json"),
        page="results/paper/pages/speed.ipynb",
    log:
        "results/paper/notebooks/speed.ipynb",
    shell:
        PRESENT


rule diagrams:
    input:
        run_files("evaluation/losses.csv", "evaluation/traces.npz", profile="paper"),
        PRESENTATION_CODE,
        "configs/paper.yaml",
        notebook="notebooks/diagrams.ipynb",
    output:
        kept("results/paper/figures/figure_{n}.{kind}", n=[1, 2, 3], kind=["png", "svg"]),
        kept(
            "results/paper/figures/drawing_{layout}{still}.webp",
            layout=["wide", "narrow"],
            still=["", "_still"],
        ),
        page="results/paper/pages/diagrams.ipynb",
    log:
        "results/paper/notebooks/diagrams.ipynb",
    shell:
        PRESENT
