import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.splice import Fields, JsonError, read, scan, splice

BODY = b' { "model" : "a" , "n":1,"messages":[{"model":"x"}] } '


def test_fields_are_found_with_their_bytes() -> None:
    fields = scan(BODY)
    assert [(name, fields.get(name)) for name in fields.spans] == [("model", b'"a"'), ("n", b"1"), ("messages", b'[{"model":"x"}]')]
    assert fields.get("gone") is None


@pytest.mark.parametrize(
    ("set_fields", "rename", "drop", "out"),
    [
        ({"model": b'"b"'}, {}, (), b' { "model" : "b" , "n":1,"messages":[{"model":"x"}] } '),
        ({"model": b'"a"'}, {}, (), BODY),
        ({"new": b"2"}, {}, (), b' { "model" : "a" , "n":1,"messages":[{"model":"x"}] ,"new":2} '),
        ({}, {"n": "m"}, (), b' { "model" : "a" , "m":1,"messages":[{"model":"x"}] } '),
        ({}, {"n": "model"}, (), BODY),
        ({}, {}, ("gone",), BODY),
        ({"n": b"3"}, {}, ("n",), b' { "model" : "a","messages":[{"model":"x"}] ,"n":3} '),
    ],
)
def test_every_other_byte_stays(set_fields: dict[str, bytes], rename: dict[str, str], drop: tuple[str, ...], out: bytes) -> None:
    assert splice(scan(BODY), set_fields, rename=rename, drop=drop) == out


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a":1,"a":2}', "'a' stands twice"),
        (b'{"a":1,"b":0,"a":1}', "'a' stands twice"),
        (b'{"a":1,"\\u0061":1}', "'a' stands twice"),
        (b"[]", "must be a JSON object"),
        (b"", "invalid JSON"),
        (b'{"a":}', "invalid JSON"),
        (b'{"a":1}x', "invalid JSON"),
        (b'{"a":"x\\ud83d"}', r"`\\ud83d` is half of a surrogate pair.*byte 7"),
        (b'{"a":"\\ud83d\\ude00\\ude00"}', r"`\\ude00` is half of a surrogate pair.*byte 18"),
        (b'{"a":"\\\\ud83d"', "truncated"),
        (b'{"a":"\xff"}', "invalid UTF-8 at byte 6"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_bodies_that_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(JsonError, match=message):
        scan(body)


def test_where_a_body_is_wrong_is_told() -> None:
    with pytest.raises(JsonError) as raised:
        scan(b'{"a":\xff}')
    assert raised.value.offset == 5
    with pytest.raises(JsonError) as twice:
        scan(b'{"a":1,"a":2}')
    assert twice.value.name == "a"


NAMES = st.sampled_from(["a", "b", "ü", 'q"', "\\", "a\n"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2)
)


@given(
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sets(NAMES, max_size=3),
    st.sampled_from([None, 1, "\t"]),
)
def test_splicing_is_setting_and_dropping(
    body: dict[str, object], set_fields: dict[str, object], drop: set[str], indent: int | str | None
) -> None:
    fields: Fields = scan(json.dumps(body, indent=indent, ensure_ascii=indent is None).encode())
    out = splice(fields, {name: json.dumps(value).encode() for name, value in set_fields.items()}, drop=drop)
    kept = {name: value for name, value in body.items() if name not in drop}
    assert json.loads(out) == {**kept, **set_fields}
    scan(out)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":{"b":1,"c":[{"d":1},{"d":2}]},"e":"\\"b\\":1"}',
        b'{ "a" : { "b" : 1.0 , "c" : "\\u00e9" } }',
        b'{"a":{"b":1e5},"n":-0.0}',
        b'{"text":"' + b"[{" * 500 + b'"}',
        b'{"a":' + b"[" * 63 + b"]" * 63 + b"}",
        b'{"list":[' + b"{}," * 500 + b"[]]}",
        b'{"list":[' + b"1," * 99_900 + b"1]}",
        b'{"text":"' + b',[\\",{' * 60_000 + b'"}',
    ],
    ids=range(8),
)
def test_bodies_that_can_be_read_in_one_way_only(body: bytes) -> None:
    read(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a":{"b":1,"b":1}}', "'b' stands twice"),
        (b'{"a":[0,{"c":{"x":1, "y":2, "x":3}}]}', "'x' stands twice"),
        (b'{"a":{"b":1,"\\u0062":2}}', "'b' stands twice"),
        (b'{"a":{"n":' + b"9" * 5000 + b"}}", "out of range"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "deeper than 64"),
        (b'{"a":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}", "deeper than 64"),
        (b'{"list":[' + b"1," * 100_100 + b"1]}", "more than 100000 values"),
        (b'{"list":[' + b'{"a":[]},' * 50_100 + b"1]}", "more than 100000 values"),
    ],
    ids=range(8),
)
def test_bodies_that_could_be_read_in_two_ways(body: bytes, words: str) -> None:
    with pytest.raises(JsonError, match=words):
        read(body)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=4),
        st.integers() | st.text(st.characters(codec="utf-8"), max_size=4) | st.lists(st.booleans(), max_size=3),
        min_size=1,
    )
)
def test_fields_stand_where_they_stand_with_and_without_blanks(value: dict[str, object]) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        for ascii_only in (True, False):
            body = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
            fields = scan(body)
            for name, span in fields.spans.items():
                assert json.loads(body[span.name : span.value].rstrip().removesuffix(b":").rstrip()) == name
                assert body[span.value : span.end] == fields.get(name)


@pytest.mark.parametrize("body", [b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"ab":1,"ab":"' + b"x" * 40 + b'"}'])
def test_a_name_twice_is_found_in_bare_bodies_too(body: bytes) -> None:
    with pytest.raises(JsonError, match="stands twice"):
        scan(body)
