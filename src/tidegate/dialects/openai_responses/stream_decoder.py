"""A stream of `POST /v1/responses`: server-sent events in, neutral events out.

Texts, reasoning and calls come out as they come in. Every finished item says again what its pieces said, and whatever they did not say
(some servers send no pieces, or none but the last event) is made up from it. Items that nobody models come out whole when they are done.
"""

from collections.abc import Callable

from tidegate.dialects.openai_errors import error_of, upstream_error
from tidegate.dialects.openai_responses.answer_items import blocks_of, call_of, message_extras
from tidegate.dialects.openai_responses.citations import decode_annotation
from tidegate.dialects.openai_responses.decode_response import created_of, extras_of
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.openai_responses.status import decode_stop
from tidegate.dialects.openai_responses.usage import decode_usage
from tidegate.dialects.unread import unread
from tidegate.dialects.values import object_or_empty, parse, text_or_empty
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import Error
from tidegate.ir.json import Json, JsonObject

_CALLS = ("function_call", "custom_tool_call")
_TOLD_AGAIN = frozenset(
    (
        *("content_part", "output_item", "output_text", "refusal", "reasoning", "reasoning_text", "reasoning_summary"),
        *("reasoning_summary_part", "reasoning_summary_text", "function_call_arguments", "custom_tool_call_input"),
        *("web_search_call", "file_search_call", "code_interpreter_call", "code_interpreter_call_code", "computer_call"),
        *("shell_call_command", "shell_call_output_content", "apply_patch_call_operation_diff", "compaction", "image_generation_call"),
        *("mcp_call", "mcp_call_arguments", "mcp_list_tools", "ping", "keepalive"),
    )
)
"""Events by the second word of their type which say how far an item is, or a piece of what the finished item has."""


class _Part:
    """A block that is open: its index, what it has said, and (of a text) how much text of the answer came before."""

    __slots__ = ("before", "cited", "index", "said")

    def __init__(self, index: int, before: int = 0) -> None:
        self.index = index
        self.before = before
        self.said: list[str] = []
        self.cited = 0

    def rest(self, whole: str) -> str:
        """What of `whole` has not been said; nothing where it says something else."""
        said = "".join(self.said)
        return whole[len(said) :] if whole.startswith(said) else ""


class _Item:
    """One item of the output: its parts by kind and place (calls and reasoning have one, 0). `done` once it is told: what a server sends
    for it afterwards has no place any more."""

    __slots__ = ("done", "extras", "parts")

    def __init__(self) -> None:
        self.done = False
        self.extras: JsonObject = {}
        self.parts: dict[tuple[type[Block], int], _Part] = {}


class ResponsesStreamDecoder:
    """See `dialects.base.StreamDecoder`."""

    __slots__ = ("_before", "_calls", "_items", "_next", "_origin", "_out", "_over", "_started", "_stop")

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._out: list[ev.Event] = []
        self._items: dict[object, _Item] = {}
        self._next = 0
        self._before = 0
        self._calls = False
        self._started = False
        self._over = False
        self._stop: JsonObject | None = None

    def feed(self, event: str, data: bytes) -> list[ev.Event]:
        if self._over or not data or data.isspace():
            return []
        self._out = out = list[ev.Event]()
        try:
            raw = parse(data)
        except ValueError as error:
            # Some gateways end the stream as chat completions do (openinference).
            if data.strip() != b"[DONE]":
                self._fail(upstream_error(f"the provider's stream is not JSON: {error}"))
            return out
        if type(raw) is not dict:
            self._fail(upstream_error("the provider's stream holds something that is not an event"))
            return out
        kind = raw.get("type") or event
        if kind == "error" or (raw.get("error") and not text_or_empty(kind).startswith("response.")):
            self._fail(error_of(raw))
            return out
        handler = _HANDLERS.get(text_or_empty(kind))
        if handler is not None:
            handler(self, raw)
        elif _family(kind) not in _TOLD_AGAIN:
            self._strange(text_or_empty(kind), raw)
        return out

    def _strange(self, kind: str, raw: JsonObject) -> None:
        """An event that is not modelled, and that no finished item tells again. Each kind is told once to clients of other dialects."""
        if kind and not self._started:
            self._start({})
        if kind:
            self._out.append(ev.NativeEvent(NAME, {"type": kind, **raw}))

    def end(self) -> list[ev.Event]:
        if self._over:
            return []
        self._out = out = list[ev.Event]()
        self._fail(upstream_error("the provider's stream ended before the answer did", "upstream_stream_interrupted"))
        return out

    def _fail(self, error: Error) -> None:
        self._out.append(ev.Failed(error))
        self._over = True

    def on_life(self, raw: JsonObject) -> None:
        if not self._started:
            self._start(object_or_empty(raw.get("response")))

    def _start(self, response: JsonObject) -> None:
        self._started = True
        tier = response.get("service_tier")
        self._out.append(
            ev.Started(
                text_or_empty(response.get("id")),
                text_or_empty(response.get("model")),
                created_of(response),
                tier if type(tier) is str else None,
                NAME,
            )
        )

    def _item(self, key: object) -> _Item:
        if not self._started:
            self._start({})
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = _Item()
        return item

    def _begin(self, block: Block) -> int:
        index, self._next = self._next, self._next + 1
        if isinstance(block, ToolUse):
            self._calls = True
        self._out.append(ev.BlockStart(index, block))
        return index

    def _part(self, item: _Item, place: int, block: Block) -> _Part:
        part = item.parts.get((type(block), place))
        if part is None:
            part = item.parts[type(block), place] = _Part(self._begin(block), self._before)
        return part

    def on_item(self, raw: JsonObject) -> None:
        found = object_or_empty(raw.get("item"))
        item = self._item(_key(raw))
        if found.get("type") == "message":
            item.extras = message_extras(found)
        elif found.get("type") in _CALLS and found.get("name") and not item.done:
            self._part(item, 0, _started_call(found))

    def on_text(self, raw: JsonObject) -> None:
        delta, item = text_or_empty(raw.get("delta")), self._item(_key(raw))
        if delta and not item.done:
            part = self._part(item, _place(raw), Text("", extras=item.extras))
            part.said.append(delta)
            self._before += len(delta)
            self._out.append(ev.TextDelta(part.index, delta))

    def on_annotation(self, raw: JsonObject) -> None:
        annotation, item = raw.get("annotation"), self._item(_key(raw))
        if type(annotation) is dict and not item.done:
            part = self._part(item, _place(raw), Text("", extras=item.extras))
            part.cited += 1
            self._out.append(ev.CitationDelta(part.index, decode_annotation(annotation, part.before)))

    def on_refusal(self, raw: JsonObject) -> None:
        delta, item = text_or_empty(raw.get("delta")), self._item(_key(raw))
        if delta and not item.done:
            part = self._part(item, _place(raw), Refusal(""))
            part.said.append(delta)
            self._out.append(ev.TextDelta(part.index, delta))

    def on_reasoning(self, raw: JsonObject) -> None:
        delta, item = text_or_empty(raw.get("delta")), self._item(_key(raw))
        if delta and not item.done:
            self._think(item, delta)

    def _think(self, item: _Item, text: str, signature: str | None = None) -> _Part:
        part = self._part(item, 0, Thinking("", origin=self._origin))
        part.said.append(text)
        self._out.append(ev.ThinkingDelta(part.index, text, signature))
        return part

    def on_arguments(self, raw: JsonObject) -> None:
        delta, item = text_or_empty(raw.get("delta")), self._item(_key(raw))
        part = item.parts.get((ToolUse, 0))
        # Without the call's start its name is not known: the finished item has everything.
        if delta and part is not None and not item.done:
            part.said.append(delta)
            self._out.append(ev.ArgsDelta(part.index, delta))

    def on_item_done(self, raw: JsonObject) -> None:
        self._finish_item(_key(raw), object_or_empty(raw.get("item")))

    def _finish_item(self, key: object, found: JsonObject) -> None:
        """Without the item itself it is as it was: the last event tells it once more."""
        item = self._item(key)
        if item.done or not found:
            return
        kind = found.get("type")
        if kind in _CALLS:
            self._finish_call(item, found)
        elif kind == "reasoning":
            self._finish_reasoning(item, found)
        elif kind == "message":
            self._finish_message(item, found)
        else:
            for block in blocks_of(found, self._origin, self._before):
                self._out.append(ev.BlockStop(self._begin(block)))
        self._close(item)

    def _close(self, item: _Item) -> None:
        item.done = True
        self._out += [ev.BlockStop(part.index) for part in item.parts.values()]

    def _finish_call(self, item: _Item, found: JsonObject) -> None:
        part = self._part(item, 0, _started_call(found))
        rest = part.rest(call_of(found).arguments)
        if rest:
            self._out.append(ev.ArgsDelta(part.index, rest))

    def _finish_reasoning(self, item: _Item, found: JsonObject) -> None:
        for block in blocks_of(found, self._origin, 0):
            if isinstance(block, Thinking):
                part = item.parts.get((Thinking, 0))
                rest = block.text if part is None else part.rest(block.text)
                if rest or block.signature is not None:
                    self._think(item, rest, block.signature)

    def _finish_message(self, item: _Item, found: JsonObject) -> None:
        """Parts that were told are completed; what was not told at all comes whole."""
        if not item.parts:
            for block in blocks_of(found, self._origin, self._before):
                self._whole(block)
            return
        content = found.get("content")
        for place, value in enumerate(content if type(content) is list else []):
            whole = object_or_empty(value)
            part = item.parts.get((Refusal if whole.get("type") == "refusal" else Text, place))
            if part is None:
                for block in blocks_of({"type": "message", "content": [whole]}, self._origin, self._before):
                    self._whole(block)
            elif whole.get("type") == "refusal":
                self._rest(part, text_or_empty(whole.get("refusal")))
            else:
                self._before += self._rest(part, text_or_empty(whole.get("text")))
                self._cite_late(part, whole.get("annotations"))

    def _rest(self, part: _Part, whole: str) -> int:
        """Tells what is left of a text. Returns its length."""
        rest = part.rest(whole)
        if rest:
            self._out.append(ev.TextDelta(part.index, rest))
        return len(rest)

    def _cite_late(self, part: _Part, annotations: Json) -> None:
        late = annotations[part.cited :] if type(annotations) is list else []
        self._out += [ev.CitationDelta(part.index, decode_annotation(object_or_empty(annotation), part.before)) for annotation in late]

    def _whole(self, block: Block) -> None:
        match block:
            case Text(text=text):
                index = self._begin(Text("", extras=block.extras))
                self._out += [ev.CitationDelta(index, citation) for citation in block.citations]
                self._out.append(ev.TextDelta(index, text))
                self._before += len(text)
            case Refusal(text=text):
                index = self._begin(Refusal("", extras=block.extras))
                self._out.append(ev.TextDelta(index, text))
            case _:
                index = self._begin(block)
        self._out.append(ev.BlockStop(index))

    def on_end(self, raw: JsonObject) -> None:
        response = object_or_empty(raw.get("response"))
        if not self._started:
            self._start(response)
        output = response.get("output")
        for place, found in enumerate(output if type(output) is list else []):
            if type(found) is dict:
                name = text_or_empty(found.get("id"))
                self._finish_item(name if name in self._items else place, found)
        for item in self._items.values():
            if not item.done:
                self._close(item)
        usage = decode_usage(response)
        if usage is not None:
            self._out.append(ev.UsageReport(usage))
        self._out += unread(extras_of(response), set())
        self._out.append(ev.Finished(decode_stop(response, calls=self._calls)))
        self._over = True

    def on_failed(self, raw: JsonObject) -> None:
        response = object_or_empty(raw.get("response"))
        usage = decode_usage(response)
        if usage is not None:
            self._out.append(ev.UsageReport(usage))
        self._fail(error_of(response))


def _family(kind: Json) -> str:
    """The second word of an event's type: `output_text` of `response.output_text.done`."""
    return text_or_empty(kind).removeprefix("response.").partition(".")[0]


def _key(raw: JsonObject) -> object:
    """Items are told apart by their place; servers that leave it out give the id."""
    place = raw.get("output_index")
    if type(place) is int:
        return place
    return text_or_empty(raw.get("item_id")) or text_or_empty(object_or_empty(raw.get("item")).get("id"))


def _place(raw: JsonObject) -> int:
    place = raw.get("content_index")
    return place if type(place) is int else 0


def _started_call(found: JsonObject) -> ToolUse:
    use = call_of(found)
    use.arguments = ""
    return use


_HANDLERS: dict[str, Callable[[ResponsesStreamDecoder, JsonObject], None]] = {
    "response.output_text.delta": ResponsesStreamDecoder.on_text,
    "response.function_call_arguments.delta": ResponsesStreamDecoder.on_arguments,
    "response.custom_tool_call_input.delta": ResponsesStreamDecoder.on_arguments,
    "response.reasoning_summary_text.delta": ResponsesStreamDecoder.on_reasoning,
    "response.reasoning_text.delta": ResponsesStreamDecoder.on_reasoning,
    "response.reasoning.delta": ResponsesStreamDecoder.on_reasoning,
    "response.refusal.delta": ResponsesStreamDecoder.on_refusal,
    "response.output_text.annotation.added": ResponsesStreamDecoder.on_annotation,
    "response.output_item.added": ResponsesStreamDecoder.on_item,
    "response.output_item.done": ResponsesStreamDecoder.on_item_done,
    "response.created": ResponsesStreamDecoder.on_life,
    "response.queued": ResponsesStreamDecoder.on_life,
    "response.in_progress": ResponsesStreamDecoder.on_life,
    "response.completed": ResponsesStreamDecoder.on_end,
    "response.done": ResponsesStreamDecoder.on_end,
    "response.incomplete": ResponsesStreamDecoder.on_end,
    "response.failed": ResponsesStreamDecoder.on_failed,
}
