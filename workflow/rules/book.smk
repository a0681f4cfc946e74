"""The numbers of the text, a reader's own quick run, and the book."""

JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
BUILT = {"executed", "__pycache__"}  # folders of book/ that are made


def your_run(wildcards):
    """A reader's own quick run: made if asked for; else the page shows it as it is, or says how."""
    return ["results/quick/your_run.md"] if config.get("your_run") else []


rule numbers:
    input:
        lambda wildcards: map(str, number_files(Path("results") / wildcards.profile)),
        PRESENTATION_CODE,
    output:
        joined=kept("results/{profile}/numbers.json"),
        made="results/{profile}/pages/numbers.json",
    log:
        "results/{profile}/notebooks/numbers.log",
    shell:
        "{PYTHON} -m study.pages numbers {wildcards.profile} 2> {log} "
        "&& cp {output.joined} {output.made} || (cat {log}; exit 1)"


def page(wildcards):
    """An executed notebook, where the rule that executes it leaves it."""
    name = wildcards.notebook
    elsewhere = dict.fromkeys(EVIDENCE, "grid") | {"second_round": "round2", "glyphs": "glyphs"}
    return f"results/{elsewhere.get(name, 'paper')}/pages/{name}.ipynb"


def prose():
    """What people write of the book, and what no rule makes."""
    measured = ("benchmarks/grids.json", "torture/torture.json", "matrix/matrix.csv")
    own = (Path("_config.yml"), Path("_toc.yml"), *(Path("results") / name for name in measured))
    paths = [*own, *sorted(Path("book").rglob("*"))]
    return [str(path) for path in paths if path.is_file() and not BUILT & set(path.parts)]


rule page:
    input:
        lambda wildcards: made(wildcards.notebook),
        page=page,
    output:
        "book/executed/{notebook}.ipynb",
    shell:
        "cp {input.page} {output}"


rule your_run:
    input:
        quick_run,
        PRESENTATION_CODE,
    output:
        "results/quick/your_run.md",
    log:
        "results/quick/notebooks/your_run.log",
    shell:
        "{PYTHON} -m study.pages your-run quick 2> {log} || (cat {log}; exit 1)"


rule book:
    input:
        PAGES,
        made("numbers"),
        made("diagrams"),
        your_run,
        prose(),
        code("dcrw", "study"),
    output:
        "_build/html/index.html",
    log:
        "_build/book.log",
    shell:
        "echo Building the book; "
        "{JUPYTER_BOOK} build . --warningiserror --keep-going > {log} 2>&1 || (cat {log}; exit 1)"
