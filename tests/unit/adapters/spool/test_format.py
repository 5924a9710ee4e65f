import random

from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.adapters.spool import format as form

PAYLOADS = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=80)), max_size=8)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_header_comes_back(first: int, synced: int, created: int) -> None:
    packed = form.pack_header(first, synced, created)
    assert len(packed) == form.HEADER_SIZE == 64
    assert form.read_header(packed + b"more") == (form.FORMAT, first, synced, created)


@given(st.integers(0, 63), st.integers(1, 255))
def test_no_byte_of_a_header_may_change(place: int, change: int) -> None:
    packed = bytearray(form.pack_header(7, 6, 9))
    packed[place] ^= change
    assert form.read_header(bytes(packed)) is None


@given(PAYLOADS)
def test_records_come_back_in_their_order(rows: list[tuple[int, int, bytes]]) -> None:
    packed = b"".join(form.pack_record(seq, kind, version, payload) for seq, (kind, version, payload) in enumerate(rows))
    found, offset = [], 0
    while (record := form.read_record(packed, offset)) is not None:
        found.append((record.kind, record.version, record.payload))
        assert record.seq == len(found) - 1
        offset += record.size
    assert found == rows
    assert offset == len(packed)
    assert [record.payload for record in form.salvage(packed, 0)] == [payload for _kind, _version, payload in rows]


@given(st.binary(max_size=60), st.data())
def test_no_byte_of_a_record_may_change_or_lack(payload: bytes, data: st.DataObject) -> None:
    packed = form.pack_record(5, form.EVENT, 1, payload)
    place = data.draw(st.integers(0, len(packed) - 1))
    harmed = bytearray(packed)
    harmed[place] ^= data.draw(st.integers(1, 255))
    assert form.read_record(bytes(harmed), 0) is None
    assert form.read_record(packed[:place], 0) is None


@given(st.binary(max_size=300), st.integers(0, 300))
@example(form.MARKER * 60, 0)
@example(b"\0" * 200, 3)
def test_any_bytes_are_read_without_harm(data: bytes, offset: int) -> None:
    assert form.read_header(data) is None
    record = form.read_record(data, offset)
    assert record is None or record.size <= len(data) - offset
    assert all(found.size <= len(data) for found in form.salvage(data, 0))


def test_what_lies_behind_harm_is_found() -> None:
    good = form.pack_record(1, 1, 1, b"one"), form.pack_record(2, 1, 1, b"two"), form.pack_record(3, 1, 1, b"three")
    harmed = bytearray(good[1])
    harmed[-1] ^= 1
    found = form.salvage(b"\0\0" + good[0] + bytes(harmed) + b"\xff" * 9 + good[2] + b"\0\0", 0)
    assert [record.payload for record in found] == [b"one", b"three"]


def test_heads_that_lie_about_long_records_cost_little() -> None:
    lie = form.pack_record(1, 1, 1, bytes(form.MAX_PAYLOAD - 1))[: form.RECORD_HEAD]
    data = lie * 100_000
    assert list(form.salvage(data, 0)) == []


def test_a_record_longer_than_any_is_none() -> None:
    packed = form.pack_record(1, 1, 1, random.Random(1).randbytes(form.MAX_PAYLOAD + 1))
    assert form.read_record(packed, 0) is None
    assert form.read_record(form.pack_record(1, 1, 1, bytes(form.MAX_PAYLOAD)), 0) is not None
