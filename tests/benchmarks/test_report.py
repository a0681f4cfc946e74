"""Tables and sentences are made from the files alone, and say what was not measured."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import (
    kernels,
    quoted,
    report,
    textbook,
)
from study.numbers import Number


def test_pages_say_which_device_was_measured(measured: Path) -> None:
    found = report.load(measured.parent)
    assert [entry.device for entry in found] == ["cpu"]
    text = report.statement(found)
    assert "CPU measured" in text and "No GPU has been measured yet." in text
    assert "`make gpu` measures it" in text
    assert "No CPU has been measured yet" in report.statement([])


def test_tables_are_made_from_the_files(measured: Path) -> None:
    (entry,) = report.load(measured.parent)
    assert report.speed_table(entry).shape == (9, 6)
    for against in ("textbook", "textbook-prepared"):
        ratios = report.ratio_table(entry, against)
        assert list(ratios) == [*report.AXES.values(), *report.NAMES.values()]
        assert ratios.notna().all(axis=None) and len(ratios) == 3
    assert list(report.share_table(entry)["batch"]) == [4, 6]
    options = report.option_table(entry)
    assert list(options["option"]) == list(report.OPTIONS.values())[1:]
    assert (options[list(report.NAMES.values())] > 0).all(axis=None)
    assert list(report.precision_table(entry)["products in"][:3]) == [
        "float32",
        "bfloat16",
        "float32",
    ]
    profile = report.profile_table(entry, 4)
    assert list(profile["ms (calls)"][-2:]) == ["sum", "the arithmetic at full rate"]


def test_what_was_not_measured_is_left_out(measured: Path, tmp_path: Path) -> None:
    """On a GPU there is neither a profile nor a comparison of precisions."""
    folder = shutil.copytree(measured, tmp_path / "cuda")
    for name in ("profile", "precision", "launches", "derivatives"):
        (folder / f"{name}.csv").unlink()
    (entry,) = report.load(tmp_path)
    assert report.profile_table(entry, 4) is None and report.precision_table(entry) is None
    assert report.launch_table(entry) is None and report.plain_table(entry) is None
    assert report.kernel_table(entry) is None
    assert report.plain_statement(entry) == "**GPU: not measured yet.**"
    assert not [key for key in quoted.numbers([entry], tmp_path) if ".launches." in key]
    assert report.option_table(entry) is not None
    assert "No CPU has been measured yet." in report.statement([entry])


def test_a_gpu_may_have_been_measured_elsewhere(measured: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(measured, tmp_path / "cuda")
    rows = [
        {"model": model, "runs": runs}
        | kernels.summary([kernels.Work("a", 0, 10), kernels.Work("b", 15, 20)], 1)
        for model in textbook.MODELS
        for runs in (1, 8)
    ]
    pd.DataFrame(rows).to_csv(folder / "kernels.csv", index=False)
    found = report.load(measured.parent, tmp_path)
    assert [entry.device for entry in found] == ["cpu", "cuda"]
    assert "measured yet" not in report.statement(found)
    table = report.kernel_table(found[1])
    assert list(table["seeds"]) == [1, 8] * 3 and set(table["share of gaps"]) == {0.25}


def test_what_derivatives_written_by_hand_gain_is_shown(measured: Path) -> None:
    (entry,) = report.load(measured.parent)
    shown, timed = report.launch_table(entry), report.plain_table(entry)
    assert list(shown["autograd's"]) == ["none", *report.WRITTEN.values()]
    assert list(timed["autograd's"]) == list(report.WRITTEN.values())
    for table in (shown, timed):
        row = table.set_index("autograd's").loc[report.WRITTEN["plain-lstm"]]
        assert (row != "").tolist() == [False, False, True]
    counted = pd.read_csv(measured / "launches.csv").set_index(["model", "option"])
    more = counted.operations["draw", "plain"] / counted.operations["draw", "default"] - 1
    cell = shown.set_index("autograd's")[report.NAMES["draw"]][report.WRITTEN["plain"]]
    assert cell.endswith(f"({more:+.1%})")
    words = report.plain_statement(entry)
    assert words.startswith("**CPU measured:**") and "2 rounds" in words and "process_time" in words
    times = pd.read_csv(measured / "derivatives.csv").set_index(["model", "option"])
    cell = timed.set_index("autograd's")[report.NAMES["draw"]][report.WRITTEN["plain"]]
    assert float(cell.split()[0]) == pytest.approx(times.time_ratio["draw", "plain"], abs=6e-4)


def test_aims_are_reached_missed_or_not_measured() -> None:
    source = "results/benchmarks/cpu/ratios.csv"
    named = {
        "speed.cpu.ratio.draw": Number(2.0, source),
        "speed.cpu.ratio.dcrw": Number(1.994, source),
        "speed.cpu.share.draw.batch_size_400": Number(0.41, source),
    }
    table = report.aim_table(named)
    rows = table.set_index(["device", "aim"])[report.NAMES["draw"]].tolist()
    assert rows == ["2.00, reached", "0.41, reached", "not measured", "not measured"]
    assert table[report.NAMES["dcrw"]].tolist() == ["1.99, missed", *3 * ["not measured"]]
