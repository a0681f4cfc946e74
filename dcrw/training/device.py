"""Devices: which one, prepared how, described in words."""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch


class DeviceError(RuntimeError):
    """A device was asked for that is not there.

    Way out: `device` = `auto` or `cpu`.
    """


def resolve_device(name: str = "auto") -> torch.device:
    """ "auto" (a GPU where there is one), "cpu" or "cuda". Raises `DeviceError`: nothing else is
    taken instead."""
    if name not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"device = {name!r}: expected auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError(
            "device = 'cuda': no CUDA device is available; use device = 'cpu' or 'auto'"
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def prepare(device: torch.device, threads: int = 0) -> None:
    """Set what makes this process fast and repeatable.

    Far from a window Gaussian filters underflow to denormal numbers, on which CPUs are ten times
    slower: they are flushed to zero. Memory is taken in large pages where the system gives them.
    threads: CPU threads, 0 for torch's default. Raises `ValueError` for fewer.
    """
    if threads < 0:
        raise ValueError(f"threads = {threads}: expected 0 (torch's default) or more")
    if threads:
        torch.set_num_threads(threads)
    _keep_memory_in_large_pages()
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


@contextmanager
def prepared(device: torch.device, threads: int = 0) -> Iterator[None]:
    """`prepare` for the body of a `with`, then threads and denormals as before: both belong to the
    process."""
    count, flushing = torch.get_num_threads(), _flushes_denormals()
    prepare(device, threads)
    try:
        yield
    finally:
        torch.set_num_threads(count)
        torch.set_flush_denormal(flushing)


def _flushes_denormals() -> bool:
    return (torch.tensor(1e-310, dtype=torch.float64) * 1).item() == 0


@cache
def _keep_memory_in_large_pages(mebibytes: int = 512) -> None:
    """Let the C library keep freed memory, and Linux back it with pages of 2 MiB.

    An iteration walks through tens of MiB of small tensors; with pages of 4 KiB a tenth of its time
    goes to finding them. Elsewhere than on Linux with the GNU C library nothing is done.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, top_pad, mmap_threshold, advise_large = -1, -2, -3, 14
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return
    for setting, value in (
        (mmap_threshold, 2**25),  # the largest it takes
        (trim_threshold, 2**31 - 1),
        (top_pad, mebibytes << 20),
    ):
        library.mallopt(ctypes.c_int(setting), ctypes.c_int(value))
    library.malloc.restype = library.sbrk.restype = ctypes.c_void_p
    block = library.malloc(ctypes.c_size_t(16 << 20))  # grows the heap by the top pad at once
    page = 2 << 20
    first = -(-block // page) * page
    length = (library.sbrk(ctypes.c_ssize_t(0)) - first) // page * page
    if length > 0:
        library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), advise_large)
    library.free(ctypes.c_void_p(block))


def describe(device: torch.device) -> dict[str, Any]:
    """The device in words, for provenance."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "type": device.type,
        "name": name,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "processor": _processor_model(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "blas": "mkl" if torch.backends.mkl.is_available() else "other",
    }


def _processor() -> str:
    names = _processor_facts()
    return names.get("model name") or platform.processor() or platform.machine()


def _processor_model() -> dict[str, str]:
    """Family, model and stepping, which tell apart what has one name; empty where not known."""
    keys = {"cpu family": "family", "model": "model", "stepping": "stepping"}
    found = _processor_facts()
    return {name: found[key] for key, name in keys.items() if key in found}


def _processor_facts() -> dict[str, str]:
    """Linux's words on the first processor."""
    info = Path("/proc/cpuinfo")
    first = info.read_text(encoding="utf-8").partition("\n\n")[0] if info.exists() else ""
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
