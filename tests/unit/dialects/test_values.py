import pytest

from tidegate.dialects.values import object_of, parse, parse_answer

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":[1,"b\\u00e9"]}', {"a": [1, "bé"]}),
        (b'["a\\ud83d","\\ude00b","\\ud83d\\ude00","\\\\ud83d"]', ["a\ufffd", "\ufffdb", "😀", "\\ud83d"]),
        (b'{"\\ud83d":1}', {"\ufffd": 1}),
        (b"[NaN,-Infinity,Infinity,1e400]", [None, None, None, float("inf")]),
        (b'"a\xff"', "a\ufffd"),
        (b'"a\tb"', "a\tb"),
        (b"\xef\xbb\xbf{}", {}),
    ],
)
def test_what_providers_write(body: bytes, value: object) -> None:
    assert parse_answer(body) == value


@pytest.mark.parametrize("body", [b"", b'{"a":', b"{} x", b"nothing", b"{'a':1}", DEEP, DEEP + b"\xff"])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_answer(body)
    assert object_of(body) == {}


@pytest.mark.parametrize("body", [b"[NaN]", b'"\\ud83d"', b'"a\xff"', b'"a\tb"', b"\xef\xbb\xbf{}"])
def test_requests_must_be_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(body)
