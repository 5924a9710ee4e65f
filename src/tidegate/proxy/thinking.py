"""Signed reasoning, and signatures of tool calls, that clients drop between the turns of a tool loop.

Providers refuse a tool loop whose thinking is missing. A client that does not send it back (or, as Anthropic's for a call's signature,
has no field for it) gets it restored from a bounded cache, keyed by the caller's key and the id of the tool call.
"""

from operator import attrgetter
from typing import TypeGuard

import msgspec

from tidegate.ir import events as ev
from tidegate.ir.content import Block, Origin, Thinking, ToolUse
from tidegate.ir.request import Message, Request
from tidegate.ports import ThinkingCache


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """One signed block as it is stored."""

    text: str
    signature: str | None
    redacted: str | None
    origin: Origin | None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Kept])


_role = attrgetter("role")
_CALL = "call/"
"""Before the id of a tool call whose own signature is kept."""


def remember(cache: ThinkingCache, tenant: str, blocks: list[Block]) -> None:
    """Keeps the signed thinking of an answer under each of its tool calls, and their own signatures."""
    calls = [block for block in blocks if type(block) is ToolUse and block.id]
    if not calls:
        return
    for call in calls:
        if call.signature is not None:
            cache.put(tenant, _CALL + call.id, _ENCODER.encode([_Kept("", call.signature, None, call.origin)]))
    thinking = [_Kept(block.text, block.signature, block.redacted, block.origin) for block in blocks if _signed(block)]
    if thinking:
        kept = _ENCODER.encode(thinking)
        for call in calls:
            cache.put(tenant, call.id, kept)


def restore(cache: ThinkingCache, tenant: str, request: Request) -> Request:
    """The request with the thinking of earlier turns put back where the client left it out."""
    if "assistant" not in map(_role, request.messages):
        return request
    messages = [_with_signed_calls(cache, tenant, message) for message in request.messages]
    at = 0
    while at < len(messages):
        end = at
        while end < len(messages) and messages[end].role == "assistant":
            end += 1
        if end > at:
            messages[at:end] = _with_thinking(cache, tenant, messages[at:end])
        at = end + 1
    if all(new is old for new, old in zip(messages, request.messages, strict=True)):
        return request
    return msgspec.structs.replace(request, messages=messages)


def _with_signed_calls(cache: ThinkingCache, tenant: str, message: Message) -> Message:
    if message.role != "assistant":
        return message
    blocks = [_signed_call(cache, tenant, block) if isinstance(block, ToolUse) else block for block in message.blocks]
    if any(new is not old for new, old in zip(blocks, message.blocks, strict=True)):
        return msgspec.structs.replace(message, blocks=blocks)
    return message


def _signed_call(cache: ThinkingCache, tenant: str, block: ToolUse) -> ToolUse:
    kept = cache.get(tenant, _CALL + block.id) if block.signature is None else None
    if kept is None:
        return block
    (old,) = _DECODER.decode(kept)
    return msgspec.structs.replace(block, signature=old.signature, origin=old.origin)


def _with_thinking(cache: ThinkingCache, tenant: str, turn: list[Message]) -> list[Message]:
    """A turn with its thinking first, where it had none that is signed. Items of the Responses API make several messages of a turn."""
    blocks = [block for message in turn for block in message.blocks]
    if any(_signed(block) for block in blocks):
        return turn
    kept = next((kept for block in blocks if isinstance(block, ToolUse) and (kept := cache.get(tenant, block.id)) is not None), None)
    if kept is None:
        return turn
    thinking = [Thinking(old.text, old.signature, old.redacted, old.origin) for old in _DECODER.decode(kept)]
    rest = [msgspec.structs.replace(message, blocks=[*filter(_is_no_thinking, message.blocks)]) for message in turn]
    rest[0].blocks = [*thinking, *rest[0].blocks]
    return rest


def _is_no_thinking(block: Block) -> bool:
    return not isinstance(block, Thinking)


def _signed(block: Block) -> TypeGuard[Thinking]:
    return isinstance(block, Thinking) and bool(block.signature or block.redacted)


class ThinkingCollector:
    """Gathers the thinking and the tool calls of a stream; `keep` hands them to the cache."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}

    def feed(self, event: ev.Event) -> None:
        match event:
            case ev.BlockStart(index=index, block=Thinking() as block):
                self._blocks[index] = Thinking("", block.signature, block.redacted, block.origin, block.extras)
            case ev.BlockStart(index=index, block=ToolUse() as block):
                self._blocks[index] = block
            case ev.ThinkingDelta(index=index):
                block = self._blocks.get(index)
                if isinstance(block, Thinking):
                    block.text += event.text
                    if event.signature is not None:
                        block.signature = (block.signature or "") + event.signature
            case _:
                pass

    def keep(self, cache: ThinkingCache, tenant: str) -> None:
        remember(cache, tenant, list(self._blocks.values()))
