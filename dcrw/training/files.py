"""How files are read and written, long because every format is read and written here alone: whole
or not at all, and with one documented error each.

Every reader names the file, what was expected and the way out, whatever is wrong with it: a
`RunError`, or a `ConfigError` for YAML. Sizes are looked at before contents, so that a small file
cannot ask for much memory. Nothing that is read can execute code.

A digest is a SHA-256. A *record* is a JSON file with a digest of its own content, and of the files
that were written with it. Files committed before there were records are held by
`results/manifest.sha256`.
"""

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dcrw.model.config import ConfigError, Printable

MEBIBYTE = 1 << 20
TEXT_LIMIT = 64 * MEBIBYTE  # of a CSV or JSON file
YAML_LIMIT = 1 * MEBIBYTE
ARRAYS_LIMIT = 128 * MEBIBYTE  # of an NPZ, unpacked
PART_LIMIT = 1024 * MEBIBYTE  # of a file that is digested
HEADER_LIMIT = 1 * MEBIBYTE  # of a safetensors file
DIGEST = "content_sha256"  # the entry of a record for itself
MANIFEST = "results/manifest.sha256"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
OTHER_BASE = re.compile(r"[-+]?0[0-9xXbB_]|.*:")
LISTED = re.compile(r"([0-9a-f]{64})  (.+)")  # a line of it

Layout = Mapping[str, tuple[tuple[int, ...], str]]  # of tensors: name to shape and dtype


class RunError(Printable, RuntimeError):
    """A file or a folder is missing, damaged, edited, in use, of another kind, or not ours.

    Way out: the end of the message; mostly to put the file back, or to make it again.
    """


def digest_of(content: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_bytes(path: Path, at_most: int, way_out: str) -> bytes:
    """The content of a file. Raises `RunError` where it cannot be read, is larger than expected,
    grows meanwhile, or is a folder, a pipe or a device, which may have no end.

    way_out: what to do about it, the end of the error's message.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "folder" if stat.S_ISDIR(found.st_mode) else "pipe, device or socket"
            raise RunError(f"{path}: cannot be read (a {kind}); expected a file. {way_out}")
        if found.st_size > at_most:
            raise RunError(
                f"{path}: {found.st_size:,} bytes; expected at most {at_most:,}. {way_out}"
            )
        with path.open("rb") as file:
            content = file.read(found.st_size + 1)
        if len(content) != found.st_size:
            raise RunError(f"{path}: was written to while it was read; read it again. {way_out}")
        return content
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"{path}: no such file. {way_out}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({_reason(error)}). {way_out}") from None


def exists(path: Path) -> bool:
    """Whether there is such a file or folder. Raises `RunError` where the system does not say."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be looked at ({_reason(error)}). Expected a path of this "
            "system that you may read"
        ) from None
    return True


def read_checked(path: Path, digest: str | None, at_most: int, way_out: str) -> bytes:
    """As `read_bytes`, and its SHA-256 must be `digest`; where none is known, the one that the
    manifest of committed results has for it. Raises `RunError`."""
    content = read_bytes(path, at_most, way_out)
    expected = digest or listed_digest(path)
    if expected is not None and digest_of(content) != expected:
        source = "its record" if digest else MANIFEST
        raise RunError(
            f"{path}: SHA-256 is {digest_of(content)}; expected {expected}, as {source} says. "
            f"The file was changed or damaged. {way_out}"
        )
    return content


def read_json(path: Path, way_out: str) -> dict[str, Any]:
    """A JSON object, no name in it twice. Raises `RunError`."""
    content = read_bytes(path, TEXT_LIMIT, way_out)
    try:
        found = json.loads(content, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON ({_short(error)}). {way_out}") from None
    if not isinstance(found, dict):
        raise RunError(f"{path}: {_short(found)}; expected an object. {way_out}")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of pairs. Raises `ValueError` where a name stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{_short(twice)} stands twice")
    return found


def read_record(path: Path, way_out: str) -> dict[str, Any]:
    """What `write_record` wrote, less its own digest, which must be right; where it has none, the
    manifest of committed results must have one. Raises `RunError`."""
    found = read_json(path, way_out)
    own = found.pop(DIGEST, None)
    if own is None and listed_digest(path) is None:
        raise RunError(f"{path}: has no entry {DIGEST}; it was cut or edited. {way_out}")
    if own is None:
        read_checked(path, None, TEXT_LIMIT, way_out)
    elif own != _own_digest(found):
        raise RunError(f"{path}: its content is not what {DIGEST} says; it was edited. {way_out}")
    return found


def read_table(
    path: Path,
    columns: Mapping[str, Any],
    way_out: str,
    digest: str | None = None,
) -> pd.DataFrame:
    """A CSV that has at least these columns, by name, each of its type, no name twice, and as many
    cells in every row. Raises `RunError`."""
    content = read_checked(path, digest, TEXT_LIMIT, way_out)
    try:
        _require_even(content.decode("utf-8-sig"))
        table = pd.read_csv(io.BytesIO(content), dtype=dict(columns))
    except (
        ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, MemoryError,
        csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError,
    ) as error:  # fmt: skip
        raise RunError(f"{path}: not a CSV table ({_short(error)}). {way_out}") from None
    missing = [name for name in columns if name not in table]
    if missing:
        raise RunError(f"{path}: has no column {', '.join(missing)}. {way_out}")
    return table


def _require_even(text: str) -> None:
    """Raises `ValueError` where a column's name stands twice or a row is shorter or longer than the
    first: pandas renames the one and fills up or shifts the other."""
    rows = csv.reader(io.StringIO(text, newline=""))
    names = next(rows, [])
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"column {_short(twice[0])} stands twice")
    for row in rows:
        if row and len(row) != len(names):
            raise ValueError(f"line {rows.line_num}: {len(row)} cells; expected {len(names)}")


def read_arrays(
    path: Path, way_out: str, digest: str | None = None, names: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ, these names among them. Raises `RunError`."""
    content = read_checked(path, digest, ARRAYS_LIMIT, way_out)
    return _with_names(path, _unpacked(path, content, way_out), names, way_out)


def read_sealed_arrays(path: Path, names: Sequence[str], way_out: str) -> dict[str, NDArray[Any]]:
    """What `write_sealed_arrays` wrote, less its own digest, which must be right; where it has
    none, the manifest of committed results must have one. Raises `RunError`."""
    content = read_bytes(path, ARRAYS_LIMIT, way_out)
    arrays = _unpacked(path, content, way_out)
    own = arrays.pop(DIGEST, None)
    if own is None and listed_digest(path) is None:
        raise RunError(f"{path}: has no entry {DIGEST}; it was cut or edited. {way_out}")
    if own is None:
        read_checked(path, None, ARRAYS_LIMIT, way_out)
    elif own.shape or str(own) != arrays_digest(arrays):
        raise RunError(f"{path}: its content is not what {DIGEST} says; it was edited. {way_out}")
    return _with_names(path, arrays, names, way_out)


def _with_names(
    path: Path, arrays: dict[str, NDArray[Any]], names: Sequence[str], way_out: str
) -> dict[str, NDArray[Any]]:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise RunError(f"{path}: has no array {', '.join(missing)}. {way_out}")
    return arrays


def arrays_digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, types, shapes and values of arrays."""
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode(errors="replace"))
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _unpacked(path: Path, content: bytes, way_out: str) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > ARRAYS_LIMIT:
                raise RunError(
                    f"{path}: {size:,} bytes unpacked; expected at most {ARRAYS_LIMIT:,}. {way_out}"
                )
            pairs = [(entry.filename.removesuffix(".npy"), entry) for entry in archive.infolist()]
            return {name: _array(archive, entry) for name, entry in _each_once(pairs).items()}
    except RunError:
        raise
    except (
        OSError, ValueError, TypeError, KeyError, IndexError, EOFError, SyntaxError, MemoryError,
        OverflowError, RecursionError, NotImplementedError, zipfile.BadZipFile, zlib.error,
        RuntimeError, struct.error,
    ) as error:  # fmt: skip
        raise RunError(f"{path}: not a readable NPZ ({_short(error)}). {way_out}") from None


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, of the size that its own header says and no other."""
    file = io.BytesIO(archive.read(entry))
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read_header(file)
    expected = file.tell() + math.prod(shape) * dtype.itemsize
    if entry.file_size != expected:
        raise ValueError(f"{entry.filename}: {entry.file_size} bytes; expected {expected}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_tensors(
    path: Path, layout: Layout, way_out: str, digest: str | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file that holds what `layout` says and nothing else;
    a first dimension of -1 may be any. Raises `RunError`."""
    content = read_checked(path, digest, _size_limit(layout), way_out)
    entries, metadata = _tensor_header(path, content, way_out)
    for name in sorted(layout.keys() ^ entries.keys()):
        wrong = "is missing" if name in layout else "does not belong there"
        raise RunError(f"{path}: tensor {_short(name)} {wrong}. {way_out}")
    for name, (shape, dtype) in layout.items():
        found = tuple(entries[name].get("shape", ())), entries[name].get("dtype")
        free = shape[:1] == (-1,)
        same = len(found[0]) == len(shape) and found[0][free:] == shape[free:]
        if not same or found[1] != dtype:
            raise RunError(
                f"{path}: tensor {name} has shape {_short(found[0])} and type {_short(found[1])}; "
                f"expected {shape} and {dtype}. {way_out}"
            )
    try:
        return load(content), metadata
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(
            f"{path}: not a readable safetensors file ({_short(error)}). {way_out}"
        ) from None


def _size_limit(layout: Layout) -> int:
    """No file of this layout is larger."""
    numbers = sum(math.prod(map(abs, shape)) for shape, _ in layout.values())
    return 8 * numbers + HEADER_LIMIT + MEBIBYTE


def _tensor_header(
    path: Path, content: bytes, way_out: str
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    try:
        (length,) = struct.unpack("<Q", content[:8])
        if length > min(HEADER_LIMIT, len(content) - 8):
            raise ValueError(f"a header of {length:,} bytes")
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(entry, dict) for entry in (metadata, *header.values())):
            raise ValueError("a header of another form")
    except (ValueError, AttributeError, TypeError, RecursionError, struct.error) as error:
        raise RunError(
            f"{path}: not a readable safetensors file ({_short(error)}). {way_out}"
        ) from None
    return header, metadata


def layout_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[tuple[int, ...], str]]:
    """The layout of named tensors, as `read_tensors` takes it."""
    return {name: (tuple(value.shape), _dtype_name(value)) for name, value in tensors.items()}


def _dtype_name(value: Tensor) -> str:
    """As safetensors writes it: F32 for float32."""
    name = str(value.dtype).removeprefix("torch.")
    letter = {"float": "F", "int": "I", "uint": "U", "bfloat": "BF", "bool": "BOOL"}
    kind = name.rstrip("0123456789")
    return letter.get(kind, kind.upper()) + name[len(kind) :]


def tensors_digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 over names, types, shapes and values of tensors, and over metadata."""
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class _StrictLoader(yaml.SafeLoader):
    """No aliases, which a small file can blow up with, no key twice, and numbers to the base 10
    alone: YAML reads 010 as 8 and 1:30 as 90."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, "aliases are not taken here", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if node.tag in NUMBERS and OTHER_BASE.match(value):
            raise yaml.constructor.ConstructorError(
                None, None, f"{_short(value)} is a number to another base than 10", node.start_mark
            )
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise yaml.constructor.ConstructorError(
                None, None, f"{ascii(value)[:120]} is half a character", node.start_mark
            )
        return value

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for place, _ in node.value:
            key = self.construct_object(place, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{_short(key)} stands twice", place.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises `ConfigError` where it is missing, too large or not YAML,
    where a key stands twice, and at an alias."""
    try:
        content = read_bytes(path, YAML_LIMIT, "Expected a file of settings.").decode()
        return yaml.load(content, Loader=_StrictLoader)
    except RunError as error:
        raise ConfigError(str(error)) from None
    except (
        yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError, OverflowError,
    ) as error:  # fmt: skip
        raise ConfigError(f"{path}: not valid YAML: {_short(error, 400)}") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises `RunError` where the system refuses.

    A file that holds this content already is made newer at most: what is shown again from a
    checkout that nobody may write to is no error.
    """
    try:
        if _holds(path, content):
            with contextlib.suppress(OSError):
                os.utime(path)
            return
        scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_scratch_of_the_dead(path)
        try:
            with scratch.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be written ({_reason(error)}); what was there before is "
            "unchanged. Look at the free space and the permissions of its folder, or write to "
            "another one: the parameter results, where there is one, or a copy of the project"
        ) from None


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has this content already; False where that cannot be seen."""
    try:
        return path.stat().st_size == len(content) and read_bytes(path, len(content), "") == content
    except (OSError, ValueError, RunError):
        return False


def remove(path: Path) -> None:
    """Remove a file, where it is there. Raises `RunError`."""
    try:
        path.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be removed ({_reason(error)}). Look at the permissions of its folder"
        ) from None


def _remove_scratch_of_the_dead(path: Path) -> None:
    """What writers of this file left that were killed."""
    for scratch in path.parent.glob(f".{path.name}.*.tmp"):
        number = scratch.name.removesuffix(".tmp").rpartition(".")[2]
        if number.isdecimal() and int(number) != os.getpid() and not _alive(int(number)):
            scratch.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_json(path: Path, content: Any) -> None:
    """Write JSON, keys in the order given. Raises `RunError`."""
    write_atomically(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def write_record(path: Path, content: Mapping[str, Any], parts: Sequence[Path] = ()) -> None:
    """Write JSON with the digests of its own content and of files beside it, which are there
    already: a record is written last. Raises `RunError`."""
    way_out = "It was written a moment ago; start again."
    names = {part.name: digest_of(read_bytes(part, PART_LIMIT, way_out)) for part in parts}
    whole = dict(content) | ({"files": names} if names else {})
    write_json(path, whole | {DIGEST: _own_digest(whole)})


def recorded_digest(record: Mapping[str, Any], name: str) -> str | None:
    """What a record says of a file written with it; None where it says nothing."""
    files = record.get("files", {})
    return files.get(name) if isinstance(files, dict) else None


def _own_digest(content: Mapping[str, Any]) -> str:
    return digest_of(json.dumps(content, sort_keys=True).encode())


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A CSV, whole or not at all. Raises `RunError`."""
    write_atomically(
        path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
    )


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """A compressed NPZ, whole or not at all. Raises `RunError`."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def write_sealed_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """An NPZ that holds the digest of its own arrays. Raises `RunError`."""
    write_arrays(path, arrays | {DIGEST: np.array(arrays_digest(arrays))})


def write_tensors(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> str:
    """A safetensors file, whole or not at all; returns its SHA-256. Raises `RunError`."""
    own = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    content = save(own, metadata)
    write_atomically(path, content)
    return digest_of(content)


def project_root(start: Path | None = None) -> Path:
    """The project's folder, upward from `start` (default: the present folder). Raises `RunError`
    outside of it."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "configs").is_dir() and (folder / "dcrw").is_dir():
            return folder
    raise RunError(
        f"{here}: not inside the project (a folder with configs/ and dcrw/); go there, or tell "
        "papermill with --cwd"
    )


def listed_digest(path: Path) -> str | None:
    """What the manifest of committed results says of a file; None where it says nothing. Raises
    `RunError` where the manifest is damaged."""
    whole = Path(os.path.realpath(path))  # `resolve` has an error of its own for links in a circle
    for root in whole.parents:
        manifest = root / MANIFEST
        if exists(manifest):
            name = whole.relative_to(root).as_posix()
            return _manifest(manifest, manifest.stat().st_mtime_ns).get(name)
    return None


@lru_cache(4)
def _manifest(path: Path, _: int) -> dict[str, str]:
    """Path to digest, of `sha256sum`'s lines; read again where the file has changed."""
    way_out = "Put it back (git checkout), or write it anew (make manifest)."
    text = read_bytes(path, TEXT_LIMIT, way_out).decode(errors="replace")
    found = [LISTED.fullmatch(line) for line in text.splitlines()]
    if not all(found):
        raise RunError(
            f"{path}: line {found.index(None) + 1} is no SHA-256, two spaces and a path. {way_out}"
        )
    return {match[2]: match[1] for match in found if match}


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or _short(error)


def _short(value: Any, length: int = 120) -> str:
    """A value in a message, cut where it is long."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, Exception) else ""
    text = text or (repr(value) if not isinstance(value, Exception) else type(value).__name__)
    return text if len(text) <= length else f"{text[:length]}..."
