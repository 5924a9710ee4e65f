import json

import pytest

from tidegate.dialects.openai_chat import DIALECT


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (None, {"include_usage": True}),
        (b"null", {"include_usage": True}),
        (b"{}", {"include_usage": True}),
        (b'{"include_usage":false,"include_obfuscation":false}', {"include_usage": True, "include_obfuscation": False}),
        (b'{"include_usage":true}', None),
        (b"[]", None),
        (b"7", None),
        (b"{", None),
    ],
)
def test_usage_is_asked_for_where_the_client_did_not(options: bytes | None, sent: object) -> None:
    fields = DIALECT.usage_fields(options)
    assert {name: json.loads(value) for name, value in fields.items()} == ({} if sent is None else {"stream_options": sent})


def test_no_header_of_the_clients_own_account_is_forwarded() -> None:
    assert DIALECT.forward.isdisjoint({"authorization", "api-key", "x-api-key", "cookie", "openai-organization", "openai-project"})
    assert all(name == name.lower() for name in DIALECT.forward)


def test_the_path_is_under_the_base_url() -> None:
    assert (DIALECT.name, DIALECT.path) == ("openai_chat", "/chat/completions")
