"""Images of one's own, by example: Georgian letters, trained on, drawn and explored."""


GALLERY = "results/glyphs/explorer.npz"


rule glyph_images:
    output:
        directory(GLYPHS),
    shell:
        "{PYTHON} -m study.glyphs {output}"


rule glyphs_data:
    input:
        [ancient(path) for path in run_files("evaluation/evaluation.json", profile="glyphs")(None)],
        [] if Path(GALLERY).exists() else ancient(GLYPHS),
        [ancient(path) for path in ("notebooks/explorer_data.ipynb", *PACKAGE, *code("dcrw/explorer"))],
    output:
        GALLERY,
    log:
        "results/glyphs/notebooks/explorer_data.ipynb",
    params:
        settings=json.dumps({"cells": ["glyphs/dcrw-fresh"], "each": 1, "output": GALLERY}),
    shell:
        "{PAPERMILL} notebooks/explorer_data.ipynb {log} -y {params.settings:q}"


rule glyphs:
    input:
        run_files("evaluation/losses.csv", "evaluation/traces.npz", profile="glyphs"),
        GALLERY,
        PRESENTATION_CODE,
        code("dcrw/explorer"),
        "configs/glyphs.yaml",
        notebook="notebooks/glyphs.ipynb",
    output:
        kept(
            "results/glyphs/figures/letters{kind}",
            kind=[".png", "_narrow.png", ".svg"],
        ),
        page="results/glyphs/pages/glyphs.ipynb",
    log:
        "results/glyphs/notebooks/glyphs.ipynb",
    shell:
        PRESENT
