"""What Gemini signs goes through clients of other dialects and back, and only there; what others sign through Gemini's clients."""

import base64
import json
from typing import Any

from tests.laws.recorded import profile

from tidegate.dialects.base import Stamp
from tidegate.dialects.choose import carries_foreign
from tidegate.dialects.gemini.signs import SKIP
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin
from tidegate.ir.request import Request

GEMINI, OPENAI, ANTHROPIC = DIALECTS["gemini"], DIALECTS["openai_chat"], DIALECTS["anthropic"]
HERE = Origin("gemini", "p", "target-model")
STAMP = Stamp("0stem0", 1)
SIGNATURE = "c2lnbmVkIGhlcmU="
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}]


def asked(dialect: str, **body: Any) -> Request:
    return DIALECTS[dialect].decode_request(json.dumps(body).encode())


def answer(*parts: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    return json.dumps({"candidates": [candidate], "responseId": "r1", "modelVersion": "m"}).encode()


def sent(request: Request, **capabilities: Any) -> dict[str, Any]:
    return json.loads(GEMINI.encode_request(request, profile(**capabilities)).body)


def test_a_signed_tool_loop_through_an_openai_client() -> None:
    plain = asked("openai_chat", model="m", messages=[{"role": "user", "content": "x"}])
    parts = ({"text": "Hm.", "thought": True}, {"functionCall": {"name": "f", "args": {"a": "b"}}, "thoughtSignature": SIGNATURE})
    response = GEMINI.decode_response(answer(*parts), HERE)
    message = json.loads(OPENAI.encode_response(response, STAMP, plain).body)["choices"][0]["message"]
    call = message["tool_calls"][0]
    assert call["extra_content"] == {"google": {"thought_signature": SIGNATURE}}
    assert call["id"] == "call_r1_0"
    turns = [{"role": "user", "content": "x"}, message, {"role": "tool", "tool_call_id": call["id"], "content": "done"}]
    contents = sent(asked("openai_chat", model="m", tools=TOOLS, messages=turns), signed_calls=True)["contents"]
    assert contents[1]["parts"][-1] == {
        "functionCall": {"id": "call_r1_0", "name": "f", "args": {"a": "b"}},
        "thoughtSignature": SIGNATURE,
    }
    assert contents[2]["parts"] == [{"functionResponse": {"id": "call_r1_0", "name": "f", "response": {"output": "done"}}}]


def test_the_signature_of_a_text_comes_back_to_it() -> None:
    plain = asked("openai_chat", model="m", messages=[{"role": "user", "content": "x"}])
    response = GEMINI.decode_response(answer({"text": "Yes.", "thoughtSignature": SIGNATURE}), HERE)
    message = json.loads(OPENAI.encode_response(response, STAMP, plain).body)["choices"][0]["message"]
    assert message["content"] == "Yes."
    turns = [{"role": "user", "content": "x"}, message, {"role": "user", "content": "y"}]
    assert sent(asked("openai_chat", model="m", messages=turns))["contents"][1]["parts"] == [
        {"text": "Yes.", "thoughtSignature": SIGNATURE}
    ]


def test_a_call_of_another_model_has_googles_word() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]
    request = asked("openai_chat", model="m", tools=TOOLS, messages=turns)
    parts = sent(request, signed_calls=True)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [SKIP, None]
    assert not any("thoughtSignature" in part for part in sent(request)["contents"][1]["parts"])
    base64.b64decode(SKIP, altchars=b"-_", validate=True)


def test_what_claude_signs_goes_through_a_gemini_client_and_never_to_google() -> None:
    plain = asked("gemini", contents=[{"parts": [{"text": "x"}]}])
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "claude-signature"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}},
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": content,
        "stop_reason": "tool_use",
        "usage": usage,
    }
    response = ANTHROPIC.decode_response(json.dumps(body).encode(), Origin("anthropic", "p", "target-model"))
    written = json.loads(GEMINI.encode_response(response, STAMP, plain).body)["candidates"][0]
    assert written["finishReason"] == "STOP"
    for part in written["content"]["parts"][:2]:
        base64.b64decode(part["thoughtSignature"], validate=True)
    turns = [
        {"role": "user", "parts": [{"text": "x"}]},
        written["content"],
        {"role": "user", "parts": [{"functionResponse": {"id": "toolu_1", "name": "f", "response": {"output": "done"}}}]},
    ]
    again = {"contents": turns, "tools": [{"functionDeclarations": [{"name": "f"}]}], "generationConfig": {"maxOutputTokens": 9}}
    raw = json.dumps(again).encode()
    assert carries_foreign(raw)
    request = GEMINI.decode_request(raw)
    back = json.loads(ANTHROPIC.encode_request(request, profile(thinking="budget")).body)
    assert back["messages"][1]["content"] == content
    own = GEMINI.encode_request(request, profile())
    assert b"claude-signature" not in own.body
    assert {loss.reason for loss in own.losses} == {"reasoning goes back only to where it was made"}
