"""Where a number and a figure's data come from, to be asked on the page.

A page with numbers of the roles `num` and `numci` gets what is known of each, as JSON, and a
script that shows it: the exact value, n, the interval, the file, the values by seed with their runs
and commits, the command that makes it again, and a citation to copy. A file under `results/` that a
page names as code, as `results/grid/figures/plane.csv`, becomes a link to a copy in the book,
followed by the runs behind it where its table names them.

`dcrw_numbers_made` maps a file of numbers to the command that writes it; `dcrw_numbers_runs` is the
table with a row per run. A key of no listed file has no command.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

KEY = re.compile(r'<span class="number" data-key="([^"]+)"')
RUNS = re.compile(r'<span class="behind"')
BY_SEED = re.compile(r"grid\.(?P<cell>.+)\.(?P<column>(?:train|test|fresh)\.(?:lx|lz|total))")
DATA = re.compile(r"results/[\w./-]+\.(?:csv|npz|json)")


def read_files(app: Sphinx, config: Config) -> None:
    """Load which file has which number, the table of runs, and how to cite.

    Raises `ConfigError` for a missing or malformed file.
    """
    root = Path(app.srcdir)
    try:
        config.dcrw_makers = {
            key: command
            for name, command in config.dcrw_numbers_made.items()
            for key in json.loads((root / name).read_text(encoding="utf-8"))
        }
        table = root / config.dcrw_numbers_runs
        with table.open(encoding="utf-8", newline="") as file:
            config.dcrw_runs = list(csv.DictReader(file))
        cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
        config.dcrw_cited = f"{cited['title']}, version {cited['version']}"
    except (OSError, ValueError) as error:
        raise ConfigError(f"dcrw_numbers_made, dcrw_numbers_runs: {error}") from error


def by_seed(key: str, runs: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Values of a mean over seeds, with the run and the commit of each; none for another key."""
    found = BY_SEED.fullmatch(key)
    if not found:
        return []
    column = found["column"].replace(".", "_")
    return [
        {
            "seed": row["seed"],
            "value": float(row[column]),
            "run": row["run"],
            "commit": row["commit"],
        }
        for row in runs
        if row["cell"] == found["cell"]
    ]


def runs_behind(path: Path, runs: list[dict[str, str]]) -> list[str]:
    """Folders of the runs that a table names, by `run`, or by `cell` and perhaps `seed`."""
    if path.suffix != ".csv":
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"run", "cell"} & rows[0].keys():
        return []
    seen = [{name: row[name] for name in ("run", "cell", "seed") if row.get(name)} for row in rows]
    return [run["run"] for run in runs if any(part.items() <= run.items() for part in seen)]


class LinkData(SphinxTransform):
    """Names of data files become links to them, each followed by the runs behind it."""

    default_priority = 210

    def apply(self, **kwargs: Any) -> None:
        """Replace literals; where a file is not there, the name stays."""
        for literal in list(self.document.findall(nodes.literal)):
            name = literal.astext()
            path = Path(self.app.srcdir, name)
            if not DATA.fullmatch(name) or not path.is_file():
                continue
            link = addnodes.download_reference(reftarget=f"/{name}", classes=["data-file"])
            link += literal.deepcopy()
            behind = runs_behind(path, self.config.dcrw_runs)
            parent = literal.parent
            place = parent.index(literal)
            parent[place] = link
            if behind:
                text = f"{len(behind)} run{'s' * (len(behind) > 1)} behind it"
                parent.insert(place + 1, nodes.Text(" ("))
                parent.insert(place + 2, behind_it(text, text, runs=behind))
                parent.insert(place + 3, nodes.Text(")"))


class behind_it(nodes.inline):  # noqa: N801  docutils names its nodes in lower case
    """Words that show the runs behind a file when asked; other builders see the words."""


def visit_behind(self: Any, node: behind_it) -> None:
    """Open the element in HTML."""
    self.body.append(
        self.starttag(node, "span", "", CLASS="behind", **{"data-runs": " ".join(node["runs"])})
    )


def depart_behind(self: Any, node: behind_it) -> None:
    """Close it."""
    self.body.append("</span>")


def add_provenance(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Put what is known of the page's numbers into it, with the script that shows it."""
    body = context.get("body", "")
    keys = list(dict.fromkeys(KEY.findall(body)))
    if app.builder.format != "html" or not (keys or RUNS.search(body)):
        return
    known = {key: _described(key, app.config) for key in keys}
    state = json.dumps({"cited": app.config.dcrw_cited, "numbers": known}, separators=(",", ":"))
    escaped = state.replace("<", "\\u003c")
    context["body"] = body + f'<script type="application/json" id="dcrw-numbers">{escaped}</script>'
    app.add_css_file("figures/numbers.css")
    app.add_js_file("figures/numbers.js", loading_method="defer")


def _described(key: str, config: Config) -> dict[str, Any]:
    number = config.dcrw_numbers[key]
    seeds = by_seed(key, config.dcrw_runs)
    parts = number._asdict() | {"command": config.dcrw_makers.get(key), "seeds": seeds}
    return {name: value for name, value in parts.items() if value not in (None, [])}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything with Sphinx."""
    app.setup_extension("dcrw_book")
    app.add_config_value("dcrw_numbers_made", {}, "env", dict)
    app.add_config_value("dcrw_numbers_runs", "", "env", str)
    for name, empty in (("dcrw_makers", {}), ("dcrw_runs", []), ("dcrw_cited", "")):
        app.add_config_value(name, empty, "env", type(empty))
    app.connect("config-inited", read_files)
    app.add_node(behind_it, html=(visit_behind, depart_behind))
    app.add_transform(LinkData)
    app.connect("html-page-context", add_provenance)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
