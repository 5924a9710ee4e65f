import pytest
from tests.unit.dialects.openai_chat.samples import decoded

from tidegate.dialects.asked import Asked, unwrapped
from tidegate.dialects.names import shortened
from tidegate.ir.content import ToolUse

FUNCTION = {"type": "function", "function": {"name": "a.b"}}
CUSTOM = {"type": "custom", "custom": {"name": "free"}}


def test_what_the_client_asked_with() -> None:
    asked = Asked(decoded(tools=[FUNCTION, CUSTOM]))
    assert asked.name(ToolUse("i", shortened("a.b"), "")) == "a.b"
    assert asked.name(ToolUse("i", "other", "")) == "other"
    assert asked.wrapped(ToolUse("i", "free", ""))
    assert not asked.wrapped(ToolUse("i", "free", "", "custom"))
    assert not asked.wrapped(ToolUse("i", "a.b", ""))
    assert not asked.legacy


def test_functions_are_the_older_way() -> None:
    assert Asked(decoded(functions=[{"name": "f"}])).legacy
    assert not Asked(decoded(functions=[{"name": "f"}], tools=[CUSTOM])).legacy
    assert not Asked(decoded()).legacy


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": "a\\n\\"b\\""}', 'a\n"b"'),
        ('{"input": 3}', '{"input": 3}'),
        ('{"input": "a", "more": 1}', '{"input": "a", "more": 1}'),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_unwrapped(arguments: str, text: str) -> None:
    assert unwrapped(arguments) == text
