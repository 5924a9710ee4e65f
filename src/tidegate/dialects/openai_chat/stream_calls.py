"""The tool calls of a stream: which call each piece belongs to, and when its block starts. Used by the stream decoder only."""

from tidegate.dialects.arguments import parse_arguments
from tidegate.dialects.openai_chat.decode_response import CALL_FIELDS, arguments_of, call_body
from tidegate.dialects.openai_chat.fields import text_or_empty
from tidegate.dialects.openai_chat.reasoning import sign_call
from tidegate.ir import events as ev
from tidegate.ir.content import Origin, ToolUse
from tidegate.ir.json import Json, JsonObject


class _Call:
    """One call. `index` is that of its block, None until its name is known and the block has started; `held` are arguments that came
    before, or with the name."""

    __slots__ = ("held", "id", "index", "name")

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.index: int | None = None
        self.held = ""
        self.name = ""


class StreamCalls:
    """Pieces name their call by index. Some providers leave that out or give 0 for all, so a new id with a name is a new call, and a
    piece without index, id and name belongs to the last one. Where there are no ids either (Gemini's compatible endpoint does not count
    its calls), a name begins a call, unless it is that of a call whose arguments are still to come."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._calls: dict[object, _Call] = {}
        self._last: _Call | None = None

    def __bool__(self) -> bool:
        return bool(self._calls)

    def piece(self, raw: JsonObject, out: list[ev.Event], index: int) -> int:
        """Adds the events of one entry of `tool_calls`; `index` is that of the next block. Returns how many blocks have started."""
        inner, kind = call_body(raw)
        call_id = text_or_empty(raw.get("id"))
        name = text_or_empty(inner.get("name"))
        call = self._find(raw.get("index"), call_id, name)
        text = arguments_of(inner.get("input") if kind == "custom" else inner.get("arguments"))
        if call.index is not None:
            if text:
                out.append(ev.ArgsDelta(call.index, text))
            return 0
        call.held += text
        if not name:
            return 0
        block = ToolUse(call.id, name, "", "custom" if kind == "custom" else "function")
        extras = {field: value for field, value in raw.items() if field not in CALL_FIELDS}
        if extras:
            sign_call(block, extras, self._origin)
            block.extras = extras
        self._begin(call, block, out, index)
        return 1

    def finish(self, out: list[ev.Event], index: int) -> None:
        """Starts what never told its name, and stops all."""
        for call in self._calls.values():
            if call.index is None:
                self._begin(call, ToolUse(call.id, "", ""), out, index)
                index += 1
        out += [ev.BlockStop(call.index) for call in self._calls.values() if call.index is not None]

    def _begin(self, call: _Call, block: ToolUse, out: list[ev.Event], index: int) -> None:
        call.index, call.name = index, block.name
        out.append(ev.BlockStart(index, block))
        if call.held:
            out.append(ev.ArgsDelta(index, call.held))

    def _find(self, index: Json, call_id: str, name: str) -> _Call:
        key: object
        if type(index) is int:
            found = self._calls.get(index)
            key = index
            if found is not None and name and call_id and found.id and call_id != found.id:
                key = (index, call_id)
            elif found is not None and name and not (call_id or found.id) and _is_other(found, name):
                self._calls[(index, found.index)] = self._calls.pop(index)
            elif found is not None and not call_id and self._last is not None and (index, self._last.id) in self._calls:
                return self._last
        elif call_id:
            known = next((call for call in self._calls.values() if call.id == call_id), None)
            if known is not None:
                self._last = known
                return known
            key = call_id
        elif name or self._last is None:
            key = ("unnamed", len(self._calls))
        else:
            return self._last
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(call_id)
        elif call_id and not call.id:
            call.id = call_id
        self._last = call
        return call


def _is_other(call: _Call, name: str) -> bool:
    """Whether a name without an id begins another call than this one: it is another's, or this one came whole."""
    return call.index is not None and (name != call.name or (call.held != "" and parse_arguments(call.held) is not None))
