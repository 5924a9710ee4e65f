"""`messages` of a request, from the neutral model to the wire.

OpenAI's order rules shape this: the results of a turn's calls must follow it at once, each in a `tool` message of text. So media that a
result holds go into a user message after the last result, together with what else the client said there.
"""

import hashlib
import re

from tidegate.dialects.arguments import wrap_arguments
from tidegate.dialects.openai_chat.encode_content import Part, content_of, encode_block
from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.dialects.openai_chat.fields import NAME
from tidegate.dialects.openai_chat.reasoning import CALL_SIGNATURE, call_signature, detail_for_provider
from tidegate.dialects.reading import merge
from tidegate.dialects.values import dump_text
from tidegate.ir.content import Refusal, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message

_ALNUM9 = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def encode_messages(encoding: Encoding) -> list[JsonObject]:
    out: list[JsonObject] = []
    waiting: list[Part] = []
    for index, message in enumerate(encoding.request.messages):
        results = message.role in ("user", "tool") and any(type(block) is ToolResult for block in message.blocks)
        if waiting and not results:
            out.append({"role": "user", "content": content_of(encoding, waiting, "\n\n")})
            waiting = []
        if results:
            waiting += _results(encoding, message, index, out)
        elif message.role == "assistant":
            _append_turn(encoding, out, _assistant(encoding, message, index))
        elif message.blocks or encoding.own:
            plain = _plain(encoding, message, index)
            if plain["content"] or encoding.own:
                out.append(plain)
    if waiting:
        out.append({"role": "user", "content": content_of(encoding, waiting, "\n\n")})
    return out


def instruct(messages: list[Json], text: str) -> None:
    """Adds a system message after those that lead."""
    at = 0
    for message in messages:
        if type(message) is not dict or message["role"] not in ("system", "developer"):
            break
        at += 1
    messages.insert(at, {"role": "system", "content": text})


def _append_turn(encoding: Encoding, out: list[JsonObject], turn: JsonObject) -> None:
    """Other dialects take several assistant messages (or items) in a row as one turn, whose results come after the last: OpenAI must have
    the calls that await results in one message."""
    last = out[-1] if out else None
    if last is None or encoding.own or last["role"] != "assistant":
        out.append(turn)
        return
    for name, value in turn.items():
        there = last.get(name)
        if not there:
            last[name] = value
        elif type(there) is list and type(value) is list:
            there += value
        elif type(there) is str and type(value) is str and value and name != "role":
            last[name] = f"{there}\n\n{value}"


def _plain(encoding: Encoding, message: Message, index: int) -> JsonObject:
    role = message.role
    if role == "tool":
        role = "user"
    elif role == "developer" and encoding.profile.quirks.system_role == "system":
        role = "system"
    blocks = message.blocks
    raw: JsonObject
    if len(blocks) == 1 and type(first := blocks[0]) is Text and first.cache is None and not first.extras and not first.citations:
        raw = {"role": role, "content": first.text}
    else:
        parts: list[Part] = []
        for at, block in enumerate(blocks):
            parts += encode_block(encoding, block, encoding.block(index, at))
        raw = {"role": role, "content": content_of(encoding, parts, "\n\n") if blocks else None}
    return _named(encoding, raw, message, index)


def _named(encoding: Encoding, raw: JsonObject, message: Message, index: int) -> JsonObject:
    if message.name is not None:
        raw["name"] = message.name
    if message.extras:
        if encoding.own:
            merge(raw, message.extras)
        else:
            encoding.foreign_extras(message.extras, encoding.message(index))
    return raw


def _assistant(encoding: Encoding, message: Message, index: int) -> JsonObject:
    raw: JsonObject = {"role": "assistant", "content": None}
    parts: list[Part] = []
    calls: list[Json] = []
    thoughts: list[Thinking] = []
    refusal: Refusal | None = None
    for at, block in enumerate(message.blocks):
        if type(block) is ToolUse:
            calls.append(_call(encoding, block, index, at))
        elif type(block) is Thinking:
            if _may_return(encoding, block, index, at):
                thoughts.append(block)
        elif type(block) is Refusal and refusal is None and not block.extras:
            refusal = block
        else:
            parts += encode_block(encoding, block, encoding.block(index, at))
    if parts or not (calls or refusal):
        raw["content"] = content_of(encoding, parts, "")
    if refusal is not None:
        raw["refusal"] = refusal.text
    if thoughts:
        _think(encoding, raw, thoughts, message, index)
    if calls:
        raw["tool_calls"] = calls
    return _named(encoding, raw, message, index)


def _may_return(encoding: Encoding, block: Thinking, index: int, at: int) -> bool:
    """Reasoning goes back only where it was made. What an OpenAI client says in plain `reasoning_content` names no origin: it is
    the client's word, and stays in its dialect."""
    if block.origin is None:
        kept, reason = encoding.own, "reasoning without a signature is not sent to another dialect"
    else:
        kept, reason = block.origin.accepts(NAME, encoding.profile.provider), "reasoning is sent back only to where it was made"
    if not kept:
        encoding.dropped(encoding.block(index, at), reason)
    return kept


def _think(encoding: Encoding, raw: JsonObject, thoughts: list[Thinking], message: Message, index: int) -> None:
    field = encoding.profile.quirks.reasoning_field
    text = "".join(block.text for block in thoughts)
    if field == "none":
        encoding.dropped(f"{encoding.message(index)}.reasoning_content", "the target takes no reasoning back")
        return
    if text and not (encoding.own and field in message.extras):
        raw[field] = text
    details = [detail for block in thoughts if (detail := detail_for_provider(block)) is not None]
    if details:
        raw["reasoning_details"] = [*details]


def _call(encoding: Encoding, block: ToolUse, index: int, at: int) -> JsonObject:
    name = block.name if encoding.own else encoding.tool_name(block.name, encoding.block(index, at))
    call: JsonObject = {"id": tool_id(encoding, block.id), "type": block.kind}
    if block.kind == "custom" and encoding.takes_free_text:
        call["custom"] = {"name": name, "input": block.arguments}
    elif block.kind == "custom":
        call["type"] = "function"
        call["function"] = {"name": name, "arguments": dump_text(wrap_arguments(block.arguments, custom=True))}
    else:
        call["function"] = {"name": name, "arguments": block.arguments if block.arguments or encoding.own else "{}"}
    if block.signature is not None:
        signature = call_signature(block)
        if signature is not None and block.origin is not None and block.origin.accepts(NAME, encoding.profile.provider):
            call[CALL_SIGNATURE] = signature
        else:
            encoding.dropped(f"{encoding.block(index, at)}.{CALL_SIGNATURE}", "a call's signature goes back only to where it was made")
    if block.cache is not None or block.extras:
        encoding.attach(call, block.cache, block.extras, encoding.block(index, at))
    return call


def _results(encoding: Encoding, message: Message, index: int, out: list[JsonObject]) -> list[Part]:
    """Appends the `tool` messages and returns the parts that must wait until after the last of them."""
    media: list[Part] = []
    rest: list[Part] = []
    for at, block in enumerate(message.blocks):
        if type(block) is ToolResult:
            raw, more = _result(encoding, block, encoding.block(index, at))
            if message.role == "tool":
                raw = _named(encoding, raw, message, index)
            out.append(raw)
            media += more
        else:
            rest += encode_block(encoding, block, encoding.block(index, at))
    if message.role == "user":
        if message.name is not None:
            encoding.dropped(f"{encoding.message(index)}.name", "results carry no name")
        encoding.foreign_extras(message.extras, encoding.message(index))
    return media + rest


def _result(encoding: Encoding, block: ToolResult, path: str) -> tuple[JsonObject, list[Part]]:
    texts: list[Part] = []
    media: list[Part] = []
    for at, inner in enumerate(block.blocks):
        for part in encode_block(encoding, inner, f"{path}.content[{at}]"):
            if encoding.own or part["type"] == "text":
                texts.append(part)
            else:
                encoding.emulated(f"{path}.content[{at}]", "tool messages are text: sent in a user message after the results")
                media.append(part)
    if block.is_error:
        encoding.emulated(f"{path}.is_error", "said at the start of the result: OpenAI's tool messages have no such flag")
        texts.insert(0, {"type": "text", "text": "Error:"})
    if media:
        media.insert(0, {"type": "text", "text": f"Attached to the result of tool call {tool_id(encoding, block.id)}:"})
        if not texts:
            texts.append({"type": "text", "text": "(see the attachment in the next user message)"})
    raw: JsonObject = {
        "role": "tool",
        "tool_call_id": tool_id(encoding, block.id),
        "content": content_of(encoding, texts, "\n"),
    }
    encoding.attach(raw, block.cache, block.extras, path)
    return raw, media


def tool_id(encoding: Encoding, call_id: str) -> str:
    """The id as the target takes it: Mistral wants nine letters or digits, so others become a digest of themselves, the same for the
    call and its result."""
    if encoding.profile.quirks.tool_id == "any" or _ALNUM9.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:8], "big")
    digits: list[str] = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(digits)
