"""The explorer of one finished run as one HTML file, which asks no host for anything: scripts,
style and drawings stand in it. It can be sent to someone who has neither Python nor the project."""

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import Any

from dcrw.explorer.browser import FOLDER, bundle, pack
from dcrw.explorer.gallery import Gallery
from dcrw.explorer.recording import load_writer, record_gallery
from dcrw.explorer.widget import Explorer
from dcrw.notebook import load_run_data
from dcrw.training.config import Runtime
from dcrw.training.files import RunError, project_root, write_atomically
from dcrw.training.run import Run


def write_page(
    run: Run, path: Path, root: str = "", each: int = 4, seed: int = 1234, images: str = ""
) -> None:
    """Write the page of a complete run: what it does with test images of the data set that it was
    trained on, and what it draws from the prior.

    root: the folder of the data, as in notebooks (empty: the variable DCRW_DATA, else `data` in the
    run's project, or in the current folder for a run that lies in none). each: images of a class,
    fewer where one has fewer; seed: of the noise; images: one's own, relative to the project, empty
    where they lie as they lay in training. Raises `RunError` where the run is not complete or
    `path` cannot be written, `ConfigError` or `DataError` where its settings or its data cannot be
    read, `ExplorerError` where its model has no windows to show.
    """
    load_writer(run)  # says whether the run can be shown, before data are asked for
    config = run.config
    where = Runtime(data_root=root, own_images=images)
    dataset = load_run_data(run, where, _project(run))
    gallery = record_gallery({config.name: run}, dataset, each, seed)
    trained = f"{config.training.iterations:,} iterations on {config.data.in_words}"
    shown = f"{len(gallery.images)} test images"
    about = f"{run.folder.name}: {trained}, seed {config.training.seed}; {shown}."
    write_atomically(path, page(gallery, about).encode())


def page(gallery: Gallery, about: str) -> str:
    """The page of a gallery. about: a line of text under the heading."""
    catalogue, block = pack(gallery)
    traits = view(gallery) | {"catalogue": catalogue}
    title = "; ".join(model["title"] for model in catalogue["models"])
    template = Template((FOLDER / "standalone.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        about=html.escape(about),
        css=(FOLDER / "explorer.css").read_text(encoding="utf-8"),
        traits=json.dumps(traits).replace("<", "\\u003c"),  # no "</script>" in a name ends it
        block=base64.b64encode(block).decode(),
        module=bundle().replace("</script", "<\\/script"),  # as in a comment; it would end there
    )


def view(gallery: Gallery) -> dict[str, Any]:
    """The widget's traits as they are at first, but for the catalogue and its block."""
    defaults = {
        name: trait.default()
        for name, trait in Explorer.class_own_traits(sync=True).items()
        if name not in ("catalogue", "block")
    }
    return defaults | {"models": [recording.name for recording in gallery.recordings]}


def _project(run: Run) -> Path:
    """The project that the run lies in; the current folder for a run that was taken out of it."""
    try:
        return project_root(run.folder)
    except RunError:
        return Path.cwd()
