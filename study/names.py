"""What a reader is shown in place of the names in code: of tests, cells, models, noises, columns.

Tables under results/ keep the names of the code; `shown` gives every table of a page its words.
"""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from dcrw import notebook
from dcrw.model.architectures import FACTS

MINUS = "\N{MINUS SIGN}"

TESTS = {  # of the registered rules, both rounds
    "falls": "the total falls",
    "lx falls": "Lx falls",
    "lz falls": "Lz falls",
    "comparable": "total close to DRAW's",
    "total": "total is lower",
    "reconstruction": "Lx is lower",
    "latent": "Lz is lower",
    "reconstructed": "reconstructions",
    "generated": "samples",
    "smaller": "update is smaller with attention in read",
    "local": "update is local",
    "global": "update is global",
    "pixels": "no copies, by pixels",
    "features": "no copies, by features",
    "two_sample": "told from digits",
    "attention_lx": "row 1, Lx",
    "attention_lz": "row 1, Lz",
    "write_only_lx": "row 2, Lx",
    "write_only_lz": "row 2, Lz",
    "attention": "row 1: Lz where Lx is reached",
    "write_only": "row 2: Lx where Lz is reached",
    "common iteration": "all four values at one iteration",
    "table": "the table is not met",
    "final lx": "last Lx",
    "final lz": "last Lz",
    "early lx": "early Lx",
    "rival_lx": "row 1, Lx",
    "rival_lz": "row 1, Lz",
}
MODELS: dict[str, str] = {  # by how a cell's name begins, longer beginnings first
    name: FACTS[name].name for name in sorted(FACTS, key=len, reverse=True)
}
SETTINGS = {  # the rest of a cell's name, part by part
    "fresh": "fresh noise",
    "shared": "shared noise",
    "lineage": "settings of 2016",
    "lineage2016": "settings of 2016",
    "tensorflow2016": "tools of 2016",
    "long": "25,000 iterations",
}
SIZES = {  # of what is measured in a cell's name: letter to symbol
    "t": "T",
    "z": "d<sub>z</sub>",
    "read": "read size",
}
ACCOUNTS = SETTINGS | {  # ways in which Table I may have come about
    "tensorflow2016-fresh": "tools of 2016, fresh noise",
    "fresh, mean-dimensions": "fresh noise, Lz a mean over dimensions",
    "fresh, mean-steps": "fresh noise, Lz a mean over steps",
    "fresh, mean": "fresh noise, Lz a mean over both",
}
NOISES = {"fresh": "fresh", "shared": "shared", "lineage": "settings of 2016"}
FACTORS = {
    "weights": "first weights of TensorFlow",
    "convolutions": "convolutions of its tutorial",
    "division": "whole-number division",
}
COLUMNS = {
    "n": "seeds",
    "r": "ρ",
    "of": "model",
    "cell": "model and noise",
    "subject": "model",
    "test_total": "test total",
}
VALUES = {  # column to the names that its cells may have
    "test": TESTS,
    "noise": NOISES,
    "account": ACCOUNTS,
    "setting": FACTORS,
    "loss": {"lx": "Lx", "lz": "Lz"},
}
SUBJECTS = ("cell", "of", "subject", "model")


def test_in_words(test: str) -> str:
    """A test of the registered rules in words. Raises `KeyError` for one that has none."""
    return lowered(TESTS[test])


def account_in_words(account: str) -> str:
    """A way in which Table I may have come about, in words. Raises `KeyError` for one without."""
    return lowered(ACCOUNTS[account])


def cell_in_words(cell: str) -> str:
    """A cell, a model, or the difference of two: `dcrw-fresh` as `with attention in read, fresh
    noise`; what names none of the models stays as it is."""
    first, minus, second = cell.partition(" - ")
    if minus:
        return f"{cell_in_words(first)} {MINUS} {cell_in_words(second)}"
    for name, words in MODELS.items():
        rest = cell.removeprefix(name)
        if rest != cell and (not rest or rest.startswith("-")):
            parts = [_setting(part) for part in rest.split("-") if part]
            return ", ".join([words, *parts])
    return SETTINGS.get(cell, cell)


def _setting(part: str) -> str:
    if found := re.fullmatch(r"r(\d\d)", part):
        return f"ρ = 0.{found[1]}"
    if found := re.fullmatch(r"(t|z|read)(\d+)", part):
        return f"{SIZES[found[1]]} = {found[2]}"
    return SETTINGS.get(part, part)


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """A table with a reader's names in its columns and in the cells of those that hold names."""
    named = table.copy()
    for column in table.columns:
        if column in SUBJECTS:
            named[column] = [_of_text(value, cell_in_words) for value in table[column]]
        elif column in VALUES:
            named[column] = [VALUES[column].get(value, value) for value in table[column]]
    named = named.map(lambda value: _of_text(value, lowered))
    return named.rename(columns=lambda name: _column(str(name)))


def _column(name: str) -> str:
    """A column's name in words; what is measured may stand before a comma and a unit."""
    measured, comma, unit = name.partition(", ")
    return lowered(COLUMNS.get(name, TESTS.get(measured, measured) + comma + unit))


def _of_text(value: Any, change: Callable[[str], str]) -> Any:
    return change(value) if isinstance(value, str) else value


def lowered(text: str) -> str:
    """Lx and Lz with their letters below."""
    return re.sub(r"\bL([xz])\b", r"L<sub>\1</sub>", text)


def shown(table: pd.DataFrame, precision: int = 2, wrap: bool = False, caption: str = "") -> Styler:
    """A table as a reader sees it, `dcrw.notebook.shown` in words.

    caption: what the table holds, of how many runs and images, after how many iterations.
    """
    styled = notebook.shown(in_words(table), precision, wrap)
    return styled.set_caption(lowered(caption)) if caption else styled
