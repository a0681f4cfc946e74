"""A figure's form for a phone, where it has one.

`study.style.save_figure` writes `<name>_narrow.png` beside `<name>.png`: the same figure drawn for
a width at which its words stay legible. A page holds the wide one under a name that its content
gives; a narrow screen is offered the other. The link that enlarges a picture leads to the wide one.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from bs4.formatter import HTMLFormatter
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

SUFFIX = "_narrow.png"
SCREEN = "(max-width: 575px)"
FOLDER = "_images"
LAST = 960  # after `dcrw_pages` has wrapped pictures in links


def find(app: Sphinx) -> None:
    """Collect the narrow figures by the content of the wide ones."""
    found = {}
    for narrow in sorted(Path(app.srcdir, "results").glob(f"*/**/*{SUFFIX}")):
        wide = narrow.with_name(narrow.name.replace(SUFFIX, ".png"))
        if wide.exists():
            found[hashlib.sha256(wide.read_bytes()).hexdigest()] = narrow
    app.config.dcrw_narrow = found


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Offer a narrow screen the narrow form of each picture of a page."""
    if app.builder.format != "html" or not context.get("body"):
        return
    body, taken = offered(context["body"], app.config.dcrw_narrow)
    for narrow in taken:
        target = Path(app.outdir, FOLDER, _name(narrow))
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(narrow, target)
    if taken:
        context["body"] = body


def offered(body: str, narrow: dict[str, Path]) -> tuple[str, list[Path]]:
    """A page's body with the narrow forms offered, and those that it takes.

    narrow: the wide picture's SHA-256, which is its name on the page, to the narrow one's path.
    """
    soup, taken = BeautifulSoup(body, "html.parser"), []
    for image in soup.find_all("img", src=True):
        folder, _, name = image["src"].rpartition("/")
        found = narrow.get(Path(name).stem)
        if found is None or image.find_parent("picture"):
            continue
        place = {"media": SCREEN, "srcset": f"{folder}/{_name(found)}"}
        image.wrap(soup.new_tag("picture")).insert(0, soup.new_tag("source", attrs=place))
        taken.append(found)
    return soup.decode(formatter=HTMLFormatter.REGISTRY["minimal"]), taken


def _name(narrow: Path) -> str:
    """Where it is copied to: profiles have figures of one name."""
    return f"{narrow.parent.parent.name}_{narrow.name}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.add_config_value("dcrw_narrow", {}, "")
    app.connect("builder-inited", find)
    app.connect("html-page-context", offer, priority=LAST)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
