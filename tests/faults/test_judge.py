"""The judge of the drills finds each breach that it is there for, and nothing where all is well."""

import time
from typing import Any

import msgspec
import pytest
from tests.conformance.replay.answer import Answer
from tests.faults.rig.calls import Call, Transcript
from tests.faults.rig.judge import judge
from tests.faults.rig.judging.books import capped, row_costs
from tests.faults.rig.judging.heard import back_after, recovered, refused

SECRET = "a-secret-of-the-provider"


def heard(number: int = 1000, **more: Any) -> Transcript:
    words = f" call{number}"
    whole = Transcript(
        call=Call(number),
        key="key-a",
        began=5.0,
        status=200,
        headers={"x-request-id": f"req{number}"},
        body=f'{{"content": "{words}"}}'.encode(),
        end="complete",
        answer=Answer(status=200, text=words, finish="stop"),
    )
    return msgspec.structs.replace(whole, **more)


def sent(number: int = 1000, **more: Any) -> dict[str, Any]:
    return {"input_tokens": number, "tokens": 1, "end": "complete", "sent_bytes": 100, **more}


def booked(number: int = 1000, **more: Any) -> dict[str, Any]:
    row = {"request_id": f"req{number}", "attempt": 1, "entry": "settled", "key": "a", "at": number, "cost_nano": 7}
    return {**row, "usage": {"input": number, "output": 1}, "estimated": None, "upstream_status": 200, **more}


def broken(number: int, text: str, **more: Any) -> Transcript:
    return heard(number, answer=Answer(status=200, text=text, **more))


def breaches(transcripts: list[Transcript], truth: list[Any], rows: list[Any], **more: Any) -> list[str]:
    return judge(transcripts, truth, rows, **more).breaches


def test_calls_that_are_well_are_counted() -> None:
    found = judge([heard(), heard(1001, key="key-b")], [sent(), sent(1001)], [booked(), booked(1001, key="b")], secrets=[SECRET])
    assert found.breaches == []
    assert found.figures == {"calls": 2, "answered": 2, "attempts": 2, "rows": 2, "unknown": 0}


ERROR = {"message": "it broke"}
FOUND: dict[str, tuple[str, list[Transcript], list[Any], list[Any], dict[str, Any]]] = {
    "tokens that are not in the ledger": ("1000: I1", [heard()], [sent(tokens=5)], [booked()], {}),
    "a row that is there twice": ("I2", [heard()], [sent()], [booked(), booked()], {}),
    "an attempt without a row": ("1000: I3", [heard()], [sent(), sent(status=500, end="error")], [booked()], {}),
    "an answer of nobody": ("1000: I6", [heard()], [sent()], [booked()], {"texts": {1000: ("another",)}}),
    "two beginnings": ("1000: I6", [broken(1000, "one two", error=ERROR)], [sent()], [booked()], {"texts": {1000: ("one", "two")}}),
    "a forged stop": (
        "1000: I7",
        [broken(1000, "one", error=ERROR, finish="stop")],
        [sent()],
        [booked()],
        {"texts": {1000: ("one two",)}},
    ),
    "no end": ("1000: I7", [heard(end="cut", answer=None)], [sent()], [booked()], {}),
    "a broken grammar": ("1000: I7", [broken(1000, "one", flaws=["two ends"])], [sent()], [booked()], {}),
    "words of another call": ("1000: I8", [heard(body=b'" call1000"," call1001"')], [sent()], [booked()], {}),
    "one key for two credentials": (
        "1001: I8",
        [heard(), heard(1001, key="key-b")],
        [sent(), sent(1001)],
        [booked(), booked(1001)],
        {},
    ),
    "two keys for one credential": ("1001: I8", [heard(), heard(1001)], [sent(), sent(1001)], [booked(), booked(1001, key="b")], {}),
    "the client's own key in its answer": ("1000: I10", [heard(body=b"who has key-a")], [sent()], [booked()], {}),
    "a provider's key in a header": ("1000: I10", [heard(headers={"x-request-id": "req1000", "x": SECRET})], [sent()], [booked()], {}),
}


@pytest.mark.parametrize("what", FOUND)
def test_a_breach_is_named_with_its_call(what: str) -> None:
    begin, transcripts, truth, rows, more = FOUND[what]
    found = breaches(transcripts, truth, rows, secrets=[SECRET], **more)
    assert len(found) == 1, found
    assert found[0].startswith(begin)


def test_a_word_that_is_cut_off_is_nobody_elses() -> None:
    assert not breaches([heard(10001, body=b" call10001 call1000", end="left", answer=None)], [sent(10001)], [booked(10001)])


def test_a_budget_that_is_passed_names_the_call() -> None:
    rows = [booked(1002, cost_nano=5), booked(1000, cost_nano=4), booked(1001, cost_nano=None)]
    assert capped(row_costs(rows), 9) == []
    assert capped(row_costs(rows), 8, lacking=1) == []
    assert [flaw.partition(": ")[0] for flaw in capped(row_costs(rows), 8)] == ["req1002"]


def test_a_revoked_key_that_is_taken_too_late_is_a_breach() -> None:
    calls = [
        heard(1000, began=4.0),
        heard(1001, began=11.9),
        heard(1002, began=12.1, status=401),
        heard(1003, began=12.2, key="key-b"),
    ]
    assert refused(calls, "key-a", 10.0, 2.0) == []
    assert [flaw[:8] for flaw in refused([*calls, heard(1004, began=12.1), heard(1005, began=30, status=503)], "key-a", 10.0, 2.0)] == [
        "1004: I9",
        "1005: I9",
    ]


def test_who_is_answered_soon_after_a_fault_has_recovered() -> None:
    calls = [heard(1000, began=9.0, status=503), heard(1001, began=11.0, status=503), heard(1002, began=14.0), heard(1003, began=90.0)]
    assert back_after(calls, 10.0) == pytest.approx(4.0)
    assert recovered(calls, 10.0) == []
    assert [flaw[:9] for flaw in recovered(calls, 10.0, within=3.0)] == ["1001: I12"]
    assert [flaw[:9] for flaw in recovered([*calls, heard(1004, began=91.0, answer=None)], 10.0)] == ["1004: I12"]
    assert recovered([*calls, heard(1005, began=95.0, status=429)], 10.0, is_well=lambda one: one.is_well or one.refused) == []


def test_who_asks_nobody_after_a_fault_has_proved_nothing() -> None:
    assert [flaw[:3] for flaw in recovered([heard(began=time.monotonic())], time.monotonic() + 60)] == ["I12"]
