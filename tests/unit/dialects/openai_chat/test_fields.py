import pytest

from tidegate.dialects.openai_chat.fields import parse, take_cache
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject


@pytest.mark.parametrize("body", [b"", b"{", b'"\xff"', b'"\\ud800"', b"[" * 5000 + b"]" * 5000, b"NaN", b"{}x"])
def test_parse_raises_one_kind_of_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(body)


def test_only_ephemeral_marks_are_taken() -> None:
    raw: JsonObject = {"cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "x"}}
    assert take_cache(raw) == CacheMark("1h", {"scope": "x"})
    assert raw == {}
    other: JsonObject = {"cache_control": {"type": "forever"}}
    assert take_cache(other) is None
    assert other == {"cache_control": {"type": "forever"}}
