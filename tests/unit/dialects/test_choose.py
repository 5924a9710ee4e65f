"""Identity where both sides speak one dialect and nothing of ours is in the body."""

import json

import pytest

from tidegate.dialects.choose import passes, spoken
from tidegate.dialects.signature import pack
from tidegate.ir.content import Origin


def test_equal_dialects_pass_bytes_through() -> None:
    assert passes("anthropic", "anthropic", b"{}")


def test_different_dialects_are_translated() -> None:
    assert not passes("openai_chat", "anthropic", b"{}")


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"signature": pack(Origin("openai_chat", "deepseek", "r1"), None)}),
        json.dumps({"format": "tidegate/v1"}),
        '{"format":"tidegate\\/v1"}',
    ],
)
def test_foreign_reasoning_is_taken_out_by_a_translation_within_the_dialect(body: str) -> None:
    assert not passes("anthropic", "anthropic", body.encode())


@pytest.mark.parametrize("body", ["{}", '{"format":"anthropic-claude-v1"}', '{"text":"I run tidegate and like it"}'])
def test_plain_bodies_are_not_foreign(body: str) -> None:
    assert passes("anthropic", "anthropic", body.encode())


@pytest.mark.parametrize(
    ("client", "provider", "model", "word"),
    [
        ("openai_responses", ("openai_chat", "openai_responses"), (), "openai_responses"),
        ("openai_chat", ("openai_chat", "openai_responses"), (), "openai_chat"),
        ("anthropic", ("openai_chat", "openai_responses"), (), "openai_chat"),
        ("openai_chat", ("openai_chat", "openai_responses"), ("openai_responses",), "openai_responses"),
        ("anthropic", ("openai_chat", "openai_responses"), ("openai_responses", "openai_chat"), "openai_responses"),
    ],
)
def test_a_target_is_called_in_the_clients_dialect_where_it_speaks_it(
    client: str, provider: tuple[str, ...], model: tuple[str, ...], word: str
) -> None:
    assert spoken(client, provider, model) == word
