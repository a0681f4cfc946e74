"""Measured speed in words, long because each kind of measurement has its table: tables and
sentences from the files that `bench`, `kernels` and `derivatives` wrote."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.contestants import PLAIN, SEEDS
from benchmarks.profiling import ORDER
from dcrw.training.files import read_json, read_table
from study.numbers import Number

DEVICES = {"cpu": "CPU", "cuda": "GPU"}
HOW = {"CPU": "`make bench`", "GPU": "`make gpu`"}
NAMES = {
    "draw": "DRAW",
    "dcrw": "with attention in read",
    "dcrw-write-only": "without attention in read",
}
AXES = {"batch_size": "batch", "steps": "steps T", "image_size": "image side"}
IMPLEMENTATIONS = {
    "dcrw": "this project",
    "textbook": "textbook",
    "textbook-prepared": "textbook, flushed",
}
OPTIONS = {
    "default": "default",
    "one-thread": "one thread",
    "bfloat16": "products in bfloat16",
    "seeds": f"{SEEDS} seeds side by side",
}

WRITTEN = {  # what is computed as written, its derivatives left to autograd
    "plain-windows": "windows (Eq. 13-20)",
    "plain-glimpse": "read (Eq. 21)",
    "plain-stroke": "write (Eq. 23)",
    "plain-convolve_and_pool": "convolution and pooling",
    "plain-lstm_step": "an LSTM's step",
    "plain-lstm": "an LSTM along known inputs",
    "plain": "all of them",
}

BENCH = (
    "Put it back, or measure again (make bench, then make manifest where it is to be committed)."
)
RATED = {"model": str, "iterations_per_second": float, "rounds": int}
TABLES: dict[str, dict[str, type]] = {  # what is measured, with the columns that are read of it
    "speed": RATED | {"implementation": str, "batch_size": int, "memory_mib": float},
    "scaling": RATED | {"axis": str, "implementation": str},
    "ratios": {"quantity": str, "axis": str, "model": str, "against": str, "value": float},
    "options": RATED | {"option": str, "ratio": float},
    "precision": {"model": str, "products": str, "reconstruction": float, "latent": float},
    "profile": {"model": str, "kind": str, "milliseconds": float, "share": float},
    "launches": {"model": str, "option": str, "operations": int, "ratio": float},
    "kernels": {"model": str, "runs": int, "kernels": float, "copies": float}
    | {"milliseconds": float, "busy_milliseconds": float}
    | {"gap_share": float, "gap_microseconds": float},
    "derivatives": {"model": str, "option": str, "time_ratio": float, "rounds": int},
}


class Aim(NamedTuple):
    """What an iteration should reach on a device."""

    device: str  # "cpu" or "cuda"
    words: str
    key: str  # of the number that is compared, after `speed.<device>.`
    least: float


AIMS = (
    Aim("cpu", "at least {:g} times as fast as the textbook, batch 100", "ratio.{model}", 2.0),
    Aim(
        "cpu",
        "at least {:g} of the matrix-product rate, batch 400",
        "share.{model}.batch_size_400",
        0.4,
    ),
    Aim("cuda", "at least {:g} times as fast as the textbook, batch 100", "ratio.{model}", 10.0),
    Aim(
        "cuda",
        f"{SEEDS} seeds together at least {{:g}} times as fast as one",
        "option.seeds.{model}",
        4.0,
    ),
)


class Measured(NamedTuple):
    """What one kind of device gave."""

    device: str  # "cpu" or "cuda"
    folder: Path
    speed: pd.DataFrame
    scaling: pd.DataFrame
    ratios: pd.DataFrame
    options: pd.DataFrame
    precision: pd.DataFrame | None  # None where it was not measured, as on a GPU
    profile: pd.DataFrame | None
    launches: pd.DataFrame | None  # None where `derivatives` has not counted them
    kernels: pd.DataFrame | None  # None where `kernels` has not watched them, as on a CPU
    derivatives: pd.DataFrame | None  # and not timed them
    derivatives_machine: dict[str, Any] | None  # where they were timed
    machine: dict[str, Any]


def load(*results: Path) -> list[Measured]:
    """The devices that have been measured, below any of the folders, in the order of `DEVICES`."""
    folders = [folder / device for device in DEVICES for folder in results]
    return [_load(folder) for folder in folders if (folder / "machine.json").exists()]


def statement(found: list[Measured]) -> str:
    """What was measured, and what was not yet."""
    lines = [_measured(entry) for entry in found]
    missing = [words for device, words in DEVICES.items() if device not in _devices(found)]
    lines += [
        f"**No {words} has been measured yet.** The code for it is there and its logic is tested "
        f"on a CPU; nothing on this page speaks about a {words}. {HOW[words]} measures it."
        for words in missing
    ]
    return "\n\n".join(lines)


def aim_table(named: dict[str, Number]) -> pd.DataFrame:
    """Every aim beside what was measured, one column per model; named: `quoted.numbers`."""
    rows = []
    for aim in AIMS:
        row = {"device": DEVICES[aim.device], "aim": aim.words.format(aim.least)}
        for model, title in NAMES.items():
            found = named.get(f"speed.{aim.device}.{aim.key.format(model=model)}")
            row[title] = _against(aim, found)
        rows.append(row)
    return pd.DataFrame(rows)


def _against(aim: Aim, found: Number | None) -> str:
    if found is None:
        return "not measured"
    shown = round(found.value, 2)
    return f"{shown:.2f}, {'reached' if shown >= aim.least else 'missed'}"


def speed_table(entry: Measured) -> pd.DataFrame:
    """All implementations at the base sizes; rates are medians over rounds, with quartiles."""
    shown = _named(entry.speed)
    rates = zip(shown.lower, shown.upper, strict=True)
    return pd.DataFrame(
        {
            "model": shown.model,
            "implementation": shown.implementation,
            "iterations/s": shown.iterations_per_second,
            "quartiles": [f"{lower:.2f} to {upper:.2f}" for lower, upper in rates],
            "GFLOP/s": shown.gflop_per_second,
            "peak MiB": [f"{value:.0f}" if value == value else "" for value in shown.memory_mib],
        }
    )


def ratio_table(entry: Measured, against: str) -> pd.DataFrame:
    """How many times as fast as `against`, an implementation, by setting; one column per model."""
    speed = entry.ratios[(entry.ratios.quantity == "speed") & (entry.ratios.against == against)]
    return _by_setting(_named(speed), "model")


def share_table(entry: Measured) -> pd.DataFrame:
    """The share of the matrix-product rate that this project reaches, by batch."""
    ours = entry.ratios[entry.ratios.quantity == "share"].sort_values("batch_size")
    return _by_setting(_named(ours), "model")


def option_table(entry: Measured) -> pd.DataFrame:
    """How many times as fast as by default this project is under each option, all runs of an
    iteration counted; one column per model."""
    shown = entry.options[~entry.options.option.isin(["default", *PLAIN])]
    wide = _named(shown).set_index(["option", "model"]).ratio.unstack("model")[list(NAMES.values())]
    names = [name for name in OPTIONS if name in wide.index]
    return wide.loc[names].rename(index=OPTIONS).reset_index()


def launch_table(entry: Measured) -> pd.DataFrame | None:
    """Operations that an iteration launches, with derivatives written by hand and with those of one
    operation or of all left to autograd; one column per model. None where not counted."""
    if entry.launches is None:
        return None
    cells = [
        f"{count:,}" if option == "default" else f"{count:,} ({ratio - 1:+.1%})"
        for option, count, ratio in zip(
            entry.launches.option, entry.launches.operations, entry.launches.ratio, strict=True
        )
    ]
    return _by_written(entry.launches.assign(cell=cells), {"default": "none", **WRITTEN})


def kernel_table(entry: Measured) -> pd.DataFrame | None:
    """What a replayed iteration is on a GPU, alone and with seeds side by side. None where not
    watched."""
    if entry.kernels is None:
        return None
    shown = _named(entry.kernels)
    return pd.DataFrame(
        {
            "model": shown.model,
            "seeds": shown.runs,
            "kernels": shown.kernels,
            "copies": shown.copies,
            "ms": shown.milliseconds,
            "ms at work": shown.busy_milliseconds,
            "share of gaps": shown.gap_share,
            "median gap, µs": shown.gap_microseconds,
        }
    )


def plain_table(entry: Measured) -> pd.DataFrame | None:
    """The time of an iteration with derivatives of one operation or of all left to autograd, over
    that with derivatives written by hand, with quartiles; one column per model. None where not
    measured."""
    if entry.derivatives is None:
        return None
    cells = [
        f"{ratio:.3f} ({lower:.3f} to {upper:.3f})"
        for ratio, lower, upper in zip(
            entry.derivatives.time_ratio,
            entry.derivatives.lower,
            entry.derivatives.upper,
            strict=True,
        )
    ]
    return _by_written(entry.derivatives.assign(cell=cells), WRITTEN)


def plain_statement(entry: Measured) -> str:
    """On what `plain_table` was measured, which may be another machine than the rest."""
    made = entry.derivatives_machine
    if made is None:
        return f"**{DEVICES[entry.device]}: not measured yet.**"
    device, other = made["device"], made["cores_busy_with_other_work"]
    threads = f"{device['threads']} of {device['cores']} cores"
    busy = "" if other is None else f" Other work kept {other:.2f} cores busy meanwhile."
    return (
        f"**{DEVICES[entry.device]} measured:** {device['name']}, {threads}, PyTorch "
        f"{made['software']['torch']}, {made['settings']['rounds']} rounds on "
        f"{made['finished'][:10]}, at commit {(made['software']['commit'] or 'unknown')[:7]}, by "
        f"`{made['clock']}`.{busy}"
    )


def _by_written(table: pd.DataFrame, words: dict[str, str]) -> pd.DataFrame:
    """Cells by what is computed as written and model; empty where a model has no such operation."""
    wide = _named(table).pivot(index="option", columns="model", values="cell").fillna("")
    names = [name for name in words if name in wide.index]
    wide = wide.loc[names, list(NAMES.values())].rename(index=words)
    return wide.rename_axis(index="autograd's", columns=None).reset_index()


def precision_table(entry: Measured) -> pd.DataFrame | None:
    """Losses of short trainings with products in either precision; None where not measured."""
    if entry.precision is None:
        return None
    shown = _named(entry.precision)
    return pd.DataFrame(
        {
            "model": shown.model,
            "products in": shown.products,
            "seed": shown.seed,
            "Lx": shown.reconstruction,
            "Lz": shown.latent,
        }
    )


def profile_table(entry: Measured, batch_size: int) -> pd.DataFrame | None:
    """Milliseconds and calls per iteration by kind of operation at a batch; None where not
    measured.

    Below the sum, what the counted arithmetic would take at the matrix-product rate.
    """
    if entry.profile is None:
        return None
    table = _named(entry.profile[entry.profile.batch_size == batch_size])
    cells = [
        f"{time:.1f} ({calls:.0f})"
        for time, calls in zip(table.milliseconds, table.calls, strict=True)
    ]
    wide = table.assign(cell=cells).pivot(index="kind", columns="model", values="cell")
    order = [kind for kind in ORDER if kind in set(table.kind)]
    wide = wide.loc[order, list(NAMES.values())]
    wide.loc["sum"] = table.groupby("model").milliseconds.sum().map("{:.1f}".format)
    floors = _floors(entry, batch_size)
    if len(floors) == len(NAMES):
        wide.loc["the arithmetic at full rate"] = floors.map("{:.1f}".format)
    return wide.rename_axis(columns=None).reset_index().rename(columns={"kind": "ms (calls)"})


def _floors(entry: Measured, batch_size: int) -> pd.Series:
    """Milliseconds that the counted arithmetic of an iteration takes at the matrix-product rate."""
    rate = entry.machine["matrix_product"]["gflop_per_second"]
    rows = entry.scaling[
        entry.scaling.axis.isin(["base", "batch_size"])
        & (entry.scaling.implementation == "dcrw")
        & (entry.scaling.batch_size == batch_size)
    ]
    return _named(rows).set_index("model").gflop / rate * 1000


def _load(folder: Path) -> Measured:
    def table(name: str) -> pd.DataFrame:
        return read_table(folder / f"{name}.csv", TABLES[name], BENCH)

    def table_or_none(name: str) -> pd.DataFrame | None:
        return table(name) if (folder / f"{name}.csv").exists() else None

    derivatives = table_or_none("derivatives")
    return Measured(
        device=folder.name,
        folder=folder,
        speed=table("speed"),
        scaling=table("scaling"),
        ratios=table("ratios"),
        options=table("options"),
        precision=table_or_none("precision"),
        profile=table_or_none("profile"),
        launches=table_or_none("launches"),
        kernels=table_or_none("kernels"),
        derivatives=derivatives,
        derivatives_machine=None
        if derivatives is None
        else read_json(folder / "derivatives.json", BENCH),
        machine=read_json(folder / "machine.json", BENCH),
    )


def _devices(found: list[Measured]) -> list[str]:
    return [entry.device for entry in found]


def _measured(entry: Measured) -> str:
    device, product = entry.machine["device"], entry.machine["matrix_product"]
    software, settings = entry.machine["software"], entry.machine["settings"]
    threads = f", {device['threads']} threads of {device['cores']} cores"
    other = entry.machine["cores_busy_with_other_work"]
    busy = "" if other is None else f" Other work kept {other:.2f} cores busy meanwhile."
    return (
        f"**{DEVICES[entry.device]} measured:** {device['name']}{threads}, PyTorch "
        f"{software['torch']}, {settings['rounds']} rounds on {entry.machine['finished'][:10]}, "
        f"at commit {(software['commit'] or 'unknown')[:7]}. "
        f"A float32 product of {product['size']} x {product['size']} matrices runs there at "
        f"{product['gflop_per_second']:.0f} GFLOP/s.{busy}"
    )


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Models and implementations under the names that a reader sees."""
    named = table.assign(model=table.model.map(NAMES))
    if "implementation" in table:
        named["implementation"] = table.implementation.map(IMPLEMENTATIONS)
    return named


def _by_setting(table: pd.DataFrame, column: str) -> pd.DataFrame:
    names = [*AXES, column]
    wide = table.set_index(names).value.unstack(column)[list(NAMES.values())]
    order = table[list(AXES)].drop_duplicates()
    return (
        wide.loc[list(order.itertuples(index=False, name=None))].reset_index().rename(columns=AXES)
    )
