"""What a client of Bedrock understands: read by botocore's own parsers, made from the service's model, and told in Anthropic's words, which
Converse shares but for a few."""

import json
from typing import Any

import botocore.session
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import EventStreamJSONParser, RestJSONParser
from tests.conformance.replay.answer import Answer, ToolCall, arguments_of

_MODEL: Any = botocore.session.get_session().get_service_model("bedrock-runtime")
_CONVERSE: Any = _MODEL.operation_model("Converse").output_shape
_EVENTS: Any = _MODEL.operation_model("ConverseStream").output_shape.members["stream"]
_STOPS = {"guardrail_intervened": "refusal", "content_filtered": "refusal"}
_USAGE = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheWriteInputTokens": "cache_creation_input_tokens",
}


def read_whole(status: int, body: bytes) -> Answer:
    if status != 200:
        parsed = RestJSONParser().parse({"status_code": status, "headers": {}, "body": body}, _CONVERSE)
        error = parsed["Error"]
        answer = Answer(status=status, error={"message": error["Message"], "type": error["Code"]})
        if not error["Code"].endswith("Exception"):
            answer.flaws.append(f"the error has no exception's name: {body[:200]!r}")
        return answer
    parsed = RestJSONParser().parse({"status_code": status, "headers": {}, "body": body}, _CONVERSE)
    answer = Answer(status=status)
    message = parsed["output"]["message"]
    if message["role"] != "assistant":
        answer.flaws.append(f"role {message['role']}")
    for block in message["content"]:
        _block(answer, block)
    _end(answer, parsed)
    return answer


def _block(answer: Answer, block: dict[str, Any]) -> None:
    if len(block) != 1:
        answer.flaws.append(f"a block is not of one kind: {block}")
    answer.text += block.get("text", "") + "".join(part.get("text", "") for part in block.get("citationsContent", {}).get("content", []))
    answer.reasoning += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
    use = block.get("toolUse")
    if use is not None and use.get("type") != "server_tool_use":
        answer.calls.append(ToolCall(use["toolUseId"], use["name"], use["input"]))
    if "SDK_UNKNOWN_MEMBER" in block:
        answer.flaws.append(f"a block that AWS does not know: {block}")


def _end(answer: Answer, parsed: dict[str, Any]) -> None:
    stop, usage = parsed.get("stopReason"), parsed.get("usage", {})
    answer.finish = _STOPS.get(str(stop), stop)
    answer.usage = {theirs: usage[ours] for ours, theirs in _USAGE.items() if ours in usage}
    if usage and usage["totalTokens"] != sum(answer.usage.values()):
        answer.flaws.append(f"the total is not the sum: {usage}")
    if "latencyMs" not in parsed.get("metrics", {}):
        answer.flaws.append("no metrics")


def read_stream(body: bytes) -> Answer:
    """Each block starts, goes on and stops before the next; `messageStop` and `metadata` come last, once."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    answer = Answer(status=200)
    order: list[str] = []
    inputs: dict[int, str] = {}
    uses: dict[int, dict[str, Any]] = {}
    closed: list[int] = []
    for message in buffer:
        raw = message.to_response_dict()
        if raw["status_code"] != 200:
            answer.error = json.loads(raw["body"])
            return answer
        parsed: Any = EventStreamJSONParser().parse(raw, _EVENTS)
        ((name, told),) = parsed.items()
        order.append(name)
        at: int = told.get("contentBlockIndex", -1)
        if at >= 0 and at != len(closed):
            answer.flaws.append(f"{name} of block {at} after {closed}")
        if name == "contentBlockStart" and "toolUse" in told["start"]:
            uses[at] = told["start"]["toolUse"]
        elif name == "contentBlockDelta":
            delta = told["delta"]
            answer.text += delta.get("text", "")
            answer.reasoning += delta.get("reasoningContent", {}).get("text", "")
            if "toolUse" in delta:
                inputs[at] = inputs.get(at, "") + delta["toolUse"]["input"]
        elif name == "contentBlockStop":
            closed.append(at)
        elif name in ("messageStop", "metadata"):
            answer.finish = _STOPS.get(told.get("stopReason", answer.finish), told.get("stopReason", answer.finish))
            if name == "metadata":
                _end(answer, {**told, "stopReason": answer.finish})
        elif name == "SDK_UNKNOWN_MEMBER":
            answer.flaws.append(f"an event that AWS does not know: {told}")
    for at, use in uses.items():
        if use.get("type") != "server_tool_use":
            answer.calls.append(ToolCall(use["toolUseId"], use["name"], arguments_of(inputs.get(at, ""))))
    if order[:1] != ["messageStart"] or order[-2:] != ["messageStop", "metadata"] or order.count("messageStart") != 1:
        answer.flaws.append(f"the order of events: {order[:2]} ... {order[-3:]}")
    return answer
