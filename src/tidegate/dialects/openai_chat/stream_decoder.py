"""A stream of chunks, from OpenAI or any provider that says it is compatible, to neutral events.

A text, a refusal or reasoning closes when another kind begins; tool calls stay open until the end, since their pieces may interleave.
The end is told once the terminator came or the connection closed, because usage comes after the finish reason.
"""

from tidegate.dialects.openai_chat.citations import decode_annotations, decode_sources
from tidegate.dialects.openai_chat.decode_response import (
    CHOICE,
    MESSAGE,
    content_blocks,
    created_of,
    first_choice,
    images_of,
    is_call,
    plain_reasoning,
    upstream_error,
)
from tidegate.dialects.openai_chat.fields import NAME, dump_text, object_or_empty, parse_answer, text_or_empty
from tidegate.dialects.openai_chat.finish import decode_finish
from tidegate.dialects.openai_chat.reasoning import FORMAT, detail_text, is_text, meta, signs, thinking_of_detail
from tidegate.dialects.openai_chat.stream_calls import StreamCalls
from tidegate.dialects.openai_chat.usage import decode_usage, usage_of
from tidegate.dialects.openai_errors import error_of
from tidegate.dialects.unread import fresh, unread
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Citation, Origin, Refusal, Text, Thinking
from tidegate.ir.errors import Error
from tidegate.ir.json import Json, JsonObject

_DONE = b"[DONE]"
_PLAIN = frozenset(("role", "content", "token_id", "name", "channel"))
"""The fields of most deltas: the first two, and what Together, Mistral and Groq put beside them."""
_CHUNK = frozenset(
    (
        *("id", "object", "created", "model", "choices", "usage", "service_tier", "error"),
        *("x_groq", "citations", "search_results", "obfuscation"),
    )
)
"""The last hides how long a piece is."""


class ChatStreamDecoder:
    """See `dialects.base.StreamDecoder`."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._out: list[ev.Event] = []
        self._started = False
        self._over = False
        self._next = 0
        self._kind = ""
        self._index = 0
        self._detail_key: object = None
        self._detail_rest: JsonObject = {}
        self._text_index: int | None = None
        self._sources: JsonObject = {}
        self._cited = False
        self._calls = StreamCalls(origin)
        self._word: str | None = None
        self._usage: JsonObject | None = None
        self._tier: Json = None
        self._seen: set[str] = set()

    def feed(self, event: str, data: bytes) -> list[ev.Event]:
        if self._over:
            return []
        self._out = out = list[ev.Event]()
        if data == _DONE or not data or data.isspace():
            if data == _DONE:
                self._finish()
            return out
        try:
            chunk = parse_answer(data)
        except ValueError as error:
            # Some providers pad the terminator.
            if data.strip() == _DONE:
                self._finish()
            else:
                self._fail(upstream_error(f"the provider's stream is not JSON: {error}"))
            return out
        if type(chunk) is not dict:
            self._fail(upstream_error("the provider's stream holds something that is not a chunk"))
        elif chunk.get("error") or event == "error":
            # OpenRouter tells the usage in the same chunk: pydantic-ai-9f1e62b0f82d.
            self._note_usage(chunk)
            self._fail(error_of(chunk))
        else:
            self._chunk(chunk)
        return out

    def end(self) -> list[ev.Event]:
        if self._over:
            return []
        self._out = out = list[ev.Event]()
        if self._word is not None:
            self._finish()
        else:
            self._fail(upstream_error("the provider's stream ended before the answer did", "upstream_stream_interrupted"))
        return out

    def _note_usage(self, chunk: JsonObject) -> None:
        usage = usage_of(chunk)
        if usage is not None:
            self._usage = usage
            self._tier = chunk.get("service_tier") or self._tier

    def _chunk(self, chunk: JsonObject) -> None:
        if "usage" in chunk or "x_groq" in chunk:
            self._note_usage(chunk)
        if "citations" in chunk or "search_results" in chunk:
            self._sources = chunk
        choice = first_choice(chunk.get("choices"))
        if choice is None:
            return
        if choice.get("error"):
            self._note_usage(chunk)
            self._fail(error_of(choice))
            return
        word, begins = choice.get("finish_reason"), not self._started
        if begins:
            self._start(chunk)
        if begins or word:
            if self._usage is None:
                self._note_usage(choice)
            self._out += unread((*fresh(chunk, _CHUNK, ""), *fresh(choice, CHOICE, "choices[0].")), self._seen)
        delta = choice.get("delta")
        # Perplexity puts the whole message so far beside every delta: langchaingo-0a8d61f5f869.
        if type(delta) is not dict:
            delta = object_or_empty(choice.get("message"))
        self._delta(delta)
        if type(word) is str and word:
            self._word = word

    def _start(self, chunk: JsonObject) -> None:
        self._started = True
        created, tier = chunk.get("created"), chunk.get("service_tier")
        self._tier = self._tier or tier
        self._out.append(
            ev.Started(
                text_or_empty(chunk.get("id")),
                text_or_empty(chunk.get("model")),
                created_of(created),
                tier if type(tier) is str else None,
            )
        )

    def _delta(self, delta: JsonObject) -> None:
        if delta.keys() <= _PLAIN:
            content = delta.get("content")
            if content:
                self._content(content)
            return
        if not delta.keys() <= MESSAGE:
            self._out += unread(fresh(delta, MESSAGE, "choices[0].delta."), self._seen)
        self._reason(delta)
        content = delta.get("content")
        if content:
            self._content(content)
        refusal = delta.get("refusal")
        if type(refusal) is str and refusal:
            self._open("refusal", Refusal(""))
            self._out.append(ev.TextDelta(self._index, refusal))
        self._cite(decode_annotations(delta.get("annotations")))
        for image in images_of(delta.get("images")):
            self._whole(image)
        self._call_all(delta)
        audio = delta.get("audio")
        if type(audio) is dict and audio:
            self._out.append(ev.NativeEvent(NAME, {"audio": audio}))

    def _call_all(self, delta: JsonObject) -> None:
        calls = delta.get("tool_calls")
        if type(calls) is list:
            for call in calls:
                if type(call) is dict and is_call(call):
                    self._call(call)
                elif type(call) is dict:
                    self._out.append(ev.NativeEvent(NAME, {"tool_calls": [call]}))
        legacy = delta.get("function_call")
        # Empty ones stand beside answers without calls.
        if type(legacy) is dict and (legacy.get("name") or legacy.get("arguments")):
            self._call({"index": 0, "function": legacy})

    def _content(self, content: Json) -> None:
        if type(content) is str:
            if self._kind != "text":
                self._open("text", Text(""))
                self._text_index = self._index
            self._out.append(ev.TextDelta(self._index, content))
            return
        for block in content_blocks(content, self._origin):
            match block:
                case Text(text=text):
                    self._content(text)
                case Thinking(text=text, signature=signature):
                    self._open("thinking", Thinking("", origin=self._origin))
                    self._out.append(ev.ThinkingDelta(self._index, text, signature))
                case _:
                    self._whole(block)

    def _open(self, kind: str, block: Block) -> None:
        """Makes sure that a block of `kind` is the open one."""
        if self._kind != kind:
            self._close()
            self._kind = kind
            self._index = self._begin(block)

    def _begin(self, block: Block) -> int:
        index, self._next = self._next, self._next + 1
        self._out.append(ev.BlockStart(index, block))
        return index

    def _close(self) -> None:
        if not self._kind:
            return
        if self._kind == "detail" and signs(self._detail_rest):
            self._out.append(ev.ThinkingDelta(self._index, "", dump_text(self._detail_rest)))
        self._out.append(ev.BlockStop(self._index))
        self._kind = ""

    def _whole(self, block: Block) -> None:
        self._close()
        self._out.append(ev.BlockStop(self._begin(block)))

    def _reason(self, delta: JsonObject) -> None:
        """Details say the same as the plain text in their delta, and more."""
        details = delta.get("reasoning_details")
        pieces: list[JsonObject] = [piece for piece in details if type(piece) is dict] if type(details) is list else []
        if not any(detail_text(piece) and piece.get("format") != FORMAT for piece in pieces):
            plain = plain_reasoning(delta)
            if plain:
                self._open("thinking", Thinking("", origin=self._origin))
                self._out.append(ev.ThinkingDelta(self._index, plain))
        for piece in pieces:
            self._detail(piece)

    def _detail(self, piece: JsonObject) -> None:
        if not is_text(piece) or piece.get("format") == FORMAT:
            self._whole_detail(piece)
            return
        key = (piece.get("type"), dump_text(piece.get("index")))
        if self._kind != "detail" or self._detail_key != key:
            self._close()
            self._detail_key = key
            self._detail_rest = {}
            self._open("detail", Thinking("", origin=self._origin))
        for name, value in meta(piece).items():
            if value is not None or name not in self._detail_rest:
                self._detail_rest[name] = value
        text = detail_text(piece)
        if text:
            self._out.append(ev.ThinkingDelta(self._index, text))

    def _whole_detail(self, piece: JsonObject) -> None:
        """Opaque pieces, and those of a gateway like this one: its details come whole, after the plain text of their block."""
        block = thinking_of_detail(piece, self._origin, keep=False)
        if block.redacted is not None:
            self._whole(block)
            return
        text = "" if self._kind == "thinking" else block.text
        self._open("thinking", Thinking("", origin=self._origin))
        if text or block.signature is not None:
            self._out.append(ev.ThinkingDelta(self._index, text, block.signature))
        self._close()

    def _cite(self, citations: list[Citation]) -> None:
        if not citations:
            return
        self._cited = True
        if self._kind != "text":
            if self._text_index is not None:
                return
            self._open("text", Text(""))
            self._text_index = self._index
        self._out += [ev.CitationDelta(self._index, citation) for citation in citations]

    def _call(self, raw: JsonObject) -> None:
        self._close()
        self._next += self._calls.piece(raw, self._out, self._next)

    def _finish(self) -> None:
        if not self._started:
            self._start({})
        if self._sources and not self._cited and self._kind == "text":
            self._cite(decode_sources(self._sources))
        self._close()
        self._calls.finish(self._out, self._next)
        if self._usage is not None:
            self._out.append(ev.UsageReport(decode_usage(self._usage, self._tier)))
        self._out.append(ev.Finished(decode_finish(self._word, calls=bool(self._calls))))
        self._over = True

    def _fail(self, error: Error) -> None:
        if self._usage is not None:
            self._out.append(ev.UsageReport(decode_usage(self._usage, self._tier)))
        self._out.append(ev.Failed(error))
        self._over = True


def stream_decoder(origin: Origin) -> ChatStreamDecoder:
    return ChatStreamDecoder(origin)
