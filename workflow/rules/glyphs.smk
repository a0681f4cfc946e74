"""Images of one's own, by example: Georgian letters, trained on, drawn and explored."""


rule glyph_images:
    output:
        directory(GLYPHS),
    shell:
        "{PYTHON} -m study.glyphs {output}"


rule glyphs_data:
    input:
        run_files("evaluation/evaluation.json", profile="glyphs"),
        ancient(GLYPHS),
        [ancient(path) for path in ("notebooks/explorer_data.ipynb", *code("dcrw/explorer"))],
    output:
        "results/glyphs/explorer.npz",
    log:
        "results/glyphs/notebooks/explorer_data.ipynb",
    params:
        settings=json.dumps({"cells": ["glyphs/dcrw-fresh"], "each": 1, "output": "results/glyphs/explorer.npz"}),
    shell:
        "{PAPERMILL} notebooks/explorer_data.ipynb {log} -y {params.settings:q}"


rule glyphs:
    input:
        run_files("evaluation/losses.csv", "evaluation/traces.npz", profile="glyphs"),
        "results/glyphs/explorer.npz",
        PRESENTATION_CODE,
        code("dcrw/explorer"),
        "configs/glyphs.yaml",
        notebook="notebooks/glyphs.ipynb",
    output:
        kept("results/glyphs/figures/{name}.{kind}", name=["letters"], kind=["png", "svg"]),
        page="results/glyphs/pages/glyphs.ipynb",
    log:
        "results/glyphs/notebooks/glyphs.ipynb",
    shell:
        PRESENT
