"""Verdicts to argue with: the evidence of each test, decided again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_claims import observed

from study.claims import argued, judge, rules

PROJECT = Path(__file__).parents[3]
REGISTERED = judge.registered(PROJECT / "book" / "claims.yaml")
SHARES = st.floats(-1, 1, allow_nan=False).map(lambda value: round(value, 3))


@pytest.mark.parametrize("shift", [0.0, 3.0, 120.0])
def test_every_test_has_its_seeds_and_its_verdict(shift: float) -> None:
    found = observed(shift)
    outcomes = judge.judge(REGISTERED, found)
    again = argued.arguments(REGISTERED, found, outcomes)
    assert sum(map(len, again.values())) == len(outcomes)
    for (claim, test), entries in again.items():
        own = [o for o in outcomes if (o.claim, o.test) == (claim, test)]
        for entry, outcome in zip(entries, own, strict=True):
            assert argued.decide(entry, entry.limit) == entry.holds == outcome.holds
            assert len(entry.values) == outcome.n


def test_thresholds_are_the_registered_ones() -> None:
    found = observed()
    again = argued.arguments(REGISTERED, found, judge.judge(REGISTERED, found))
    known = judge.limits(REGISTERED)
    for (claim, test), entries in again.items():
        limit = known.get(f"{claim}.{test}", known.get(claim))
        for entry in entries:
            if (claim, test) == ("f", "two_sample"):
                assert entry.limit == 0.52  # the coin's upper end, as measured
            else:
                assert entry.limit == (limit or 0.0)


def test_a_verdict_that_the_evidence_does_not_give_is_refused() -> None:
    found = observed()
    outcome = judge.judge(REGISTERED, found)[0]
    with pytest.raises(ValueError, match="claim a, falls, fresh: decided again as True, judged as"):
        argued.arguments(REGISTERED, found, [outcome._replace(holds=False)])


FORMS: dict[str, Callable[[list[float], float], rules.Judged]] = {
    "below": rules.below,
    "above": rules.above,
    "at_most": rules.each_at_most,
    "at_least": rules.each_at_least,
}


@given(st.sampled_from(sorted(FORMS)), st.lists(SHARES, min_size=2, max_size=5), SHARES)
def test_a_form_at_any_threshold_is_the_rule(form: str, values: list[float], limit: float) -> None:
    judged = FORMS[form](values, limit)
    argument = argued.Argument(
        "fresh", "dcrw", form, values, judged.low, judged.high, 0.0, True, np.nan, False
    )
    if form in ("at_most", "at_least"):
        argument = argument._replace(low=np.nan, high=np.nan)
    assert argued.decide(argument, limit) == judged.holds


@given(
    st.lists(st.floats(60, 80).map(lambda value: round(value, 2)), min_size=2, max_size=4),
    st.floats(0.01, 0.5).map(lambda value: round(value, 3)),
)
def test_a_tolerance_at_any_share_is_the_rule(means: list[float], share: float) -> None:
    published, spreads = 70.168, [1.0] * len(means)
    judged = rules.matches(means, spreads, published, share)
    reach = rules.tolerance(means, spreads, published, np.inf) / published
    values = [mean / published - 1 for mean in means]
    argument = argued.Argument(
        "fresh", "dcrw", "within", values, np.nan, np.nan, 0.1, True, reach, False
    )
    assert argued.decide(argument, share) == judged.holds
