"""Numbers of the speed page."""

from pathlib import Path

import pandas as pd

from benchmarks import (
    quoted,
    report,
)


def test_numbers_name_their_source(measured: Path) -> None:
    named = quoted.numbers(report.load(measured.parent), measured.parent.parent)
    folder = f"{measured.parent.name}/cpu"
    ratios = pd.read_csv(measured / "ratios.csv")
    speed = ratios[(ratios.quantity == "speed") & (ratios.axis == "base")]
    first = speed[speed.against == "textbook"].set_index("model")
    number = named["speed.cpu.ratio.dcrw"]
    assert (number.value, number.source) == (first.value["dcrw"], f"{folder}/ratios.csv")
    assert number.n == 3
    assert {
        "speed.cpu.ratio.draw.batch_size_6",
        "speed.cpu.ratio_flushed.dcrw-write-only",
        "speed.cpu.share.dcrw",
        "speed.cpu.option.seeds.dcrw",
        "speed.cpu.launches.default.dcrw",
        "speed.cpu.launches.plain.dcrw-write-only",
    } <= named.keys()
    assert named["speed.cpu.threads"].value == 1
