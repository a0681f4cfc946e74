"""The book on the web: what link previews and search engines read, the buttons that lead to its
repository, and a word to those who build it before its pages are there.

The repository's address is `repository: url` in `_config.yml`, and nowhere else. Where it is empty
there are no buttons. Where it is that of a repository on GitHub or GitLab, the address of the built
book follows from it (`https://OWNER.github.io/NAME/`); the environment variable BOOK_ADDRESS is for
those who publish elsewhere. Without either the previews' picture is named relative to its page.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata
from sphinx_external_toc.parsing import parse_toc_yaml

logger = logging.getLogger(__name__)

REPOSITORY = re.compile(r"https://(github|gitlab)\.com/([\w.-]+)/([\w.-]+?)/?")
BUTTONS = ("use_repository_button", "use_edit_page_button", "use_issues_button")
EXECUTED, SOURCES = "book/executed", "notebooks"  # a notebook's page, and what people edit
LENGTH = 200  # characters of a description; what is longer is cut by those who show it


def address_of(repository: str) -> str:
    """The address of a repository's pages: `https://OWNER.github.io/NAME/`, empty for an empty one.

    Raises `ConfigError` for an address that is none of a repository on GitHub or GitLab.
    """
    if not repository:
        return ""
    found = REPOSITORY.fullmatch(repository)
    if found is None or repository.endswith(".git"):
        raise ConfigError(
            f"repository: url: {repository!r}: expected https://github.com/OWNER/NAME or "
            "https://gitlab.com/OWNER/NAME, or nothing"
        )
    host, owner, name = found.groups()
    own = name.lower() == f"{owner}.{host}.io".lower()  # that of the owner's own site
    return f"https://{owner.lower()}.{host}.io/" + ("" if own else f"{name}/")


def set_addresses(app: Sphinx, config: Config) -> None:
    """Turn the buttons on or off, and fill in the address of the built book."""
    options = config.html_theme_options
    repository = options.get("repository_url", "")
    derived = address_of(repository)
    options.update(dict.fromkeys(BUTTONS, bool(repository)))
    if not repository:
        options["launch_buttons"] = {}
    address = os.environ.get("BOOK_ADDRESS") or config.html_baseurl or derived
    if address:
        config.html_baseurl = address.rstrip("/") + "/"


def require_pages(app: Sphinx, config: Config) -> None:
    """End the build where notebooks that the contents name have not been executed yet.

    Jupyter Book would leave their pages out, with a warning for each. It shows a traceback of every
    error, whatever its kind: an end of the process leaves the message alone.
    """
    contents = parse_toc_yaml(Path(app.srcdir, config.external_toc_path))
    missing = [
        name
        for name in sorted(contents)
        if name.startswith(f"{EXECUTED}/") and not Path(app.srcdir, f"{name}.ipynb").exists()
    ]
    if missing:
        raise SystemExit(
            f"The book cannot be built yet: {len(missing)} of its pages are notebooks that have to "
            f"be executed first, {missing[0]}.ipynb among them. Run: make book"
        )


def description_of(doctree: nodes.document) -> str:
    """A page's first paragraph as plain text, cut between words; empty where it has none."""
    for paragraph in doctree.findall(nodes.paragraph):
        plain = isinstance(paragraph.parent, nodes.section | nodes.document | nodes.container)
        text = " ".join(_words(paragraph).split())
        if plain and text:
            return _cut(text)
    return ""


def _words(node: nodes.Node) -> str:
    """Text as it is read: formulas without TeX's own marks."""
    if isinstance(node, nodes.math):
        return re.sub(r"\\(?:mathrm|mathcal|text|,|;|!)|[\\{}]", "", node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    return "".join(map(_words, node.children))


def _cut(text: str) -> str:
    if len(text) <= LENGTH:
        return text
    return text[: LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def add_preview(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Describe a page in its head: for search engines, and for previews of links to it (Open
    Graph). A page without a paragraph is a warning."""
    if doctree is None:
        return
    description = description_of(doctree)
    if not description:
        logger.warning("no first paragraph to describe the page by", location=page, type="site")
        return
    base, picture = app.config.html_baseurl, f"_static/{Path(app.config.dcrw_preview).name}"
    properties = {
        "og:type": "website",
        "og:site_name": app.config.html_title,
        "og:title": re.sub(r"<[^>]+>", "", context["title"]),
        "og:description": description,
        "og:image": urljoin(base, picture) if base else context["pathto"](picture, 1),
        "og:image:alt": app.config.dcrw_preview_alt,
    }
    if base:
        properties["og:url"] = urljoin(base, app.builder.get_target_uri(page))
    names = {"description": description, "twitter:card": "summary_large_image"}
    tags = [_tag("name", *entry) for entry in names.items()]
    tags += [_tag("property", *entry) for entry in properties.items()]
    context["metatags"] = context.get("metatags", "") + "\n".join(tags) + "\n"


def _tag(kind: str, name: str, content: str) -> str:
    return f'<meta {kind}="{name}" content="{html.escape(html.unescape(content))}">'


def lead_to_sources(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let the buttons of an executed notebook lead to its source, which is what is committed."""
    executed, source = f"{EXECUTED}/", f"{SOURCES}/"
    if not page.startswith(executed):
        return
    file = f"{page}.ipynb"
    for button in _flat(context.get("header_buttons", [])):
        address = button.get("url") or ""
        if address.startswith("https://"):
            button["url"] = address.replace(file, file.replace(executed, source, 1))


def _flat(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for button in buttons for one in (button, *_flat(button.get("buttons", [])))]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_config_value("dcrw_preview", "", "html", str)
    app.add_config_value("dcrw_preview_alt", "", "html", str)
    app.connect("config-inited", require_pages, priority=100)
    app.connect("config-inited", set_addresses, priority=100)
    app.connect("html-page-context", add_preview)
    app.connect("html-page-context", lead_to_sources, priority=900)  # the theme's buttons are there
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
