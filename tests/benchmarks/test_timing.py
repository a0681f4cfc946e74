"""Contestants take turns, and a turn is as long as it was asked to be."""

import pytest

from benchmarks import contestants, timing


class Clockwork:
    """Workers whose iterations take a time that is known."""

    def __init__(self, seconds: dict[contestants.Contestant, float]):
        self.seconds_of, self.turns, self.forgotten = seconds, [], False

    def turn(self, entry, iterations, clock=None):
        self.turns.append((entry, iterations))
        return iterations * self.seconds_of[entry]

    def forget(self):
        self.forgotten = True

    def seconds(self):
        return 0.0


def test_contestants_take_turns_of_the_time_that_is_asked_for() -> None:
    first, second, *_ = contestants.contestants({})
    second = second._replace(option="seeds")  # counts for several runs
    workers = Clockwork({first: 0.01, second: 0.25})
    measured, turns = timing.rates([first, second], 3, 0.1, 5, workers)
    assert turns == {first: 10, second: 1}  # at least one iteration
    assert measured[first] == pytest.approx([100] * 3)
    assert measured[second] == pytest.approx([second.runs / 0.25] * 3)
    assert [entry for entry, _ in workers.turns[4:]] == [
        first,
        second,
        second,
        first,
        first,
        second,
    ]
    assert workers.forgotten


def test_a_spread_is_a_median_between_quartiles() -> None:
    assert timing.spread([1e9, 2e9, 3e9, 4e9, 5e9], 1e9) == (3, 2, 4)


def test_other_work_is_unknown_where_the_system_does_not_say(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PROC_STAT", tmp_path / "stat")
    assert timing.OtherWork(Clockwork({})).cores() is None
