"""The explorer: every step of a drawing, to scrub through in a page or in JupyterLab.

What a model did is kept small, as windows and patches; the browser rebuilds filters, glimpses and
canvases from them (`widgets/rebuild.js`), and `rebuild_canvas` does so in PyTorch.

Sizes: T steps, n images of A x A pixels, N filters an axis, z latent dimensions a step.
"""

import io
import json
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import numpy as np
import pandas as pd
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor

from dcrw import attention, engine, evaluation, notebook, report, runs
from dcrw.attention import Window
from dcrw.config import (
    ModelConfig,
    RunConfig,
    _Section,
    load_profile,
)
from dcrw.data import Split
from dcrw.encoders import conventions
from dcrw.figures import StripRow
from dcrw.randomness import step_noise
from dcrw.runs import Run, run_for
from dcrw.writer import ConvolutionalVAE, Trace, Writer

COLUMNS = 10  # of the contact sheet: one a class, or one a blend
PAIRS = ((0, 6), (1, 7), (3, 8), (4, 9))  # the classes between which latents are blended
CLASSES = 10
FOLDER = Path(__file__).parent / "widgets"
MODULES = (  # each imports earlier ones alone
    "rebuild.js",
    "pictures.js",
    "controls.js",
    "export.js",
    "live.js",
    "links.js",
    "sheet.js",
    "cards.js",
    "explorer.js",
)

IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z]+\.js";\n', re.MULTILINE)

Arrays = dict[str, NDArray[Any]]


class ExplorerError(ValueError):
    """Something that the explorer cannot show; the message says what it can."""


class Selection(_Section):
    """What the explorer's file is made from: parameters of notebooks/explorer_data.ipynb."""

    cells: list[str] = Field(min_length=1, description="profile/cell, of each its first seed")
    each: int = Field(4, ge=1, le=100, description="test digits of every class")
    seed: int = Field(1234, ge=0, lt=2**31, description="of the noise")
    output: str = Field(description="the file to write, relative to the project")
    data_root: str = Field("", description="folder of MNIST/raw; empty: DCRW_DATA, else data")


class Sampling(NamedTuple):
    """Where the noise comes from."""

    seed: int = 1234
    temperature: float = 1.0  # scales the noise: z_t = mu_t + temperature sigma_t epsilon_t


DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True)
class Recording:
    """What one model did with the images of a gallery.

    modes: mode to arrays. `write_window` (T, n, 5), as `evaluation.pixel_windows`, and `patch`
    (T, n, N, N) are always there, `kl` (T, n) nats where images are encoded, `read_window` where
    they are also read through a window.
    """

    name: str
    config: ModelConfig
    initial_canvas: NDArray[np.float32]  # (A, A) logits, c_0
    modes: Mapping[str, Arrays]


@dataclass(frozen=True)
class Gallery:
    """Images, and what several models did with them.

    pairs: (p, 2) indices of the images between which latents are blended.
    """

    images: NDArray[np.uint8]  # (n, A, A)
    labels: NDArray[np.int64]  # (n,)
    pairs: NDArray[np.int64]
    recordings: Sequence[Recording]
    about: Mapping[str, Any] = field(default_factory=dict)
    sketch: NDArray[np.uint8] | None = None  # (1, A, A), of the mode `sketch`; never saved

    @property
    def steps(self) -> int:
        """T of the first recording, which all share."""
        return next(iter(self.recordings[0].modes.values()))["write_window"].shape[0]

    def save(self, path: Path) -> None:
        """Write everything as one NPZ."""
        arrays: Arrays = {"images": self.images, "labels": self.labels, "pairs": self.pairs}
        models = []
        for recording in self.recordings:
            models.append({"name": recording.name, "config": recording.config.model_dump()})
            arrays[f"{recording.name}/initial_canvas"] = recording.initial_canvas
            for mode, tracks in recording.modes.items():
                arrays |= {f"{recording.name}/{mode}/{key}": a for key, a in tracks.items()}
        described = json.dumps({"models": models, "about": dict(self.about)})
        evaluation.write_arrays(path, arrays | {"described": np.array(described)})

    @classmethod
    def load(cls, path: Path) -> "Gallery":
        """Read what `save` wrote. Raises `ExplorerError` where the file is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            described = json.loads(str(arrays.pop("described")))
            recordings = [_recording(model, arrays) for model in described["models"]]
            images, labels, pairs = (arrays[key] for key in ("images", "labels", "pairs"))
            return cls(images, labels, pairs, recordings, described["about"])
        except (OSError, KeyError, ValueError) as error:
            raise ExplorerError(
                f"{path}: not a file of the explorer ({error}); notebooks/explorer_data.ipynb "
                "writes it"
            ) from None


def title(config: ModelConfig) -> str:
    """A model in words, as the explorer heads it."""
    variant = report.VARIANTS.get(config.architecture, config.architecture)
    noise = report.noise_name(RunConfig(model=config))
    return f"{variant[:1].upper()}{variant[1:]}, {noise} noise"


def selection(namespace: MutableMapping[str, Any]) -> Selection:
    """Parameters of the notebook that makes the file. Raises `ConfigError`."""
    (wanted,) = notebook.sections(namespace, Selection)
    return wanted


def find_cells(cells: Iterable[str]) -> dict[str, Run]:
    """The run of each cell's first seed, by the cell's label.

    cells: `<profile>/<label>`. Raises `ConfigError` for an unknown profile, `ExplorerError` for an
    unknown label.
    """
    root, found = runs.project_root(), {}
    for cell in cells:
        profile, _, label = cell.partition("/")
        configs = load_profile(root / "configs" / f"{profile}.yaml").configs()
        named = [config for config in configs if config.name == label]
        if not named:
            known = ", ".join(dict.fromkeys(config.name for config in configs))
            raise ExplorerError(f"{cell}: profile {profile} has no such cell; it has {known}")
        first = min(named, key=lambda config: config.training.seed)
        found[label] = run_for(first, root / "results" / profile)
    return found


def choose_digits(split: Split, each: int = 4) -> Tensor:
    """Indices (each x 10,) of the first images of every class, classes side by side in a row."""
    first = [torch.nonzero(split.labels == label)[:each, 0] for label in range(CLASSES)]
    if min(map(len, first)) < each:
        raise ExplorerError(f"each = {each}: the split has fewer images of a class")
    return torch.stack(first, dim=1).flatten()


def gallery(cells: Mapping[str, Run], split: Split, each: int = 4, seed: int = 1234) -> Gallery:
    """What complete runs do with the first test images of every class.

    Raises `RunError` where a run is incomplete, `ExplorerError` where it has no windows.
    """
    chosen = choose_digits(split, each)
    images, labels = split.images[chosen].numpy(), split.labels[chosen].numpy()
    pairs = np.array(PAIRS, dtype=np.int64)  # the first row of the sheet is ordered by class
    recordings = [
        record(name, load_writer(run), images, pairs, Sampling(seed)) for name, run in cells.items()
    ]
    about = {
        "images": chosen.tolist(),
        "seed": seed,
        "runs": {name: run.folder.name for name, run in cells.items()},
        "software": runs.describe_software(),
    }
    return Gallery(images, labels, pairs, recordings, about)


def load_writer(run: Run, steps: int | None = None) -> Writer:
    """The model of a complete run, set to draw in `steps` steps (default: its own).

    Raises `RunError` where the folder holds no complete run, `ExplorerError` where the model does
    not draw through windows or cannot take that number of steps.
    """
    run.require_complete()
    config = run.config.model
    if config.architecture == "conv-vae":
        raise ExplorerError(f"{run.folder}: a conv-vae draws in one go and has no windows to show")
    if steps is not None and steps != config.steps:
        if config.architecture == "dcrw-stepwise":
            raise ExplorerError(
                f"{run.folder}: has heads for {config.steps} steps; expected steps = {config.steps}"
            )
        config = config.model_copy(update={"steps": steps})
    model = run.model(config)
    assert not isinstance(model, ConvolutionalVAE)
    return model


@torch.no_grad()
def record(
    name: str,
    model: Writer,
    images: NDArray[np.uint8],
    pairs: NDArray[np.int64],
    sampling: Sampling = DEFAULT_SAMPLING,
) -> Recording:
    """Reconstruct the images, generate as many from the prior, and blend the latents of pairs.

    images: (n, A, A). A blend goes from z_1..z_T of one image to those of the other in `COLUMNS`
    equal parts. Raises `ExplorerError` where the images have another size than the model's.
    """
    config = model.config
    _check_size(name, config, images)
    shape = (config.steps, len(images), config.latent_size)
    prior = _noise(sampling, 1, shape, config.generation_noise_correlation)
    reconstructed = reconstruct(model, images, sampling)
    traces = {"reconstruct": reconstructed, "generate": model.generate(prior)}
    if len(pairs):
        traces["interpolate"] = model.generate(blend(reconstructed.latent, pairs))
    modes = {mode: _tracks(trace, config) for mode, trace in traces.items()}
    return Recording(name, config, model.initial(1).canvas[0].detach().numpy(), modes)


def reconstruct(model: Writer, images: NDArray[np.uint8], sampling: Sampling) -> Trace:
    """The model's trace on images (n, A, A)."""
    config = model.config
    shape = (config.steps, len(images), config.latent_size)
    noise = _noise(sampling, 0, shape, config.noise_correlation)
    return model.trace(engine.to_unit(torch.as_tensor(images)), noise)


def blend(latent: Tensor, pairs: NDArray[np.int64]) -> Tensor:
    """Latents (T, n, z) to (T, p COLUMNS, z): for every pair, on a straight line from one to the
    other."""
    ends = latent[:, torch.as_tensor(pairs)]  # (T, p, 2, z)
    weight = torch.linspace(0, 1, COLUMNS)[:, None]
    return torch.lerp(ends[:, :, :1], ends[:, :, 1:], weight).flatten(1, 2)


def rebuild_canvas(recording: Recording, mode: str) -> Tensor:
    """c_1..c_T (T, n, A, A), logits, from windows and patches alone (Eq. 12, 23)."""
    config, tracks = recording.config, recording.modes[mode]
    canvas = torch.as_tensor(recording.initial_canvas, dtype=torch.float64)
    canvas, steps = canvas.expand(tracks["patch"].shape[1], -1, -1), []
    for windows, patch in zip(tracks["write_window"], tracks["patch"], strict=True):
        window = from_pixels(windows, config)
        filters = attention.filterbank(
            window, config.write_size, config.image_size, conventions(config)
        )
        canvas = attention.write(
            canvas, torch.as_tensor(patch).double(), filters, window.log_intensity
        )
        steps.append(canvas)
    return torch.stack(steps)


def from_pixels(windows: NDArray[np.float32], config: ModelConfig) -> Window:
    """The inverse of `evaluation.pixel_windows`, in double precision: (n, 5) to a window."""
    numbers = torch.as_tensor(windows).double()
    origin = attention.pixel_positions(config.image_size, conventions(config).indexing)[0]
    centre, stride, sigma, gamma = numbers.split([2, 1, 1, 1], dim=1)
    return Window(centre + origin, stride, 2 * sigma.log(), gamma.log())


def rebuilding_errors(gallery: Gallery, cells: Mapping[str, Run]) -> pd.Series:
    """The largest error of sigma(c_t) rebuilt from the gallery, by model, in 1/255."""
    sampling = Sampling(gallery.about["seed"])
    errors = {}
    for recording in gallery.recordings:
        drawn = reconstruct(load_writer(cells[recording.name]), gallery.images, sampling)
        rebuilt = rebuild_canvas(recording, "reconstruct")
        errors[recording.name] = (rebuilt.sigmoid() - drawn.canvas.sigmoid()).abs().max().item()
    return 255 * pd.Series(errors)


def strip_rows(gallery: Gallery, names: Iterable[str], digit: int) -> list[StripRow]:
    """A test digit as models read and write it, for `figures.strip_figure`: one or two rows a
    model."""
    image = gallery.images[digit] / 255
    rows = []
    for recording in gallery.recordings:
        if recording.name not in set(names):
            continue
        heading, tracks = title(recording.config), recording.modes["reconstruct"]
        if "read_window" in tracks:
            shown = np.broadcast_to(image, (gallery.steps, *image.shape))
            seen = tracks["read_window"][:, digit]
            rows.append(StripRow(f"{heading}: read", shown, seen, recording.config.read_size, True))
        canvas = rebuild_canvas(recording, "reconstruct")[:, digit].sigmoid().numpy()
        written = tracks["write_window"][:, digit]
        rows.append(
            StripRow(f"{heading}: canvas", canvas, written, recording.config.write_size, False)
        )
    return rows


# ---- the widget ------------------------------------------------------------------------------


def pack(gallery: Gallery) -> tuple[dict[str, Any], bytes]:
    """A gallery for the browser: a catalogue, and one block of bytes that it points into."""
    block, arrays = bytearray(), {}

    def add(name: str, values: NDArray[Any]) -> None:
        block.extend(bytes(-len(block) % 4))
        arrays[name] = {
            "offset": len(block),
            "shape": list(values.shape),
            "type": str(values.dtype),
        }
        block.extend(np.ascontiguousarray(values).tobytes())

    add("images", gallery.images)
    if gallery.sketch is not None:
        add("sketch", gallery.sketch)
    for recording in gallery.recordings:
        add(f"{recording.name}/initial_canvas", recording.initial_canvas)
        for mode, tracks in recording.modes.items():
            for key, values in tracks.items():
                add(f"{recording.name}/{mode}/{key}", values)
    catalogue = {
        "steps": gallery.steps,
        "imageSize": gallery.images.shape[1],
        "columns": COLUMNS,
        "labels": gallery.labels.tolist(),
        "pairs": gallery.pairs.tolist(),
        "models": [
            _describe(recording) | {"title": heading}
            for recording, heading in zip(gallery.recordings, _headings(gallery), strict=True)
        ],
        "arrays": arrays,
    }
    return catalogue, bytes(block)


def bundle(folder: Path = FOLDER, modules: Iterable[str] = MODULES) -> str:
    """The widget's scripts as the one module that anywidget takes: imports of each other go."""
    scripts = [(folder / name).read_text(encoding="utf-8") for name in modules]
    return "\n".join(IMPORT.sub("", script) for script in scripts)


class Explorer(anywidget.AnyWidget):
    """Scrub through drawings: the view is its traits, which other widgets can be linked to."""

    _esm = bundle()
    _css = (FOLDER / "explorer.css").read_text(encoding="utf-8")

    catalogue = traitlets.Dict().tag(sync=True)
    block = traitlets.Bytes().tag(sync=True)
    mode = traitlets.Unicode("reconstruct").tag(sync=True)
    digit = traitlets.Int(0, help="place in the contact sheet, from 0").tag(sync=True)
    step = traitlets.Int(1, help="t, from 1 to T").tag(sync=True)
    models = traitlets.List(traitlets.Unicode(), help="names of those shown").tag(sync=True)
    windows = traitlets.Bool(True, help="draw the windows").tag(sync=True)
    centres = traitlets.Bool(True, help="draw the filters' centres").tag(sync=True)
    error = traitlets.Bool(False, help="show the error image").tag(sync=True)
    difference = traitlets.Enum(
        ["none", "step", "input", "model"], "none", help="canvas minus what else"
    ).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)

    def __init__(self, gallery: Gallery, **view: Any):
        """view: any of the traits. Raises `ExplorerError` where the gallery has no such model."""
        catalogue, block = pack(gallery)
        names = [recording.name for recording in gallery.recordings]
        view.setdefault("models", names[:2])
        for name in set(view["models"]) - set(names):
            raise ExplorerError(f"models: {name} is not among {', '.join(names)}")
        super().__init__(catalogue=catalogue, block=block, **view)


class LiveExplorer(Explorer):
    """The explorer with its models at hand: draw a digit, change the noise, load other runs.

    Runs are looked for from the project's root. A wish of the reader's that cannot be granted
    changes nothing, and `message` says why.
    """

    live = traitlets.Bool(True).tag(sync=True)
    sketch = traitlets.Bytes(help="A x A grey values, as drawn").tag(
        sync=True, from_json=lambda value, _: bytes(value)
    )
    seed = traitlets.Int(1234, min=0, max=2**31 - 1, help="of the noise").tag(sync=True)
    temperature = traitlets.Float(1.0, min=0.0, help="scales the noise").tag(sync=True)
    total_steps = traitlets.Int(10, min=1, max=128, help="T, drawing steps").tag(sync=True)
    folders = traitlets.List(traitlets.Unicode(), help="complete runs to offer").tag(sync=True)
    message = traitlets.Unicode(help="why the last wish was not granted").tag(sync=True)

    _SETTINGS = ("sketch", "seed", "temperature", "total_steps")

    def __init__(self, images: Gallery, folders: Sequence[str | Path], **view: Any):
        """images: a gallery whose images are shown to the models; folders: complete runs.

        Raises `RunError`, `ConfigError` or `ExplorerError` where one cannot be shown.
        """
        if not folders:
            raise ExplorerError("folders: expected at least one complete run")
        self._images = images
        self._writer = lru_cache(32)(lambda run, steps: load_writer(Run(run), steps))
        self._recording = lru_cache(32)(self._record)
        self._shown = [find_run(folder) for folder in folders]
        blank = bytes(images.images[0].size)
        steps = Run(self._shown[0]).config.model.steps
        settings = {"sketch": blank, "seed": 1234, "temperature": 1.0, "total_steps": steps} | view
        offered = complete_runs(runs.project_root())
        super().__init__(self._perform(self._shown, settings), folders=offered, **settings)
        self.observe(self._follow, self._SETTINGS)
        self.on_msg(self._answer)

    def load(self, folder: str | Path) -> None:
        """Show a further run. Raises `RunError`, `ConfigError` or `ExplorerError`."""
        found = find_run(folder)
        if found.name in [shown.name for shown in self._shown]:
            raise ExplorerError(f"{folder}: a run of this name is shown already")
        self._publish(self._perform([*self._shown, found], self._settings()))
        self._shown.append(found)
        self.models = [*self.models, found.name]

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._SETTINGS}

    def _perform(self, folders: Sequence[Path], settings: Mapping[str, Any]) -> Gallery:
        """What every model does with the gallery's images and with the sketch."""
        sampling = Sampling(settings["seed"], settings["temperature"])
        sketch = _as_image(settings["sketch"], self._images.images.shape[1])
        recordings = []
        for folder in folders:
            recorded = self._recording(folder, settings["total_steps"], sampling)
            writer = self._writer(folder, settings["total_steps"])
            drawn = {"sketch": _tracks(reconstruct(writer, sketch, sampling), writer.config)}
            recordings.append(replace(recorded, modes=drawn | dict(recorded.modes)))
        return replace(self._images, recordings=recordings, sketch=sketch)

    def _record(self, folder: Path, steps: int, sampling: Sampling) -> Recording:
        given, writer = self._images, self._writer(folder, steps)
        return record(folder.name, writer, given.images, given.pairs, sampling)

    def _publish(self, gallery: Gallery) -> None:
        catalogue, block = pack(gallery)
        with self.hold_sync():
            self.catalogue, self.block = catalogue, block

    def _follow(self, change: Any) -> None:
        """A setting has changed: draw again, or say why not and set it back."""
        try:
            self._publish(self._perform(self._shown, self._settings()))
            self.message = ""
        except (ValueError, RuntimeError) as error:
            self.unobserve(self._follow, self._SETTINGS)
            setattr(self, change.name, change.old)
            self.observe(self._follow, self._SETTINGS)
            self.message = str(error)

    def _answer(self, _: Any, wish: Mapping[str, Any], frames: Sequence[bytes]) -> None:
        """What the view asks for by message: a further run, or frames as one animation."""
        try:
            if wish.get("kind") == "load":
                self.load(str(wish["folder"]))
            elif wish.get("kind") == "gif":
                self.send({"kind": "gif", "name": str(wish["name"])}, [animate(frames)])
            self.message = ""
        except (ValueError, RuntimeError) as error:
            self.message = str(error)


def find_run(folder: str | Path) -> Path:
    """The folder of a complete run, from the project's root. Raises `ExplorerError` or `RunError`
    where there is none."""
    found = runs.project_root() / folder
    if not str(folder) or not found.is_dir():
        raise ExplorerError(f"{folder or 'no name given'}: there is no such folder of a run")
    Run(found).require_complete()
    return found


def complete_runs(root: Path) -> list[str]:
    """Folders of complete runs below results/, from the project's root."""
    found = sorted((root / "results").glob("*/runs/*"))
    return [path.relative_to(root).as_posix() for path in found if Run(path).complete]


def animate(frames: Sequence[bytes], milliseconds: int = 600) -> bytes:
    """Pictures of one size (PNG) as an endless GIF that rests on the last one."""
    if not frames:
        raise ExplorerError("frames: expected at least one picture")
    images = [Image.open(io.BytesIO(bytes(frame))).convert("RGB") for frame in frames]
    durations = [milliseconds] * (len(images) - 1) + [3 * milliseconds]
    target = io.BytesIO()
    images[0].save(
        target, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0
    )
    return target.getvalue()


def _describe(recording: Recording) -> dict[str, Any]:
    """What rebuilding needs to know of a model."""
    config, rules = recording.config, conventions(recording.config)
    return {
        "name": recording.name,
        "readSize": config.read_size,
        "writeSize": config.write_size,
        "reads": "read_window" in recording.modes.get("reconstruct", {}),
        "firstIndex": 1 if rules.indexing == "one-based" else 0,
        "wholeNumbers": rules.indexing == "mixed-integer",
        "normaliser": rules.normaliser,
        "exponent": rules.exponent,
    }


def _recording(model: Mapping[str, Any], arrays: Arrays) -> Recording:
    prefix = model["name"] + "/"
    modes: dict[str, Arrays] = {}
    for key, values in arrays.items():
        mode, _, track = key.removeprefix(prefix).partition("/")
        if key.startswith(prefix) and track:
            modes.setdefault(mode, {})[track] = values
    config = ModelConfig.model_validate(model["config"])
    return Recording(model["name"], config, arrays[prefix + "initial_canvas"], modes)


def _tracks(trace: Trace, config: ModelConfig) -> Arrays:
    """Windows in single precision, patches in half: enough for canvases to 1/255."""
    assert trace.write_window is not None
    assert trace.patch is not None
    arrays: Arrays = {
        "write_window": evaluation.pixel_windows(trace.write_window, config.write_size, config),
        "patch": trace.patch.half().numpy(),
    }
    if trace.read_window is not None:
        arrays["read_window"] = evaluation.pixel_windows(
            trace.read_window, config.read_size, config
        )
    if trace.kl is not None:
        arrays["kl"] = trace.kl.numpy()
    return arrays


def _noise(
    sampling: Sampling, counter: int, shape: tuple[int, int, int], correlation: float
) -> Tensor:
    noise = step_noise(sampling.seed, "generation", counter, shape, correlation)
    return sampling.temperature * torch.as_tensor(noise)


def _as_image(grey: bytes, size: int) -> NDArray[np.uint8]:
    if len(grey) != size * size:
        raise ExplorerError(
            f"the drawing has {len(grey)} grey values; expected {size} x {size} = {size * size}"
        )
    return np.frombuffer(grey, dtype=np.uint8).reshape(1, size, size).copy()


def _headings(gallery: Gallery) -> list[str]:
    """Models in words, with their names where the words are the same."""
    words = [title(recording.config) for recording in gallery.recordings]
    return [
        f"{heading} ({recording.name})" if words.count(heading) > 1 else heading
        for heading, recording in zip(words, gallery.recordings, strict=True)
    ]


def _check_size(name: str, config: ModelConfig, images: NDArray[np.uint8]) -> None:
    size = config.image_size
    if images.ndim != 3 or images.shape[1:] != (size, size):
        raise ExplorerError(
            f"{name}: the model takes images of {size} x {size} pixels; these have shape "
            f"{images.shape[1:]}"
        )
