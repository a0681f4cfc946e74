"""Measured speed as tables, sentences and numbers, from the files that `bench` wrote alone."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dcrw.numbers import Number

DEVICES = {"cpu": "CPU", "cuda": "GPU"}
NAMES = {
    "draw": "DRAW",
    "dcrw": "DCRW, with attention",
    "dcrw-write-only": "DCRW, without attention in read",
}
AXES = {"batch_size": "batch", "steps": "steps T", "image_size": "image side"}
IMPLEMENTATIONS = {"dcrw": "this project", "textbook": "textbook"}


class Measured(NamedTuple):
    """What one kind of device gave."""

    device: str  # "cpu" or "cuda"
    folder: Path
    speed: pd.DataFrame
    scaling: pd.DataFrame
    ratios: pd.DataFrame
    machine: dict[str, Any]


def load(results: Path) -> list[Measured]:
    """The devices that have been measured, in the order of `DEVICES`."""
    folders = [results / device for device in DEVICES]
    return [_load(folder) for folder in folders if (folder / "machine.json").exists()]


def statement(found: list[Measured]) -> str:
    """What was measured, and what was not yet."""
    lines = [_measured(entry) for entry in found]
    missing = [words for device, words in DEVICES.items() if device not in _devices(found)]
    lines += [
        f"**No {words} has been measured yet:** the {words} figures are still to be taken, and "
        f"nothing below speaks about a {words}."
        for words in missing
    ]
    return "\n\n".join(lines)


def speed_table(entry: Measured) -> pd.DataFrame:
    """Both implementations at the base sizes; rates are medians over rounds."""
    columns = {
        "iterations_per_second": "iterations/s",
        "lower": "lower quartile",
        "upper": "upper quartile",
        "memory_mib": "peak memory (MiB)",
        "gflop": "GFLOP an iteration",
        "gflop_per_second": "GFLOP/s",
    }
    return _named(entry.speed)[["model", "implementation", *columns]].rename(columns=columns)


def ratio_table(entry: Measured) -> pd.DataFrame:
    """How many times as fast as the textbook, by setting; one column a model."""
    speed = entry.ratios[entry.ratios.quantity == "speed"]
    return _by_setting(_named(speed), "model")


def share_table(entry: Measured) -> pd.DataFrame:
    """The share of the matrix-product rate that this project reaches, by batch."""
    ours = entry.ratios[entry.ratios.quantity == "share"].sort_values("batch_size")
    return _by_setting(_named(ours), "model")


def numbers(found: list[Measured], root: Path) -> dict[str, Number]:
    """Named numbers for prose: `speed.<device>.<...>`. Sources are relative to `root`."""
    named: dict[str, Number] = {}
    for entry in found:
        start, folder = f"speed.{entry.device}", entry.folder.resolve().relative_to(root.resolve())
        named |= _ratio_numbers(entry, start, str(folder / "ratios.csv"))
        for row in entry.speed.to_dict("records"):
            key, source = f"{start}.{row['model']}", str(folder / "speed.csv")
            own = f"{key}.{row['implementation']}"
            named[f"{key}.gflop"] = Number(row["gflop"], source)
            named[f"{own}.iterations_per_second"] = Number(
                row["iterations_per_second"], source, row["rounds"]
            )
            if pd.notna(row.get("memory_mib")):
                named[f"{own}.memory_mib"] = Number(row["memory_mib"], source)
        machine = str(folder / "machine.json")
        rate = entry.machine["matrix_product"]["gflop_per_second"]
        named[f"{start}.matrix_product.gflop_per_second"] = Number(rate, machine)
        named[f"{start}.threads"] = Number(entry.machine["device"]["threads"], machine)
        named[f"{start}.rounds"] = Number(entry.machine["settings"]["rounds"], machine)
    return named


def _ratio_numbers(entry: Measured, start: str, source: str) -> dict[str, Number]:
    words = {"speed": "ratio", "memory": "memory_ratio", "share": "share"}
    named = {}
    for row in entry.ratios.to_dict("records"):
        key = f"{start}.{words[row['quantity']]}.{row['model']}"
        if row["axis"] != "base":
            key += f".{row['axis']}_{row[row['axis']]}"
        if pd.notna(row["value"]):
            for suffix, column in {"": "value", ".lower": "lower", ".upper": "upper"}.items():
                named[key + suffix] = Number(row[column], source, row["rounds"])
    return named


def _load(folder: Path) -> Measured:
    speed, scaling, ratios = (
        pd.read_csv(folder / f"{name}.csv") for name in ("speed", "scaling", "ratios")
    )
    machine = json.loads((folder / "machine.json").read_text())
    return Measured(folder.name, folder, speed, scaling, ratios, machine)


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
        f"{software['torch']}, {settings['rounds']} rounds on {entry.machine['finished'][:10]}. "
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
