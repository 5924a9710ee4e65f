"""The ladder as stories told at 20 looks a second, and as a model of a gateway whose work costs time."""

from collections import deque

from tidegate.policy.overload.ladder import FEW, LEAST_RATE, Ladder
from tidegate.policy.overload.queue import Priority

TICK = 0.05


class Story:
    """A ladder that is looked at, and the time."""

    def __init__(self) -> None:
        self.ladder = Ladder()
        self.now = 100.0
        self.done = 0

    def goes(self, seconds: float, lag: float = 0.0, memory: float = 0.2, per_second: float = 100, waiting: int = 0) -> Ladder:
        until = self.now + seconds
        while self.now < until:
            self.now += TICK + lag
            self.done += round(per_second * (TICK + lag))
            self.ladder.look(self.now, lag, memory, self.done, waiting)
        return self.ladder


def test_nothing_is_held_up_while_nothing_is_wrong() -> None:
    ladder = Story().goes(5, lag=0.01)
    assert ladder.pressure < 0.2
    assert ladder.rate is None
    assert all(ladder.admits(priority, FEW) for priority in Priority)


def test_one_pause_is_no_overload() -> None:
    story = Story()
    story.goes(3)
    story.goes(0.1, lag=0.3)
    assert story.ladder.rate is None
    assert story.goes(3).pressure < 0.1


def test_the_rungs_are_climbed_one_after_the_other_and_down_again() -> None:
    story = Story()
    assert story.goes(5, lag=0.06).least is Priority.BACKGROUND
    assert story.goes(5, lag=0.085).least is Priority.INTERACTIVE
    assert story.ladder.rate is None
    assert story.goes(5, lag=0.2, per_second=100).rate is not None
    assert story.goes(30).rate is None
    assert story.ladder.least is Priority.BATCH


def test_under_lasting_lag_the_rate_begins_at_what_was_done_and_falls_but_not_to_nothing() -> None:
    story = Story()
    story.goes(5, per_second=200)
    while story.ladder.rate is None:
        story.goes(0.2, lag=0.15, per_second=200)
    assert 120 < story.ladder.rate <= 205
    first = story.ladder.rate
    second = story.goes(1, lag=0.15, per_second=200).rate
    assert second is not None
    assert second < first
    assert story.goes(60, lag=0.15, per_second=200).rate == LEAST_RATE


def test_the_rate_stays_while_somebody_waits() -> None:
    story = Story()
    story.goes(3, lag=0.2)
    assert story.goes(10, waiting=1).rate is not None
    assert story.goes(3).rate is None


def test_no_more_come_in_than_the_rate_says() -> None:
    story = Story()
    story.goes(3, lag=0.2, per_second=50)
    came = 0
    began = story.now
    while story.now < began + 2:
        story.goes(TICK, lag=0.12, per_second=50)
        while story.ladder.admits(Priority.INTERACTIVE, FEW):
            came += 1
    assert 0 < came <= 2.5 * 50


def test_few_calls_are_let_in_however_late_the_loop_is_but_not_beyond_the_memory() -> None:
    story = Story()
    story.goes(3, lag=0.25, per_second=1)
    assert all(story.ladder.admits(Priority.INTERACTIVE, FEW - 1) for _ in range(1000))
    assert not story.ladder.admits(Priority.BATCH, 0)
    story.goes(3, memory=0.96)
    assert not story.ladder.admits(Priority.INTERACTIVE, 0)


def test_memory_turns_everybody_away_before_it_is_used_up() -> None:
    story = Story()
    assert story.goes(1, memory=0.81).least is Priority.BACKGROUND
    assert story.goes(1, memory=0.86).least is Priority.INTERACTIVE
    assert story.goes(1, memory=0.96).least is None
    assert not story.ladder.admits(Priority.INTERACTIVE, FEW)
    assert story.goes(30, memory=0.5).admits(Priority.BATCH, FEW)


def test_so_many_wait_as_can_have_their_turn() -> None:
    story = Story()
    assert story.ladder.room(1.0, 1000) == 1000
    story.goes(3, lag=0.2, per_second=50)
    rate = story.ladder.rate or 0
    assert rate / 2 <= story.ladder.room(0.5, 1000) <= rate / 2 + 1
    assert story.ladder.room(0.5, 3) == 3


def offered(times: float) -> float:
    """The good answers per second of a gateway that can do 100, where `times` as many are asked for: each answer costs 10 ms of the loop,
    each refusal 0.2 ms, and an answer is good within two seconds."""
    ladder, now, waiting, due = Ladder(), 0.0, deque[float](), 0.0
    good = done = 0
    inside: deque[float] = deque()
    while now < 60:
        began = now
        while due <= now:
            due += 1 / (100 * times)
            if ladder.rate is None and ladder.admits(Priority.INTERACTIVE, FEW):
                inside.append(due)
            elif len(waiting) < ladder.room(1.0, 1000):
                waiting.append(due)
            else:
                now += 0.0002
        while waiting and ladder.admits(Priority.INTERACTIVE, FEW):
            inside.append(waiting.popleft())
        while waiting and now - waiting[0] > 1:
            waiting.popleft()
        # One turn of the loop works on everything that has come.
        for came in inside:
            now += 0.01
            done += 1
            good += now > 20 and now - came < 2
        inside.clear()
        now = max(now, began + TICK)
        ladder.look(now, now - began - TICK, 0.1, done, len(waiting))
    return good / (now - 20)


def test_five_times_as_much_as_it_can_do_leaves_four_fifths_of_what_it_can() -> None:
    peak = max(offered(times) for times in (0.5, 0.9, 1.0))
    assert peak > 80
    assert offered(2) >= 0.8 * peak
    assert offered(5) >= 0.8 * peak
