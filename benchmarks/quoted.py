"""Numbers that the prose on speed quotes, from what was measured; keys begin `speed.`."""

from pathlib import Path

import pandas as pd

from benchmarks.report import Measured
from study.numbers import Number


def numbers(found: list[Measured], root: Path) -> dict[str, Number]:
    """Named numbers for prose: `speed.<device>.<...>`. Sources are relative to `root`."""
    named: dict[str, Number] = {}
    for entry in found:
        start, folder = f"speed.{entry.device}", entry.folder.resolve().relative_to(root.resolve())
        named |= _ratio_numbers(entry, start, str(folder / "ratios.csv"))
        named |= _option_numbers(entry, start, str(folder / "options.csv"))
        named |= _launch_numbers(entry, start, str(folder / "launches.csv"))
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
    words = {
        ("speed", "textbook"): "ratio",
        ("speed", "textbook-prepared"): "ratio_flushed",
        ("memory", "textbook"): "memory_ratio",
        ("share", "matrix-product"): "share",
    }
    named = {}
    for row in entry.ratios.to_dict("records"):
        key = f"{start}.{words[row['quantity'], row['against']]}.{row['model']}"
        if row["axis"] != "base":
            key += f".{row['axis']}_{row[row['axis']]}"
        if pd.notna(row["value"]):
            for suffix, column in {"": "value", ".lower": "lower", ".upper": "upper"}.items():
                named[key + suffix] = Number(row[column], source, row["rounds"])
    return named


def _option_numbers(entry: Measured, start: str, source: str) -> dict[str, Number]:
    return {
        f"{start}.option.{row['option']}.{row['model']}": Number(
            row["ratio"], source, row["rounds"]
        )
        for row in entry.options.to_dict("records")
        if row["option"] != "default"
    }


def _launch_numbers(entry: Measured, start: str, source: str) -> dict[str, Number]:
    if entry.launches is None:
        return {}
    return {
        f"{start}.launches.{row['option']}.{row['model']}": Number(row["operations"], source)
        for row in entry.launches.to_dict("records")
    }
