"""`system` and `messages` of a request, from the neutral model to the wire.

A request of this dialect keeps its messages as they were. Those of other dialects are brought into Anthropic's order: leading
system and developer messages become `system`, turns of one role are merged, tool results come first in the user turn after their calls.
"""

import msgspec

from tidegate.dialects.anthropic.encode_blocks import encode_block, plain
from tidegate.dialects.anthropic.receipt import Receipt
from tidegate.dialects.terms import block_path, message_path
from tidegate.ir.content import Block, Text, Thinking
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Message

# Anthropic wants a user turn first, and at least one. What a person would say who only wants the instructions followed:
_GO_AHEAD = "Please go ahead."
_SYSTEM_ROLES = ("system", "developer")


class Turn(msgspec.Struct):
    """One message on the wire: its role, its blocks, and whether reasoning was dropped from it."""

    role: str
    content: list[JsonObject]
    lost_thinking: bool = False
    extras: JsonObject | None = None

    def wire(self) -> JsonObject:
        out: JsonObject = {"role": self.role, "content": plain(self.content)}
        if self.extras:
            out |= self.extras
        return out


def own_messages(messages: list[Message], receipt: Receipt) -> tuple[list[JsonObject] | None, list[Turn]]:
    """The system blocks (None: there is no system prompt) and the turns of a request of this dialect. The first message is the top-level
    `system` if it is a system prompt of texts."""
    system: list[JsonObject] | None = None
    first = messages[0] if messages else None
    shift = 0
    if first is not None and first.role == "system" and not first.extras and all(isinstance(block, Text) for block in first.blocks):
        system, _ = _blocks(first.blocks, 0, receipt)
        shift = 1
    turns: list[Turn] = []
    for index, message in enumerate(messages[shift:], shift):
        content, lost = _blocks(message.blocks, index, receipt)
        if content or not lost:
            turns.append(Turn(message.role, content, lost, message.extras))
    return system, turns


def _blocks(blocks: list[Block], message: int, receipt: Receipt) -> tuple[list[JsonObject], bool]:
    out: list[JsonObject] = []
    lost = False
    for at, block in enumerate(blocks):
        if type(block) is Text and not (block.citations or block.extras or block.cache) and block.text and not block.text.isspace():
            # A text and nothing else: there is nothing to tell of it.
            out.append({"type": "text", "text": block.text})
            continue
        encoded = encode_block(block, block_path(receipt.request, message, at), receipt)
        if encoded is not None:
            out.append(encoded)
        elif isinstance(block, Thinking):
            lost = True
    return out, lost


def foreign_messages(messages: list[Message], receipt: Receipt) -> tuple[list[JsonObject], list[Turn]]:
    """The system blocks and the turns of a request of another dialect."""
    system: list[JsonObject] = []
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        if message.name is not None:
            receipt.dropped(f"{message_path(receipt.request, index)}.name", "Anthropic's messages have no names")
        if message.extras:
            receipt.foreign_extras(message.extras, message_path(receipt.request, index))
        content, lost = _blocks(message.blocks, index, receipt)
        if message.role in _SYSTEM_ROLES:
            if not turns:
                system += content
                continue
            content = [_late_system(block) for block in content]
            receipt.emulated(message_path(receipt.request, index), "a system message between the turns is marked text in the user's turn")
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1].role == role:
            turns[-1].content += content
            turns[-1].lost_thinking = turns[-1].lost_thinking or lost
        elif content:
            turns.append(Turn(role, content, lost))
    _arrange(turns, receipt)
    return system, turns


def _late_system(block: JsonObject) -> JsonObject:
    """Newer models take `system` messages between turns and older ones answer 400, so the text stays where it was, in marks."""
    text = block.get("text")
    return {**block, "text": f"<system>\n{text}\n</system>"} if type(text) is str else block


def _arrange(turns: list[Turn], receipt: Receipt) -> None:
    for turn in turns:
        if turn.role == "user" and len(turn.content) > 1:
            turn.content.sort(key=_result_first)
    if not turns or turns[0].role != "user":
        turns.insert(0, Turn("user", [{"type": "text", "text": _GO_AHEAD}]))
        receipt.emulated(receipt.name("messages"), "Anthropic wants a user message first: one was added")
    last = turns[-1]
    if last.role == "assistant":
        _trim(last, receipt)


def _result_first(block: JsonObject) -> bool:
    return block.get("type") != "tool_result"


def _trim(turn: Turn, receipt: Receipt) -> None:
    """Anthropic refuses a last assistant turn that ends in white space."""
    block = turn.content[-1]
    text = block.get("text")
    if type(text) is str and text != text.rstrip():
        block["text"] = text.rstrip()
        receipt.mapped(receipt.name("messages"), "trailing white space of the last assistant message was removed")


def in_tool_loop_without_thinking(turns: list[Turn], *, own: bool) -> bool:
    """Whether the model is in the middle of a tool loop whose assistant turn does not start with its own reasoning. Anthropic answers
    400 to that while thinking with a budget is on. A request of this dialect is judged only if reasoning was dropped from it."""
    if len(turns) < 2 or turns[-1].role != "user" or not any(_result_first(block) is False for block in turns[-1].content):
        return False
    for turn in reversed(turns[:-1]):
        if turn.role == "assistant":
            first = turn.content[0].get("type") if turn.content else None
            return first not in ("thinking", "redacted_thinking") and (turn.lost_thinking or not own)
    return False
