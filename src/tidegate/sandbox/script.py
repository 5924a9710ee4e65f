"""What a prompt can order: the JSON object in the last user message that says how the sandbox answers, and how it fails.

Two forms are found anywhere in the text: `{"sandbox": {...}}`, where an unknown field is refused, and the bare object, which counts only
if it begins with one of its own field names and knows all the others. `docs/sandbox.md` describes every field. Pure; called by `engine`.
"""

import json
import re
from itertools import islice
from typing import Annotated, Any, TypeAlias, cast

import msgspec

from tidegate.sandbox.values import Json, Obj, objects, text_of

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Millis: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=3_600_000)]
# msgspec cannot be told of a recursive alias, so this is an object of any JSON values.
Free: TypeAlias = dict[str, Any]
CUTS = frozenset({"rst", "fin", "stall", "garbage", "garbage_wire"})
QUIRKS = frozenset({"dup_done", "no_usage", "zero_usage"})


class ScriptError(ValueError):
    """The script has an unknown field or a value of the wrong type; the message names it."""


class ScriptedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tool call to make. `arguments` is an object, or a string that is sent as it is (so it may be invalid JSON)."""

    name: str
    arguments: Free | str = {}
    id: str | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The orders for one answer. Times are in milliseconds, counts in the sandbox's tokens (one token is one delta)."""

    n: Count | None = None
    text: str | None = None
    seed: int = 0
    reasoning: Count | None = None
    reasoning_text: str | None = None
    redacted: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0
    reasoning_field: str = "reasoning_content"
    tool_calls: list[ScriptedCall] = []
    interleave: bool = False
    refusal: bool | str = False
    stop: str | None = None
    header_delay_ms: Millis = 0
    ttft_ms: Millis = 0
    gap_ms: Millis = 0
    stall_ms: Millis = 60_000
    chunk: Annotated[int, msgspec.Meta(ge=1)] | None = None
    pings: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    mode: str | None = None
    die_at: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    retry_after: float | str | None = None
    body: Free | str | None = None
    headers: dict[str, str] = {}
    error_in_stream: bool | str | Free = False
    times: Annotated[int, msgspec.Meta(ge=0)] | None = None
    input_tokens: Count | None = None
    cached: Count = 0
    cache_write: Count = 0
    usage: Free = {}
    usage_start: Free = {}
    web_search: str | None = None
    lenient: bool = False
    by_target: dict[str, "Script"] = {}
    then: "Script | None" = None

    @property
    def failure(self) -> int | None:
        """The HTTP status to answer with instead of an answer, or None."""
        if self.status is not None and self.status >= 300:
            return self.status
        word = (self.mode or "").partition("+")[0]
        return int(word) if word.isdigit() else None

    @property
    def cut(self) -> str | None:
        """How the answer is broken off (one of `CUTS`), or None."""
        return self.mode if self.mode in CUTS else None

    def without_faults(self) -> "Script":
        """The same answer, delivered properly."""
        return msgspec.structs.replace(self, mode=None, status=None, error_in_stream=False, body=None, die_at=None)


PLAIN = Script()
_FIELDS = frozenset(Script.__struct_fields__)
_START = re.compile(r'\{\s*"(?:sandbox|' + "|".join(sorted(_FIELDS)) + r')"\s*:')
# These are common in ordinary JSON, so an object that has nothing else is the user's own and no bare script.
_COMMON = frozenset({"text", "stop", "status", "headers", "body", "usage", "then", "input_tokens", "seed"})
_json = json.JSONDecoder()


def find(text: str) -> Script | None:
    """The first script in the text. Raises `ScriptError` if it stands there but cannot be followed."""
    for start in islice(_START.finditer(text), 64):
        try:
            value, _ = cast("tuple[Json, int]", _json.raw_decode(text, start.start()))
        except (ValueError, RecursionError):
            continue
        if not isinstance(value, dict):
            continue
        named = value.get("sandbox")
        if isinstance(named, dict):
            return _parsed(named)
        if value.keys() <= _FIELDS and not value.keys() <= _COMMON:
            return _parsed(value)
    return None


def order(messages: Json) -> Script:
    """The script that a conversation asks for now. After tool results without a script of their own it is the `then` of the script
    that called the tools, one `then` per round."""
    rounds = 0
    tools_answered = False
    for message in reversed(objects(messages)):
        role = message.get("role")
        if role == "assistant":
            if not tools_answered:
                return PLAIN
            rounds += 1
            continue
        if role not in {"user", "tool"}:
            continue
        content = message.get("content")
        found = find(text_of(content))
        if found is not None:
            return _later(found, rounds)
        is_result = role == "tool" or any(part.get("type") == "tool_result" for part in objects(content))
        if rounds and not is_result:
            return PLAIN
        tools_answered = tools_answered or is_result
    return PLAIN


def for_target(script: Script, *names: str) -> Script:
    """The part of the script that is meant for the model, or the path prefix, of this attempt."""
    for name in names:
        chosen = script.by_target.get(name)
        if chosen is not None:
            return chosen
    return script


def _later(script: Script, rounds: int) -> Script:
    for _ in range(rounds):
        if script.then is None:
            return PLAIN
        script = script.then
    return script


def _parsed(value: Obj) -> Script:
    try:
        script = msgspec.convert(value, Script)
    except msgspec.ValidationError as error:
        raise ScriptError(f"sandbox script: {error}") from None
    _check_mode(script)
    return script


def _check_mode(script: Script) -> None:
    mode = script.mode
    if mode is not None and mode not in CUTS | QUIRKS:
        word, plus, rest = mode.partition("+")
        if not (word.isdigit() and 300 <= int(word) <= 599 and (not plus or rest == "retry_after")):
            raise ScriptError(
                f"sandbox script: unknown mode {mode!r}: one of {', '.join(sorted(CUTS | QUIRKS))}, a status, or 429+retry_after"
            )
    for later in (*script.by_target.values(), *((script.then,) if script.then else ())):
        _check_mode(later)
