"""The number roles and the directives `if-exists` and `if-missing`, on a tiny project."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("myst_nb")

from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from tiny_sites import build_site

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))
import dcrw_book
import dcrw_packages

MEASURED = {
    "loss": {"value": 97.912, "n": 1000, "interval": [97.1, 98.7], "source": "table.csv"},
    "gain": {"value": -3.25},
    "commit": {"value": "0123456789abcdef"},
}
PUBLISHED = {"paper.loss": {"value": 70.168, "source": "Table I"}}


SUFFIX = {"myst_parser": "markdown", "myst_nb": "myst-nb"}  # Sphinx's name for what it parses


class Built(NamedTuple):
    html: str  # the page's body
    warnings: str
    read: list[str]  # pages read in this build; the others came from the cache

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", self.html))


Build = Callable[..., Built]


def write_json(path: Path, entries: Any) -> None:
    path.write_text(json.dumps(entries), encoding="utf-8")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Builds index.md with the given text, into the same folder at each call."""
    write_json(tmp_path / "measured.json", MEASURED)
    write_json(tmp_path / "published.json", PUBLISHED)
    (tmp_path / "other.md").write_text("# Other\n", encoding="utf-8")

    def run(text: str, parser: str = "myst_parser") -> Built:
        index = tmp_path / "index.md"
        source = f"# Page\n\n{text}\n\n```{{toctree}}\nother\n```\n"
        if not index.exists() or index.read_text(encoding="utf-8") != source:
            index.write_text(source, encoding="utf-8")
        settings = {
            "extensions": [parser, "dcrw_book"],
            "source_suffix": dict.fromkeys((".md", ".ipynb"), SUFFIX[parser]),
            "exclude_patterns": ["out", "run"],
            "suppress_warnings": ["myst-nb.lexer"],
            "myst_enable_extensions": ["colon_fence", "dollarmath"],
            "dcrw_numbers_files": ["measured.json", "published.json"],
        }
        read: list[str] = []

        def listen(app: Sphinx) -> None:
            app.connect("source-read", lambda app, name, content: read.append(name))

        warnings = build_site(tmp_path, settings, listen)
        page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
        body = page.partition('class="body"')[2].partition('class="sphinxsidebar"')[0]
        return Built(body.partition(">")[2], warnings, read)

    return run


class TestNumber:
    def test_printed_in_the_given_format(self, build: Build) -> None:
        built = build("Loss {num}`loss:.2f`, published {num}`paper.loss:.1f`.")
        assert built.warnings == ""
        assert "Loss 97.91, published 70.2." in built.text

    def test_negative_value_has_a_minus_sign(self, build: Build) -> None:
        assert "\N{MINUS SIGN}3.2 nats" in build("{num}`gain:.1f` nats").text

    def test_text_value_can_be_cut(self, build: Build) -> None:
        assert "at 0123456." in build("at {num}`commit:.7`.").text

    def test_hovering_shows_sample_size_and_source(self, build: Build) -> None:
        built = build("{num}`loss:.2f` {num}`gain:.2f`")
        hovering = 'title="n = 1000; source: table.csv"'
        assert f'<span class="number" data-key="loss" {hovering}>97.91</span>' in built.html
        assert '<span class="number" data-key="gain">\N{MINUS SIGN}3.25</span>' in built.html

    def test_interval(self, build: Build) -> None:
        built = build("{numci}`loss:.1f`")
        assert built.warnings == ""
        assert "97.9 [97.1, 98.7]" in built.text

    def test_works_in_tables_titles_and_captions(self, build: Build) -> None:
        built = build(
            "## Loss {num}`loss:.0f`\n\n"
            "| a |\n|---|\n| {num}`loss:.1f` |\n\n"
            ":::{table} Caption {num}`loss:.3f`\n| a |\n|---|\n| b |\n:::\n"
        )
        assert built.warnings == ""
        for text in ("Loss 98", "97.9", "Caption 97.912"):
            assert text in built.text

    @pytest.mark.parametrize(
        ("role", "complaint"),
        [
            ("{num}`absent:.2f`", "there is no number 'absent'"),
            ("{num}`loss`", "expected key:format"),
            ("{num}`loss:.2q`", "cannot print 'loss' as '.2q'"),
            ("{num}`commit:.2f`", "cannot print 'commit' as '.2f'"),
            ("{numci}`gain:.2f`", "it has no interval"),
        ],
    )
    def test_warns_again_in_the_next_build(self, build: Build, role: str, complaint: str) -> None:
        assert complaint in build(role).warnings
        assert complaint in build(role).warnings

    @pytest.mark.parametrize(
        "text",
        [
            "$x = {num}`loss:.2f`$",
            "`` {num}`loss:.2f` ``",
            "```text\n{num}`loss:.2f`\n```",
            "```{note} Loss {num}`loss:.2f`\n```",
            "```{image} picture.png\n:alt: Loss {num}`loss:.2f`\n```",
            "![Loss {num}`loss:.2f`](picture.png)",
        ],
        ids=["math", "code", "code block", "backtick fence", "alt option", "alt text"],
    )
    def test_warns_where_the_role_is_not_understood(
        self, build: Build, tmp_path: Path, text: str
    ) -> None:
        (tmp_path / "picture.png").write_bytes(b"")
        assert re.search("number role|directive was left", build(text).warnings)
        assert re.search("number role|directive was left", build(text).warnings)

    def test_page_is_read_again_when_a_number_changes(self, build: Build, tmp_path: Path) -> None:
        text = "{num}`gain:.2f`"
        assert build(text).read
        assert build(text).read == []
        write_json(tmp_path / "measured.json", MEASURED | {"gain": {"value": 4.5}})
        built = build(text)
        assert "index" in built.read
        assert "4.50" in built.text


class TestNumbersFiles:
    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ('{"a": {"value": 1}, "a": {"value": 2}}', "stands twice"),
            ('{"paper.loss": {"value": 1}}', "already defined"),
            ('{"a": 1}', "expected an object with a value"),
            ('{"a": {"n": 1}}', "must be a finite number"),
            ('{"a": {"value": NaN}}', "must be a finite number"),
            ('{"a": {"value": true}}', "must be a finite number"),
            ('{"a": {"value": 1, "interval": [1]}}', "must be two finite numbers"),
            ('{"a": {"value": 1, "intervall": [1, 2]}}', "unknown fields"),
            ("[]", "expected an object"),
            ('{"a": {"value": 1e999}}', "must be a finite number"),
            ('{"a": {"value": 1' + 400 * "0" + "}}", "must be a finite number"),
            ('{"a": {"value": 1, "n": [1]}}', "expected a whole number n"),
            ("[" * 100_000, "not JSON"),
            ("{", "not JSON"),
        ],
    )
    def test_malformed_file_stops_the_build(
        self, build: Build, tmp_path: Path, content: str, complaint: str
    ) -> None:
        (tmp_path / "measured.json").write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match=complaint):
            build("text")

    def test_missing_file_stops_the_build(self, build: Build, tmp_path: Path) -> None:
        (tmp_path / "measured.json").unlink()
        with pytest.raises(ConfigError, match=r"measured\.json"):
            build("text")

    def test_repeated_key_is_named(self, tmp_path: Path) -> None:
        for name in ("a.json", "b.json"):
            write_json(tmp_path / name, {"loss": {"value": 1}})
        with pytest.raises(dcrw_book.NumberError, match=r"b\.json.*'loss'"):
            dcrw_book.load_numbers([tmp_path / "a.json", tmp_path / "b.json"])


class TestIfFile:
    TEXT = (
        ":::{if-exists} run/report.md\nThere is a run.\n:::\n\n"
        ":::{if-missing} run/report.md\nThere is no run.\n:::"
    )

    def test_content_follows_the_file(self, build: Build, tmp_path: Path) -> None:
        report = tmp_path / "run/report.md"
        assert "There is no run." in build(self.TEXT).text
        report.parent.mkdir()
        report.write_text("text", encoding="utf-8")
        built = build(self.TEXT)
        assert "There is a run." in built.text
        assert "There is no run." not in built.text
        report.unlink()
        assert "There is no run." in build(self.TEXT).text

    def test_included_fragment_brings_headings_and_pictures(
        self, build: Build, tmp_path: Path
    ) -> None:
        run = tmp_path / "run"
        run.mkdir()
        for name in ("picture", "figure"):
            (run / f"{name}.png").write_bytes(name.encode())
        (run / "report.md").write_text(
            "## First\n\n![A picture](picture.png)\n\n"
            ":::{figure-md}\n![A figure](figure.png)\n\nCaption\n:::\n\n"
            "## Second\n\nLoss {num}`loss:.1f`.\n",
            encoding="utf-8",
        )
        text = (
            "::::{if-exists} run/report.md\n"
            ":::{include} run/report.md\n:relative-images:\n:::\n"
            "::::\n\n## After"
        )
        built = build(text)
        assert built.warnings == ""
        assert re.findall(r"<h(\d)>(\w+)", built.html) == [
            ("1", "Page"),
            ("2", "First"),
            ("2", "Second"),
            ("2", "After"),
        ]
        assert "Loss 97.9." in built.text
        for name in ("picture", "figure"):
            assert (tmp_path / f"out/_images/{name}.png").read_bytes() == name.encode()

    def test_page_is_read_again_when_the_fragment_changes(
        self, build: Build, tmp_path: Path
    ) -> None:
        report = tmp_path / "run/report.md"
        report.parent.mkdir()
        report.write_text("Old.", encoding="utf-8")
        text = "::::{if-exists} run/report.md\n:::{include} run/report.md\n:::\n::::"
        assert "Old." in build(text).text
        report.write_text("New text.", encoding="utf-8")
        assert "New text." in build(text).text


def test_cell_added_by_papermill_is_dropped(build: Build, tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title {num}`loss:.1f`"},
        code_cell("parameter = 'OWN'", "parameters"),
        code_cell("parameter = 'INJECTED'", "injected-parameters"),
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    write_json(tmp_path / "notebook.ipynb", notebook)
    assert build("```{toctree}\nnotebook\n```", parser="myst_nb").warnings == ""
    html = (tmp_path / "out/notebook.html").read_text(encoding="utf-8")
    assert "97.9" in html
    assert "OWN" in html
    assert "INJECTED" not in html


def code_cell(source: str, tag: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [tag]},
        "outputs": [],
        "source": source,
    }


def test_packages_are_listed_in_the_order_of_their_imports(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text('"""Uses b (Eq. 3). And more."""\nfrom own.b import x\n')
    (folder / "b.py").write_text('"""The ground,\non two lines."""\nx = 1\n')
    assert dcrw_packages.modules(folder, tmp_path) == ["own.b", "own.a"]
    assert dcrw_packages.purpose(folder / "a.py") == "Uses b (Eq. 3)"
    assert dcrw_packages.purpose(folder / "b.py") == "The ground, on two lines"
    (folder / "b.py").write_text("import own.a\n")
    with pytest.raises(ValueError, match="circle"):
        dcrw_packages.modules(folder, tmp_path)


def test_errors_are_listed_with_their_way_out(tmp_path):
    path = tmp_path / "a.py"
    path.write_text('''class OwnError(ValueError):
    """It went
    wrong.

    Way out: mend it.
    """


class Other:
    """No error."""
''')
    assert dcrw_packages.errors(path) == {"OwnError": ("It went wrong.", "mend it.")}
    path.write_text('class OwnError(ValueError):\n    """It went wrong."""\n')
    with pytest.raises(ValueError, match="OwnError tells no way out"):
        dcrw_packages.errors(path)
    listed = [
        name for source in sorted((Path(__file__).parents[1] / "dcrw").rglob("*.py"))
        for name in dcrw_packages.errors(source)
    ]  # fmt: skip
    assert sorted(listed) == sorted(
        ["ConfigError", "DataError", "DeviceError", "ExplorerError", "Interrupted", "RunError",
         "TrainingError"]
    )  # fmt: skip


def test_a_build_without_the_executed_pages_stops(build: Build, tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("- file: book/paper\n- file: book/executed/table_1\n")
    with pytest.raises(ConfigError, match=r"executed/table_1\. Build the book with make book"):
        build("text")
    (tmp_path / "book/executed").mkdir(parents=True)
    (tmp_path / "book/executed/table_1.ipynb").touch()
    (tmp_path / "_toc.yml").write_text("- file: book/executed/table_1\n")
    build("text")
