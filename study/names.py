"""What a reader is shown in place of the names in code: of tests, cells, models, noises, columns,
changed settings; in tables and in charts.

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
PRINTED = ("attention_lx", "attention_lz", "write_only_lx", "write_only_lz")  # columns, too
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
    "weights": "TensorFlow's first weights",
    "convolutions": "its tutorial's convolutions",
    "division": "whole-number division",
    "no-hidden": "encoder without the decoder's output",
    "four-numbers": "four numbers a window",
    "learned-canvas": "first canvas and state learned",
    "shared-head": "one map for both windows",
    "clip-global": "clipping by one norm",
    "clip-none": "no clipping",
    "sgd": "SGD with momentum",
}
SIZES = {  # of what is measured in a cell's name: letter to symbol
    "t": "T",
    "z": "d<sub>z</sub>",
    "read": "read size",
}
PARTS = re.compile(  # of a cell's name, after its model
    "|".join([r"word-sgd-\d+", *(name for name in SETTINGS if "-" in name), "[^-]+"])
)
ACCOUNTS = SETTINGS | {  # ways in which Table I may have come about
    "tensorflow2016-fresh": "tools of 2016, fresh noise",
    "fresh, mean-dimensions": "fresh noise, Lz a mean over dimensions",
    "fresh, mean-steps": "fresh noise, Lz a mean over steps",
    "fresh, mean": "fresh noise, Lz a mean over both",
}
NOISES = {"fresh": "fresh", "shared": "shared", "lineage": "settings of 2016"}
FACTORS = {name: SETTINGS[name] for name in ("weights", "convolutions", "division")}
CHANGES = {  # of one setting, as `study.ablations` names them
    "window_parameters = four": SETTINGS["four-numbers"],
    "initial_state = learned": SETTINGS["learned-canvas"],
    "window_heads = shared": SETTINGS["shared-head"],
    "clip_scope = global": SETTINGS["clip-global"],
    "clip_scope = none": SETTINGS["clip-none"],
    "optimizer = sgd, learning_rate = 0.01, beta1 = 0.9": SETTINGS["sgd"],
}
CHANGED_SIZES = {"latent_size": "d<sub>z</sub>", "read_size": "read size", "steps": "T"}
STAGES = {  # of the second round, in the registered order
    "confirmation": "confirmation: tools of 2016, seeds 10 to 14",
    "control": "positive control: DRAW with read size 5",
    "long": "runs of 25,000 iterations",
    "seeds": "more seeds of both variants and DRAW",
    "attribution": "attribution: the three settings combined",
    "fresh_control": "tools of 2016 with fresh noise",
    "more_confirmation": "confirmation, five more seeds",
    "rivals": "bridges, and rival explanations of row 1",
    "word": "the paper taken at its word; other open choices",
}
STARTS = {"zeros": "from zeros", "fast-start": "preset fast-start"}
COLUMNS = {
    "n": "seeds",
    "r": "ρ",
    "z": "d<sub>z</sub>",
    "of": "model",
    "cell": "model and noise",
    "subject": "model",
    "test_total": "test total",
    "lx": "Lx",
    "lz": "Lz",
    "published_lx": "published Lx",
    "published_lz": "published Lz",
}
VALUES = {  # column to the names that its cells may have
    "test": TESTS,
    "noise": NOISES,
    "account": ACCOUNTS,
    "setting": FACTORS,
    "start": STARTS,
    "stage": STAGES,
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
    model = _model(cell)
    if model is None:
        return ACCOUNTS.get(cell, cell)
    rest = cell.removeprefix(model)
    return ", ".join([MODELS[model], *([settings_in_words(rest)] if rest else [])])


def model_in_words(cell: str) -> str:
    """The model of a cell without its settings. Raises `KeyError` for a cell of none."""
    return MODELS[_model(cell) or cell]


def settings_in_words(name: str) -> str:
    """What a cell's name says after its model: `r90` as `ρ = 0.9`, part by part."""
    return ", ".join(_setting(part) for part in PARTS.findall(name))


def change_in_words(change: str) -> str:
    """A changed setting, `latent_size = 5` as `d<sub>z</sub> = 5`; one without words stays."""
    name, _, value = change.partition(" = ")
    if name in CHANGED_SIZES and value.isdigit():
        return f"{CHANGED_SIZES[name]} = {value}"
    return CHANGES.get(change, change)


def for_chart(words: str) -> str:
    """The same words as matplotlib sets them, with letters below."""
    return re.sub(r"\b([A-Za-z])<sub>(\w)</sub>", r"$\1_\2$", words)


def _model(cell: str) -> str | None:
    """The key of MODELS that a cell's name begins with."""
    return next((name for name in MODELS if f"{cell}-".startswith(f"{name}-")), None)


def _setting(part: str) -> str:
    if found := re.fullmatch(r"r(\d\d)", part):
        return f"ρ = {int(found[1]) / 100:g}"
    if found := re.fullmatch(r"word-sgd-0(\d+)", part):
        return f"four numbers a window, plain SGD at rate 0.{found[1]}"
    if found := re.fullmatch(r"dense(\d+)", part):
        return f"dense layer of {found[1]}"
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
    words = TESTS[measured] if measured in PRINTED else measured
    return lowered(COLUMNS.get(name, words + comma + unit))


def _of_text(value: Any, change: Callable[[str], str]) -> Any:
    return change(value) if isinstance(value, str) else value


def lowered(text: str) -> str:
    """Lx and Lz, or L_x and L_z, with their letters below."""
    return re.sub(r"\bL_?([xz])\b", r"L<sub>\1</sub>", text)


def shown(table: pd.DataFrame, precision: int = 2, wrap: bool = False, caption: str = "") -> Styler:
    """A table as a reader sees it, `dcrw.notebook.shown` in words.

    caption: what the table holds, of how many runs and images, after how many iterations.
    """
    styled = notebook.shown(in_words(table), precision, wrap)
    return styled.set_caption(lowered(caption)) if caption else styled
