"""The explorer with its models at hand: draw a digit, change the noise, load other runs."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from dcrw.explorer.browser import pack
from dcrw.explorer.gallery import ExplorerError, Gallery, Recording
from dcrw.explorer.recording import Sampling, load_writer, reconstruct, record, tracks_of
from dcrw.explorer.widget import Explorer
from dcrw.training.files import RunError, exists, project_root
from dcrw.training.run import Run

DONE = {"kind": "done"}  # by this a view that waits knows that the kernel lives


class LiveExplorer(Explorer):
    """The explorer with its models at hand: draw a digit, change the noise, load other runs.

    Folders of runs are absolute, or relative to the project's root. What the reader asks for and
    cannot have changes nothing, and `message` says why.
    """

    live = traitlets.Bool(True).tag(sync=True)
    sketch = traitlets.Bytes(help="A x A grey values, as drawn").tag(
        sync=True, from_json=lambda value, _: bytes(value)
    )
    seed = traitlets.Int(1234, min=0, max=2**31 - 1, help="of the noise").tag(sync=True)
    temperature = traitlets.Float(1.0, min=0.0, help="scales the noise").tag(sync=True)
    total_steps = traitlets.Int(10, min=1, max=128, help="T, drawing steps").tag(sync=True)
    folders = traitlets.List(traitlets.Unicode(), help="complete runs to offer").tag(sync=True)
    message = traitlets.Unicode(help="why the last request was not met").tag(sync=True)

    _SETTINGS = ("sketch", "seed", "temperature", "total_steps")

    def __init__(self, gallery: Gallery, folders: Sequence[str | Path], **view: Any):
        """gallery: whose images the models draw; its recordings are not shown. folders: complete
        runs. view: any of the traits.

        Raises `RunError`, `ConfigError` or `ExplorerError` where a run cannot be shown.
        """
        if not folders:
            raise ExplorerError("folders: expected at least one complete run")
        self._given = gallery
        self._writer = lru_cache(32)(lambda run, steps: load_writer(Run(run), steps))
        self._recording = lru_cache(32)(self._record)
        self._shown = [find_run(folder) for folder in folders]
        blank = bytes(gallery.images[0].size)
        steps = Run(self._shown[0]).config.model.steps
        settings = {"sketch": blank, "seed": 1234, "temperature": 1.0, "total_steps": steps} | view
        offered = offered_runs()
        super().__init__(self._draw(self._shown, settings), folders=offered, **settings)
        self.observe(self._follow, self._SETTINGS)
        self.on_msg(self._answer)

    def load(self, folder: str | Path) -> None:
        """Show a further run. Raises `RunError`, `ConfigError` or `ExplorerError`."""
        found = find_run(folder)
        if found.name in [shown.name for shown in self._shown]:
            raise ExplorerError(f"{folder}: a run of this name is shown already")
        self._publish(self._draw([*self._shown, found], self._settings()))
        self._shown.append(found)
        self.models = [*self.models, found.name]

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._SETTINGS}

    def _draw(self, folders: Sequence[Path], settings: Mapping[str, Any]) -> Gallery:
        """What every model does with the gallery's images and with the sketch."""
        sampling = Sampling(settings["seed"], settings["temperature"])
        sketch = _as_image(settings["sketch"], self._given.images.shape[1])
        recordings = []
        for folder in folders:
            recorded = self._recording(folder, settings["total_steps"], sampling)
            writer = self._writer(folder, settings["total_steps"])
            drawn = {"sketch": tracks_of(reconstruct(writer, sketch, sampling), writer.config)}
            recordings.append(replace(recorded, modes=drawn | dict(recorded.modes)))
        return replace(self._given, recordings=recordings, sketch=sketch)

    def _record(self, folder: Path, steps: int, sampling: Sampling) -> Recording:
        given, writer = self._given, self._writer(folder, steps)
        return record(folder.name, writer, given.images, given.pairs, sampling)

    def _publish(self, gallery: Gallery) -> None:
        catalogue, block = pack(gallery)
        with self.hold_sync():
            self.catalogue, self.block = catalogue, block

    def _follow(self, change: Any) -> None:
        """A setting has changed: draw again, or say why not and set it back."""
        try:
            self._publish(self._draw(self._shown, self._settings()))
            self.message = ""
        except (ValueError, RuntimeError) as error:
            self.unobserve(self._follow, self._SETTINGS)
            setattr(self, change.name, change.old)
            self.observe(self._follow, self._SETTINGS)
            self.message = str(error)
        self.send(DONE)

    def _answer(self, _: Any, request: Mapping[str, Any], frames: Sequence[bytes]) -> None:
        """What the view asks for by message: a further run, or its frames as one animation."""
        try:
            if request.get("kind") == "load":
                self.load(str(request["folder"]))
            elif request.get("kind") == "gif":
                self.send({"kind": "gif", "name": str(request["name"])}, [animate(frames)])
            self.message = ""
        except (ValueError, RuntimeError) as error:
            self.message = str(error)
        self.send(DONE)


def find_run(folder: str | Path) -> Path:
    """The folder of a complete run, absolute or relative to the project's root.

    Raises `ExplorerError` where there is no such folder, `RunError` where it holds no complete run,
    and outside of the project where it is relative.
    """
    given = Path(folder)
    found = given if given.is_absolute() else project_root() / given
    if not str(folder) or not exists(found):
        raise ExplorerError(f"{folder or 'no name given'}: there is no such folder of a run")
    Run(found).require_complete()
    return found


def offered_runs() -> list[str]:
    """`complete_runs` of the project; none outside of it, where absolute folders still do."""
    try:
        root = project_root()
    except RunError:
        return []
    return complete_runs(root)


def complete_runs(root: Path) -> list[str]:
    """Folders of complete runs below results/, relative to the project's root."""
    found = sorted((root / "results").glob("*/runs/*"))
    return [path.relative_to(root).as_posix() for path in found if Run(path).complete]


def animate(frames: Sequence[bytes], milliseconds: int = 600) -> bytes:
    """Pictures of one size (PNG) as an endless GIF that rests on the last one.

    Raises `ExplorerError` where there is none.
    """
    if not frames:
        raise ExplorerError("frames: expected at least one picture")
    images = [Image.open(io.BytesIO(bytes(frame))).convert("RGB") for frame in frames]
    durations = [milliseconds] * (len(images) - 1) + [3 * milliseconds]
    target = io.BytesIO()
    images[0].save(
        target, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0
    )
    return target.getvalue()


def _as_image(grey: bytes, size: int) -> NDArray[np.uint8]:
    if len(grey) != size * size:
        raise ExplorerError(
            f"the drawing has {len(grey)} grey values; expected {size} x {size} = {size * size}"
        )
    return np.frombuffer(grey, dtype=np.uint8).reshape(1, size, size).copy()
