import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.adapters.values import EVENT

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool import rows
from tidegate.ir.json import Json
from tidegate.policy.price import Line
from tidegate.ports import NO_LINES, UsageEvent

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def told(event: UsageEvent) -> dict[str, object]:
    return msgspec.structs.asdict(event)


def read(payload: bytes) -> tuple[dict[str, object], bool]:
    event, is_strange = rows.decode(payload)
    assert isinstance(event, UsageEvent)
    return told(event), is_strange


def changed(**changes: object) -> UsageEvent:
    return msgspec.structs.replace(EVENT, **changes)


@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.lists(TEXTS, max_size=3), st.integers(0, 2**63 - 1) | st.none())
def test_an_event_comes_back(usage: dict[str, Json], tags: list[str], cost: int | None) -> None:
    event = changed(usage=usage, tags=tags, cost_nano=cost)
    payload = rows.encode(event)
    assert read(payload) == (told(event), False)
    assert json.loads(payload) == msgspec.to_builtins(event)


def test_texts_that_no_json_can_hold_are_mended_and_the_money_stays() -> None:
    event = changed(route="a\ud800b", usage={"\udfff": 3, "deep": [{"x": object()}]}, cost_nano=12, lines=(Line("input", 3, 4, 12),))
    found, _ = rows.decode(rows.encode(event))
    assert (found.route, found.cost_nano) == ("a?b", 12)
    assert found.lines == msgspec.Raw(b'[{"kind":"input","count":3,"price":4,"nano":12}]')
    assert found.usage is not None
    assert found.usage["?"] == 3


def test_bodies_go_first_when_a_row_is_too_long() -> None:
    event = changed(request_body="x" * form.MAX_PAYLOAD, response_body="y", receipt=[{"kind": "dropped"}])
    assert read(rows.encode(event))[0] == told(changed(request_body=None, response_body=None, receipt=[{"kind": "dropped"}]))


def test_lists_and_texts_are_cut_and_the_money_stays() -> None:
    event = changed(
        receipt=[{"field": "x" * 1000}] * 2000,
        tags=["t" * 10_000] * 1000,
        error="e" * form.MAX_PAYLOAD,
        usage={"x" * 1000 + str(number): number for number in range(2000)},
        lines=[{"kind": "z" * 10_000}] * 300,
        cost_nano=12,
    )
    payload = rows.encode(event)
    assert len(payload) <= form.MAX_PAYLOAD
    found, _ = rows.decode(payload)
    assert (found.request_id, found.cost_nano, found.usage, found.lines) == ("req_1", 12, None, NO_LINES)
    assert found.receipt == [{"kind": "dropped", "field": "receipt", "reason": "2000 entries did not fit"}]


def test_fields_of_another_version_are_told() -> None:
    fields = msgspec.to_builtins(EVENT)
    assert read(msgspec.json.encode({**fields, "colour": "blue"})) == (told(EVENT), True)
    assert read(msgspec.json.encode({**fields, "entry": "settled", "lines": [], "org": "default"})) == (told(EVENT), False)
    assert read(msgspec.json.encode({**fields, "attempt": "2"})) == ({**told(EVENT), "attempt": "2"}, False)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b"{", b'{"request_id": "x"}', b"\xff\xfe", b"[" * 5000, rows.encode(changed(lines=["?"])).replace(b"?", b"\xff")],
)
def test_what_is_no_row_is_said_to_be_none(payload: bytes) -> None:
    with pytest.raises(rows.Unreadable):
        rows.decode(payload)


@given(st.binary(max_size=200))
def test_any_payload_is_a_row_or_none(payload: bytes) -> None:
    with pytest.raises(rows.Unreadable):
        rows.decode(payload)
