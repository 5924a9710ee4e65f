"""What a route's choice may depend on: facts of one call, found only for routes that have something to choose by them.

Whether a call brings images, documents or sound is looked for in its bytes first; only where one of them may be there is it decoded, to be
sure.
"""

from collections.abc import Iterable, Mapping

from tidegate.ir.content import Audio, Block, Document, Image, ToolResult
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import Request
from tidegate.policy.limits.estimate import asked_output
from tidegate.policy.when import Ask, Facts
from tidegate.proxy.call import Call

GENERATIONS = frozenset(
    {
        *("chat_completions", "responses", "messages", "converse", "converse_stream", "invoke", "invoke_stream"),
        *("generate_content", "stream_content"),
    }
)
_SIGNS: Mapping[Ask, tuple[bytes, ...]] = {
    "tools": (b'"tools"', b'"functions"', b'"toolConfig"'),
    "structured": (b'"response_format"', b'"format"', b'"output_format"', b'"responseSchema"', b'"responseJsonSchema"', b'"outputConfig"'),
    "vision": (b'"image_url"', b'"input_image"', b'"image"', b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"'),
    "documents": (b'"document"', b'"file"', b'"input_file"', b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"'),
    "audio": (b'"input_audio"', b'"audio"', b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"'),
}
"""What stands in the bytes of any dialect that asks for it. A quote within a text is escaped there, so that texts about these are none."""
_BYTES_PER_TOKEN = 4
_SESSION_HEADER = b"x-tidegate-session"
_SESSION_FIELDS = ("prompt_cache_key", "safety_identifier", "user")
_PREFIX_FIELDS = ("system", "instructions", "systemInstruction", "tools")
_CONVERSATION = ("messages", "input", "contents")
_PREFIX = 2048
"""Bytes of a conversation that count as its beginning."""


def tokens_about(call: Call) -> int:
    """The tokens of the prompt, roughly; those of media are counted as text."""
    return len(call.body) // _BYTES_PER_TOKEN


def may_ask(call: Call, wanted: frozenset[Ask]) -> bool:
    """Whether a call may ask for any of that: a look at its bytes, which is wrong in one direction only."""
    body = call.body
    return any(sign in body for ask in wanted for sign in _SIGNS[ask])


def facts(call: Call, wanted: frozenset[Ask], *, is_sticky: bool) -> Facts:
    """`wanted` is what a choice depends on of what a call may ask for, `is_sticky` that it holds on to something."""
    key = call.key
    return Facts(
        org=key.org,
        team=key.team,
        user=key.user,
        key=key.name,
        tags=key.tags,
        asks=_asks(call, wanted) if wanted and call.surface in GENERATIONS else frozenset(),
        tokens=tokens_about(call),
        output=asked_output(call.fields),
        stream=call.head.stream,
        at=call.at,
        session=_session(call) if is_sticky else b"",
        prefix=_prefix(call) if is_sticky else b"",
    )


def _asks(call: Call, wanted: frozenset[Ask]) -> frozenset[Ask]:
    maybe: set[Ask] = {ask for ask in wanted if any(sign in call.body for sign in _SIGNS[ask])}
    if not maybe:
        return frozenset()
    try:
        request = call.meant()
    except GatewayError:
        return frozenset()  # whoever must read it says what is wrong with it
    return frozenset(maybe & _of(request))


def _of(request: Request) -> set[Ask]:
    found: set[Ask] = set()
    if request.tools:
        found.add("tools")
    if request.output is not None and request.output.kind == "json_schema":
        found.add("structured")
    for message in request.messages:
        _look(message.blocks, found)
    return found


def _look(blocks: Iterable[Block], found: set[Ask]) -> None:
    for block in blocks:
        match block:
            case Image():
                found.add("vision")
            case Document():
                found.add("documents")
            case Audio():
                found.add("audio")
            case ToolResult(blocks=inner):
                _look(inner, found)
            case _:
                pass


def _session(call: Call) -> bytes:
    """What the client says its session is; where it says nothing, the beginning of its prompt stands for it."""
    said = call.headers.get(_SESSION_HEADER)
    if said is not None:
        return said
    if call.dialect.name == "anthropic":
        return call.fields.get("metadata") or b""
    return next((raw for name in _SESSION_FIELDS if (raw := call.fields.get(name)) is not None), b"")


def _prefix(call: Call) -> bytes:
    fields = call.fields
    parts = [fields.get(name) or b"" for name in _PREFIX_FIELDS]
    parts += [(fields.get(name) or b"")[:_PREFIX] for name in _CONVERSATION]
    return b"\n".join(parts)
