"""What a client understood of an answer, whatever its dialect and whether it came whole or as a stream."""

import json
from typing import Any

import msgspec


class ToolCall(msgspec.Struct):
    """`arguments` is the decoded JSON, or the text where it is none."""

    id: str
    name: str
    arguments: Any


class Answer(msgspec.Struct, kw_only=True):
    """`usage` has the names of the client's dialect, flat. `error` is its error object. `flaws` are breaches of the dialect's grammar,
    found while reading."""

    status: int
    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: list[ToolCall] = []
    finish: str | None = None
    usage: dict[str, int] = {}
    error: dict[str, Any] | None = None
    flaws: list[str] = []

    def content(self) -> dict[str, Any]:
        """What must be the same however the answer travelled; ids that the gateway makes differ from call to call. Where a stream fails,
        how much came before depends on what had arrived: what was not yet sent is left out, and the error has its own HTTP status."""
        if self.error is not None:
            return {"error": self.error.get("message")}
        return {
            "text": self.text,
            "refusal": self.refusal,
            "reasoning": self.reasoning,
            "calls": [(call.name, call.arguments) for call in self.calls],
            "finish": self.finish,
        }


def arguments_of(text: str) -> Any:
    """A tool call's arguments as clients read them."""
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def counts(usage: Any, details: tuple[tuple[str, str], ...] = ()) -> dict[str, int]:
    """The whole numbers of a usage object, with those of `details` (object, name) under the name alone."""
    if not isinstance(usage, dict):
        return {}
    found = {name: value for name, value in usage.items() if isinstance(value, int) and not isinstance(value, bool)}
    for group, name in details:
        value = (usage.get(group) or {}).get(name)
        if isinstance(value, int):
            found[name] = value
    return found
