"""One word for a claim, and the tables of words."""

import pytest

from study.claims import judge, verdicts


def outcome(holds, claim="a", noise="fresh", test="t"):
    return judge.Outcome(claim, test, noise, "dcrw", holds, 0.0, 0.0, 0.0, 3, "rule")


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([True, True], "supported"),
        ([True, False], "partly"),
        ([False, False], "not supported"),
        ([True, None], "untestable"),
        ([False, None], "untestable"),
        ([], "untestable"),
    ],
)
def test_a_verdict_is_a_word_for_its_tests(holds, expected):
    outcomes = [outcome(each, test=str(number)) for number, each in enumerate(holds)]
    assert verdicts.verdict(outcomes) == expected


def test_a_test_holds_only_for_all_of_its_subjects():
    one, other = outcome(True), outcome(False)
    assert verdicts.verdict([one, other]) == "not supported"
    assert verdicts.verdict([one, other, outcome(True, test="u")]) == "partly"


def test_the_verdicts_table_has_a_row_for_each_claim():
    outcomes = [outcome(True), outcome(False, noise="shared"), outcome(None, claim="b")]
    table = verdicts.verdict_table(outcomes, {"a": "A", "b": "B"}).set_index("claim")
    assert table.loc["a", ["fresh", "shared"]].tolist() == ["supported", "not supported"]
    assert table.loc["b", "fresh"] == "untestable"


def test_a_page_opens_with_the_words_under_fresh_noise():
    outcomes = [outcome(True), outcome(False, noise="shared"), outcome(False, claim="b")]
    table = verdicts.verdict_table(outcomes, {"a": "Losses fall", "b": "Novel"})
    assert verdicts.in_short(table).splitlines()[2:] == [
        "- *supported*: Losses fall (a)",
        "- *not supported*: Novel (b)",
    ]


def test_the_start_pages_table_links_every_claim():
    outcomes = [outcome(True), outcome(False, noise="shared"), outcome(True, noise="lineage")]
    page = verdicts.verdicts_page(verdicts.verdict_table(outcomes, {"a": "Losses fall"}))
    assert "* - {ref}`a. Losses fall <claim-a>`\n  - supported\n  - not supported\n:::" in page
    assert "Fresh noise" in page and "Shared noise" in page and "Lineage" not in page
