"""The book on the web: addresses, buttons, previews, and pages that are not there yet."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("myst_nb")

from docutils import nodes
from docutils.core import publish_doctree
from sphinx.errors import ConfigError
from tiny_sites import build_site

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))
import dcrw_site

ROOT = Path(__file__).resolve().parents[1]
EXTENSIONS = ["dcrw_site", "myst_nb", "sphinx.ext.githubpages", "sphinx_external_toc"]
REPOSITORY = "https://github.com/Someone/a-book"
NOTEBOOK = (
    '{{"cells": [{{"cell_type": "markdown", "id": "a", "metadata": {{}}, "source": "{}"}}], '
    '"metadata": {{"kernelspec": {{"name": "python3", "display_name": "Python"}}}}, '
    '"nbformat": 4, "nbformat_minor": 5}}'
)


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_ADDRESS", raising=False)


def launch_buttons() -> dict[str, str]:
    """As the book itself has them."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["launch_buttons"]


class Site:
    """A tiny book with the theme's buttons, one of its two pages an executed notebook."""

    def __init__(self, folder: Path, repository: str) -> None:
        (folder / "book/executed").mkdir(parents=True)
        (folder / "strip.png").write_bytes(b"")
        (folder / "_toc.yml").write_text(
            "format: jb-book\nroot: book/index\n"
            "chapters:\n- file: book/executed/one\n- file: book/empty\n"
        )
        (folder / "book/index.md").write_text(
            '# First & foremost\n\nA *first* "paragraph" & more.\n'
        )
        (folder / "book/empty.md").write_text("# Empty\n")
        (folder / "book/executed/one.ipynb").write_text(NOTEBOOK.format("# One\\n\\nIt ran."))
        options = {"repository_url": repository, "repository_branch": "main"}
        settings = {
            "html_title": "Tiny",
            "extensions": EXTENSIONS,
            "nb_execution_mode": "off",
            "html_theme": "sphinx_book_theme",
            "html_theme_options": options | {"launch_buttons": launch_buttons()},
            "html_static_path": ["strip.png"],
            "dcrw_preview": "strip.png",
            "dcrw_preview_alt": "A strip",
        }
        self.warnings = build_site(folder, settings)
        self.folder = folder / "out"

    def page(self, name: str) -> str:
        return (self.folder / f"{name}.html").read_text(encoding="utf-8")

    def meta(self, name: str) -> dict[str, str]:
        found = re.findall(r'<meta (?:name|property)="([\w:]+)" content="(.*?)"', self.page(name))
        return {key: html.unescape(value) for key, value in found}

    def addresses(self, name: str) -> list[str]:
        """Where the page's buttons lead outside."""
        found = re.findall(r'href="(https://[^"]+)"', self.page(name))
        return [html.unescape(one) for one in found if "a-book" in one]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("without"), "")


@pytest.fixture(scope="module")
def with_repository(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("with"), REPOSITORY)


class TestPages:
    def test_without_a_repository_there_are_no_buttons(self, without: Site) -> None:
        for name in ("book/index", "book/executed/one"):
            page = without.page(name)
            for words in ("mybinder.org", "colab.research", "Suggest edit", "github.com/Someone"):
                assert words not in page
            assert 'rel="canonical"' not in page

    def test_a_repository_turns_the_buttons_on(self, with_repository: Site) -> None:
        found = with_repository.addresses("book/index")
        assert f"{REPOSITORY}/edit/main/book/index.md" in found
        assert f"{REPOSITORY}" in found

    def test_a_notebook_is_opened_at_its_source(self, with_repository: Site) -> None:
        found = with_repository.addresses("book/executed/one")
        assert f"{REPOSITORY}/edit/main/notebooks/one.ipynb" in found
        assert (
            "https://mybinder.org/v2/gh/Someone/a-book/main?urlpath=lab/tree/notebooks/one.ipynb"
            in found
        )
        assert (
            "https://colab.research.google.com/github/Someone/a-book/blob/main/notebooks/one.ipynb"
            in found
        )
        assert not any("executed/one.ipynb" in one for one in found)

    def test_jekyll_is_told_to_keep_off(self, without: Site) -> None:
        assert (without.folder / ".nojekyll").exists()

    def test_a_page_is_described_by_its_first_paragraph(self, without: Site) -> None:
        found = without.meta("book/index")
        assert found["description"] == found["og:description"] == "A first “paragraph” & more."
        assert found["og:title"] == "First & foremost"
        assert found["og:site_name"] == "Tiny"
        assert without.meta("book/executed/one")["description"] == "It ran."

    def test_without_an_address_the_picture_is_found_from_the_page(self, without: Site) -> None:
        for name in ("book/index", "book/executed/one"):
            found = without.meta(name)
            picture = (without.folder / name).parent / found["og:image"]
            assert picture.resolve().is_file()
            assert found["og:image:alt"] == "A strip"
            assert "og:url" not in found

    def test_with_an_address_previews_are_absolute(self, with_repository: Site) -> None:
        found = with_repository.meta("book/executed/one")
        assert found["og:url"] == "https://someone.github.io/a-book/book/executed/one.html"
        assert found["og:image"] == "https://someone.github.io/a-book/_static/strip.png"

    def test_a_page_without_a_paragraph_is_a_warning(self, without: Site) -> None:
        assert without.warnings.count("no first paragraph") == 1
        assert "empty" in without.warnings


class FakeConfig:
    def __init__(self, repository: str, baseurl: str = "") -> None:
        self.html_theme_options: dict[str, Any] = {"repository_url": repository}
        self.html_theme_options["launch_buttons"] = {"binderhub_url": "https://mybinder.org"}
        self.html_baseurl = baseurl


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("", ""),
        ("https://github.com/Someone/a-book", "https://someone.github.io/a-book/"),
        ("https://gitlab.com/a/b.c/", "https://a.gitlab.io/b.c/"),
        ("https://github.com/Me/me.github.io", "https://me.github.io/"),
    ],
)
def test_the_address_follows_from_the_repository(repository: str, address: str) -> None:
    assert dcrw_site.address_of(repository) == address


@pytest.mark.parametrize(
    "repository", ["github.com/a/b", "https://github.com/a", "https://github.com/a/b.git", "x"]
)
def test_another_repository_is_refused(repository: str) -> None:
    with pytest.raises(ConfigError, match=r"expected https://github\.com/OWNER/NAME"):
        dcrw_site.address_of(repository)


@pytest.mark.parametrize(
    ("given", "configured", "expected"),
    [
        ("", "", "https://a.github.io/b/"),
        ("", "https://own.example/", "https://own.example/"),
        ("https://other.example/b", "https://own.example/", "https://other.example/b/"),
    ],
)
def test_who_publishes_elsewhere_says_where(
    monkeypatch: pytest.MonkeyPatch, given: str, configured: str, expected: str
) -> None:
    monkeypatch.setenv("BOOK_ADDRESS", given)
    config: Any = FakeConfig("https://github.com/a/b", configured)
    dcrw_site.set_addresses(None, config)  # type: ignore[arg-type]
    assert config.html_baseurl == expected


def document(text: str) -> nodes.document:
    return publish_doctree(text, settings_overrides={"report_level": 5})


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("Title\n=====\n\nOne *two*\nthree.\n\nFour.", "One two three."),
        (".. note:: Not this.\n\nBut this.", "But this."),
        ("- not this\n\nBut this.", "But this."),
        (r"The :math:`L_{x}` of :math:`\sigma(c_t)`.", "The L_x of sigma(c_t)."),
        ("Title\n=====\n", ""),
        ("word " * 100, "word " * 38 + "word…"),
    ],
)
def test_descriptions(text: str, description: str) -> None:
    assert dcrw_site.description_of(document(text)) == description


@pytest.fixture
def contents(tmp_path: Path) -> Callable[..., None]:
    """Checks a project whose contents name three pages, some of them there."""
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/executed/one\n"
        "- file: book/executed/two\n"
    )
    (tmp_path / "book/executed").mkdir(parents=True)

    def check(*there: str) -> None:
        for name in there:
            (tmp_path / f"book/executed/{name}.ipynb").touch()
        app: Any = type("App", (), {"srcdir": tmp_path})
        config: Any = type("Config", (), {"external_toc_path": "_toc.yml"})
        dcrw_site.require_pages(app, config)

    return check


def test_pages_that_were_not_executed_are_one_error(contents: Callable[..., None]) -> None:
    with pytest.raises(SystemExit, match=r"1 of its pages.*book/executed/two\.ipynb.*make book"):
        contents("one")
    contents("one", "two")
