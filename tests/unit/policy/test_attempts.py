"""The state machine as tables: what follows which failure, and that nothing follows that may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.attempts import FIRST_WAIT, LONGEST_ASKED, LONGEST_WAIT, Course, Rules, Stage, Step


def error(status: int = 500, kind: ErrorKind = ErrorKind.UPSTREAM) -> Error:
    return Error(kind=kind, message="m", status=status)


def after(
    course: Course, at: int, found: Error, stage: Stage = Stage.ANSWERED, waited: float | None = None, elapsed: float = 1.0
) -> Step | None:
    return course.after(at, found, stage, waited=waited, elapsed=elapsed, draw=0.5)


LIMITED = error(429, ErrorKind.RATE_LIMIT)
CONTEXT = error(400, ErrorKind.CONTEXT_LENGTH)
FILTER = error(400, ErrorKind.CONTENT_FILTER)


@pytest.mark.parametrize(
    ("found", "stage", "effects", "follows"),
    [
        (error(500), Stage.ANSWERED, False, True),
        (error(500), Stage.HELD, False, True),
        (error(502), Stage.CONNECTING, False, True),
        (error(502), Stage.SENT, False, True),
        (error(400, ErrorKind.BAD_REQUEST), Stage.ANSWERED, False, False),
        (error(401, ErrorKind.AUTHENTICATION), Stage.ANSWERED, False, False),
        (CONTEXT, Stage.ANSWERED, False, False),
        (FILTER, Stage.HELD, False, False),
        (error(0, ErrorKind.UNSUPPORTED), Stage.PLANNED, False, True),
        (error(0, ErrorKind.RATE_LIMIT), Stage.PLANNED, True, True),
        # What may not happen twice: only what was surely not begun goes on.
        (error(502), Stage.CONNECTING, True, True),
        (error(502), Stage.SENT, True, False),
        (error(500), Stage.ANSWERED, True, False),
        (error(503, ErrorKind.UNAVAILABLE), Stage.ANSWERED, True, False),
        (error(500), Stage.HELD, True, False),
        (LIMITED, Stage.ANSWERED, True, True),
        (error(529, ErrorKind.OVERLOADED), Stage.ANSWERED, True, True),
    ],
)
def test_whether_the_next_target_is_tried(found: Error, stage: Stage, effects: bool, follows: bool) -> None:
    assert after(Course(Rules(), 2, effects=effects), 0, found, stage) == (Step(1) if follows else None)


def test_fallbacks_that_a_route_opts_into() -> None:
    assert after(Course(Rules(on_context_length=True), 2), 0, CONTEXT) == Step(1)
    assert after(Course(Rules(on_context_length=True), 2), 0, FILTER) is None
    assert after(Course(Rules(on_content_filter=True), 2), 0, FILTER) == Step(1)
    assert after(Course(Rules(on_content_filter=True, retries=2), 1), 0, FILTER) is None


def test_targets_that_were_not_tried_go_before_retries() -> None:
    course = Course(Rules(retries=2), 2)
    assert not course.is_last(0)
    assert after(course, 0, error()) == Step(1)
    first = after(course, 1, error())
    assert first is not None
    assert (first.at, first.again, course.is_last(first.at)) == (0, True, False)
    second = after(course, 0, error(), elapsed=2.0)
    assert second is not None
    assert (second.at, second.again, course.is_last(second.at)) == (1, True, True)
    assert after(course, 1, error()) is None
    assert course.is_exhausted


def test_what_a_provider_asks_to_wait_is_a_floor_and_too_long_is_not_waited_for() -> None:
    step = after(Course(Rules(retries=1), 1), 0, LIMITED, waited=7.0)
    assert step is not None
    assert 7.0 <= step.wait <= 7.0 + FIRST_WAIT
    assert after(Course(Rules(retries=1), 1), 0, LIMITED, waited=LONGEST_ASKED + 1) is None
    course = Course(Rules(retries=1), 2)
    assert after(course, 0, LIMITED, waited=LONGEST_ASKED + 1) == Step(1)
    assert after(course, 1, error(400, ErrorKind.UNSUPPORTED)) is None


def test_the_deadline_is_shared() -> None:
    assert after(Course(Rules(retries=1, seconds=10), 1), 0, LIMITED, waited=5.0, elapsed=5.0) is None
    assert after(Course(Rules(retries=1, seconds=10), 1), 0, LIMITED, waited=4.0, elapsed=5.0) is not None


def test_no_target_follows_once_the_time_of_the_call_is_over() -> None:
    assert after(Course(Rules(seconds=10), 2), 0, error(), elapsed=9.9) is not None
    assert after(Course(Rules(seconds=10), 2), 0, error(), elapsed=10.0) is None


def test_what_was_sent_without_an_answer_is_sent_once_more_at_most() -> None:
    course = Course(Rules(retries=5), 4)
    assert after(course, 0, error(504, ErrorKind.TIMEOUT), Stage.SENT) == Step(1)
    assert after(course, 1, error(502), Stage.SENT) is None


def test_a_client_that_retries_itself_halves_the_retries() -> None:
    course = Course(Rules(retries=3), 1, retried_above=True)
    assert after(course, 0, error()) is not None
    assert after(course, 0, error()) is None


def test_what_may_not_happen_twice_holds_nothing_back() -> None:
    assert Course(Rules(retries=2), 3, effects=True).is_last(0)
    assert Course(Rules(), 1).is_last(0)
    assert not Course(Rules(), 2).is_last(0)


FAILURES = st.tuples(
    st.sampled_from([error(500), error(502), LIMITED, error(529, ErrorKind.OVERLOADED), error(408, ErrorKind.REQUEST_TIMEOUT), CONTEXT]),
    st.sampled_from(Stage),
    st.none() | st.floats(0, 100),
    st.floats(0, 0.999),
)


@given(st.integers(1, 5), st.integers(0, 5), st.booleans(), st.lists(FAILURES, min_size=20, max_size=20))
def test_any_course_ends_within_its_bounds(
    targets: int, retries: int, effects: bool, failures: list[tuple[Error, Stage, float | None, float]]
) -> None:
    course = Course(Rules(retries=retries), targets, effects=effects)
    tried, at, elapsed = [0], 0, 0.0
    for number, (found, stage, waited, draw) in enumerate(failures):
        last = course.is_last(at)
        step = course.after(at, found, stage, waited=waited, elapsed=elapsed, draw=draw)
        if last and not effects:
            assert step is None
        if step is None:
            break
        assert step.again is (step.at in tried)
        assert not (effects and stage is Stage.SENT)
        if step.again:
            assert step.wait <= LONGEST_ASKED + LONGEST_WAIT
        tried.append(step.at)
        at, elapsed = step.at, elapsed + step.wait
        assert len(tried) <= targets + retries, number
    assert sorted(set(tried)) == list(range(len(set(tried))))
