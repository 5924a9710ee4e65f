"""The record: what is sent with every call, and what is not."""

from tidegate.dialects.anthropic import DIALECT


def test_the_record() -> None:
    assert (DIALECT.name, DIALECT.path) == ("anthropic", "/v1/messages")
    assert DIALECT.headers == {"anthropic-version": "2023-06-01"}
    assert DIALECT.forward == {"anthropic-beta", "anthropic-version"}
    assert DIALECT.usage_fields(None) == DIALECT.usage_fields(b'{"include_usage":false}') == {}
