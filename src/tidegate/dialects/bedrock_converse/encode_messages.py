"""`system` and `messages` of a request, from the neutral model to the wire.

A request of this dialect keeps its messages as they were. Those of other dialects are brought into Converse's order: leading system and
developer messages become `system`, turns of one role are merged, a user's turn comes first, and tool results come first in it.
"""

from typing import cast

from tidegate.dialects.bedrock_converse.encode_blocks import encode_into
from tidegate.dialects.bedrock_converse.fields import POINT
from tidegate.dialects.bedrock_converse.receipt import Receipt
from tidegate.dialects.terms import block_path, message_path
from tidegate.ir.content import Thinking
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, Request

# Bedrock wants a user's turn first, and at least one. What a person would say who only wants the instructions followed:
_GO_AHEAD = "Please go ahead."
# And a text beside every document.
_SEE = "See the document."
_SYSTEM_ROLES = ("system", "developer")


class Turn:
    """One message on the wire: its role, its blocks, and whether reasoning was dropped from it."""

    __slots__ = ("content", "extras", "lost_thinking", "role")

    def __init__(self, role: str, content: list[Json], extras: JsonObject | None = None, *, lost_thinking: bool = False) -> None:
        self.role = role
        self.content = content
        self.extras = extras
        self.lost_thinking = lost_thinking

    def wire(self) -> JsonObject:
        out: JsonObject = {"role": self.role, "content": self.content}
        if self.extras:
            out |= self.extras
        return out

    def has(self, kind: str) -> bool:
        return any(kind in cast("JsonObject", block) for block in self.content)


def encode_messages(request: Request, receipt: Receipt) -> tuple[list[Json], list[Turn]]:
    """The system blocks and the turns."""
    if receipt.own:
        return _own(request.messages, receipt)
    return _foreign(request, receipt)


def _own(messages: list[Message], receipt: Receipt) -> tuple[list[Json], list[Turn]]:
    system: list[Json] = []
    first = messages[0] if messages else None
    shift = 0
    if first is not None and first.role == "system" and not first.extras:
        for index, block in enumerate(first.blocks):
            encode_into(system, block, f"system[{index}]", receipt)
        shift = 1
    turns: list[Turn] = []
    for at, message in enumerate(messages[shift:]):
        turn = Turn(message.role, [], message.extras)
        for index, block in enumerate(message.blocks):
            if not encode_into(turn.content, block, f"messages[{at}].content[{index}]", receipt):
                turn.lost_thinking = turn.lost_thinking or isinstance(block, Thinking)
        if turn.content or not turn.lost_thinking:
            turns.append(turn)
    return system, turns


def _foreign(request: Request, receipt: Receipt) -> tuple[list[Json], list[Turn]]:
    system: list[Json] = []
    turns: list[Turn] = []
    for index, message in enumerate(request.messages):
        path = message_path(request, index)
        if message.name is not None:
            receipt.dropped(f"{path}.name", "Bedrock's messages have no names")
        if message.extras:
            receipt.foreign_extras(message.extras, path)
        role = "assistant" if message.role == "assistant" else "user"
        leading = message.role in _SYSTEM_ROLES and not turns
        turn = turns[-1] if turns and turns[-1].role == role else Turn(role, [])
        out = system if leading else turn.content
        before = len(out)
        for at, block in enumerate(message.blocks):
            if not encode_into(out, block, block_path(request, index, at), receipt):
                turn.lost_thinking = turn.lost_thinking or isinstance(block, Thinking)
        if leading or len(out) == before:
            continue
        if message.role in _SYSTEM_ROLES:
            out[before:] = [_late_system(block) for block in out[before:]]
            receipt.emulated(path, "a system message between the turns is marked text in the user's turn")
        if not turns or turns[-1] is not turn:
            turns.append(turn)
    _arrange(turns, receipt)
    return system, turns


def _late_system(block: Json) -> Json:
    """Converse takes system blocks before the turns only, for most models, so the text stays where it was, in marks."""
    text = cast("JsonObject", block).get("text")
    return {"text": f"<system>\n{text}\n</system>"} if type(text) is str else block


def _arrange(turns: list[Turn], receipt: Receipt) -> None:
    for turn in turns:
        if turn.role != "user":
            continue
        if turn.has("toolResult"):
            _results_first(turn)
        if turn.has("document") and not turn.has("text"):
            turn.content.append({"text": _SEE})
            receipt.emulated(receipt.name("messages"), "Bedrock wants a text beside a document: one was added")
    if not turns or turns[0].role != "user":
        turns.insert(0, Turn("user", [{"text": _GO_AHEAD}]))
        receipt.emulated(receipt.name("messages"), "Bedrock wants a user message first: one was added")
    last = turns[-1]
    if last.role == "assistant":
        _trim(last, receipt)


def _results_first(turn: Turn) -> None:
    """A cache point stays behind the block that it marks."""
    groups: list[list[Json]] = []
    for block in turn.content:
        if POINT in cast("JsonObject", block) and groups:
            groups[-1].append(block)
        else:
            groups.append([block])
    groups.sort(key=lambda group: "toolResult" not in cast("JsonObject", group[0]))
    turn.content[:] = [block for group in groups for block in group]


def _trim(turn: Turn, receipt: Receipt) -> None:
    """Claude refuses a last assistant turn that ends in white space."""
    block = cast("JsonObject", turn.content[-1])
    text = block.get("text")
    if type(text) is str and text != text.rstrip():
        block["text"] = text.rstrip()
        receipt.mapped(receipt.name("messages"), "trailing white space of the last assistant message was removed")


def in_tool_loop_without_thinking(turns: list[Turn]) -> bool:
    """Whether the model is in the middle of a tool loop whose assistant turn does not start with its own reasoning, which Claude refuses
    while thinking with a budget is on."""
    if len(turns) < 2 or turns[-1].role != "user" or not turns[-1].has("toolResult"):
        return False
    before = turns[-2]
    return before.role == "assistant" and "reasoningContent" not in cast("JsonObject", before.content[0])
