import pytest

from tidegate.dialects.terms import block_path, message_path, term
from tidegate.ir.content import Text, ToolUse
from tidegate.ir.request import Message, Request


def _request(dialect: str, *, instructions: bool = False) -> Request:
    messages = [Message("system", [Text("s")]), Message("assistant", [Text("a"), ToolUse("i", "f", "{}")])]
    return Request(dialect=dialect, model="m", messages=messages, instructions=instructions)


@pytest.mark.parametrize(
    ("request_", "first", "second", "text", "call"),
    [
        (_request("openai_chat"), "messages[0]", "messages[1]", "messages[0].content[0]", "messages[1].tool_calls[0]"),
        (_request("anthropic"), "system", "messages[0]", "system[0]", "messages[0].content[1]"),
        (_request("openai_responses"), "input[0]", "input[1]", "input[0].content[0]", "input[1]"),
        (_request("openai_responses", instructions=True), "instructions", "input[0]", "instructions", "input[0]"),
        (_request("unheard_of"), "messages[0]", "messages[1]", "messages[0].content[0]", "messages[1].content[1]"),
    ],
)
def test_places_in_the_clients_terms(request_: Request, first: str, second: str, text: str, call: str) -> None:
    assert (message_path(request_, 0), message_path(request_, 1)) == (first, second)
    assert (block_path(request_, 0, 0), block_path(request_, 1, 1)) == (text, call)


def test_names_in_the_clients_terms() -> None:
    assert term(_request("openai_responses"), "effort") == "reasoning.effort"
    assert term(_request("anthropic"), "stop") == "stop_sequences"
    assert term(_request("openai_chat"), "stop") == "stop"
    assert term(_request("unheard_of"), "output") == "output"
