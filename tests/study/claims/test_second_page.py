"""What the page on the second round shows, and what it leaves."""

import pytest

from dcrw.training.files import project_root
from dcrw.training.profiles import load_profile
from study import numbers
from study.claims import second_page as page
from study.claims import second_words

PROJECT = project_root()
PROFILE = PROJECT / "configs" / "round2.yaml"
NAN = float("nan")


@pytest.fixture(scope="module")
def seen():
    return page.judged(PROJECT)


def test_stages_count_what_is_complete(seen):
    stages = seen.stages
    assert stages.stage.tolist() == list(load_profile(PROFILE).stages)
    assert stages.of.sum() == 138 and (stages.complete <= stages.of).all()
    assert stages.complete.iloc[0] >= 10
    round2 = [entry for entry in seen.done if entry.run.folder.parent.parent.name == "round2"]
    assert stages.complete.sum() == len(round2)
    asked = {config.folder_name for config in load_profile(PROFILE).configs()}
    missing = [config for config in seen.missing if config.folder_name in asked]
    assert stages.complete.sum() + len(missing) == 138


def test_every_seed_of_the_confirmation_is_shown(seen):
    assert set(range(10, 15)) <= set(seen.seeds.seed)
    losses = seen.runs[(seen.runs.cell == "dcrw-tensorflow2016") & (seen.runs.seed == 13)].iloc[0]
    row = seen.seeds[seen.seeds.seed == 13].iloc[0]
    assert row.attention_lx == pytest.approx(losses.train_lx)
    assert row["attention_lx, %"] == pytest.approx(100 * (losses.train_lx / 70.168 - 1))


def test_numbers_say_what_the_tables_say(seen):
    found = page.page_numbers(seen)
    mean = seen.seeds[seen.seeds.seed.between(10, 14)].attention_lz.mean()
    assert found["second.confirmation.attention.lz"].value == pytest.approx(mean)
    assert found["second.confirmation.attention.lz"].n == 5
    near = (seen.seeds[seen.seeds.seed.between(10, 14)]["attention_lz, %"].abs() <= 10).sum()
    assert found["second.confirmation.attention.lz.near"].value == near
    hours, low, high = (
        found[key].value for key in ("study.hours", "study.kwh.low", "study.kwh.high")
    )
    assert low == pytest.approx(hours * 3 / 1000) and high == pytest.approx(hours * 15 / 1000)


def test_the_page_leaves_what_is_committed(seen, tmp_path):
    """Tables and numbers again, byte for byte."""
    page.write(seen, tmp_path / "round2")
    for path in sorted((tmp_path / "round2").rglob("*")):
        if path.is_file() and path.suffix not in (".png", ".svg"):
            committed = PROJECT / "results" / path.relative_to(tmp_path)
            assert path.read_bytes() == committed.read_bytes(), f"{committed}: run second_round"
    assert numbers.read(tmp_path / "round2" / "numbers" / "second_round.json")


def test_accounts_are_preferred_by_the_registered_rule(seen):
    least = seen.rules["rules"]["likelihood"]["at_least"]
    words = second_words.preferred_in_words(seen.accounts, least)
    assert "- *shared noise* is preferred to *fresh noise*; *fresh noise, " in words
    nobody = second_words.preferred_in_words(seen.accounts, 1e9)
    assert nobody == "No account is preferred to another by this rule."


def test_what_the_prose_says_is_what_was_found(seen):
    """Sentences of the page that no number carries: when this fails, write them anew."""
    came = dict(zip(seen.predictions.statement, seen.predictions.came, strict=True))
    late = next(answer for statement, answer in came.items() if "outside 10%" in statement)
    assert late, "by the letter of the registration the account is refuted"
    confirming = seen.seeds[seen.seeds.seed.between(10, 14)]
    lz = confirming["attention_lz, %"]
    assert lz.mean() > 10 and lz.drop(lz.idxmax()).mean() < 10, "one late seed takes the mean out"
    assert abs(confirming["attention_lx, %"].mean()) < 10, "L_x is met"
    assert abs(confirming["write_only_lx, %"].mean()) < 5, "row 2 is met in L_x"
    assert 10 < confirming["write_only_lz, %"].mean() < 15, "row 2's L_z is missed by little"
    fresh = seen.accounts[seen.accounts.account == "fresh"]
    readings = [column for column in fresh if column.startswith("compatible, ")]
    assert len(readings) == 2 and not fresh[readings].any(axis=None), "fresh fits neither reading"
    control = page.page_numbers(seen)
    assert abs(control["second.control.lx.5000"].value / 75.6 - 1) < 0.1
    assert 61 < control["second.control.lx.9900"].value < 70, "in L_x it follows the curve"
    assert 0.9 < control["second.control.lz.9900"].value < 1, "L_z lies just below 1 to 2"
    failed = [
        found for found in seen.tests if found.claim == "positive_control" and not found.holds
    ]
    assert [found.test for found in failed] == ["final lz"]
