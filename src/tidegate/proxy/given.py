"""Ids that a provider gives in its answers: of the container that its own tools ran in, and of files that they made there. Whose they are
is written down, so that the next turn may name them. Only of calls that ask for such tools, and only where the provider itself puts them:
what a model says to a client's tool is not believed."""

from collections.abc import Iterator

from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ports import Client, RawHeaders
from tidegate.ports.kept import Kept, Kind
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.keeping import KeepingClient
from tidegate.proxy.reply import Reply
from tidegate.wire.sse import SseParser

_TOOLS = {"anthropic": b'"code_execution', "openai_responses": b'"code_interpreter"'}
_SIGN = b"container"
_LIFE = 30 * 86_400.0
"""Seconds: Anthropic's containers last so long (https://platform.claude.com/docs/en/agents-and-tools/tool-use/code-execution-tool)."""
_LONGEST = 64 << 20
_MADE = "assistants_output"
_OK = 200


def note(app: App, call: Call, reply: Reply) -> None:
    """From now on what `call` is answered is looked at, where it asks for a tool that gives ids."""
    tools = call.fields.raw.get("tools")
    mark = _TOOLS.get(call.dialect.name)
    if tools is not None and mark is not None and mark in bytes(tools):
        reply.through(lambda client: GivenClient(client, app, call))


class GivenClient(KeepingClient):
    """See `ports.Client`."""

    def __init__(self, client: Client, app: App, call: Call) -> None:
        super().__init__(client, _nothing)
        self._app = app
        self._call = call
        self._parser = SseParser(_LONGEST)

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        if status == _OK:
            self._look(body)
        self._client.whole(status, headers, body)

    def piece(self, data: bytes) -> bool:
        for frame in self._parser.feed(data):
            if frame.data is not None and (_SIGN in frame.data or b"file_id" in frame.data):
                self._look(frame.data)
        return self._client.piece(data)

    def _look(self, body: bytes) -> None:
        target = self._call.target
        if target is None or target.dialect_for(self._call.dialect.name) != self._call.dialect.name:
            return
        try:
            value = object_or_empty(parse(body))
        except ValueError:
            return
        for kind, id in found(value):
            facts: JsonObject = {"filename": id, "purpose": _MADE, "bytes": 0, "created": int(self._call.at)}
            self._app.conversations.put(
                Kept(
                    org=self._call.key.org,
                    id=id,
                    key=self._call.key.id,
                    kind=kind,
                    upstream=target.upstream.name,
                    account=target.account_id,
                    at=self._call.at,
                    expires=self._call.at + _LIFE,
                    body=dump(facts) if kind == "file" else b"",
                    state=_MADE if kind == "file" else "container",
                )
            )


def _nothing(_response: JsonObject) -> None:
    return


def found(value: JsonObject) -> Iterator[tuple[Kind, str]]:
    """What an answer, or an event of a stream, gives."""
    for holder in (value, object_or_empty(value.get("message")), object_or_empty(value.get("delta"))):
        id = text_or_empty(object_or_empty(holder.get("container")).get("id"))
        if id:
            yield "container", id
        yield from _blocks(holder.get("content"))
    yield from _blocks([value.get("content_block"), value.get("item")])
    yield from _blocks(object_or_empty(value.get("response")).get("output"))
    yield from _blocks(value.get("output"))


def _blocks(value: Json) -> Iterator[tuple[Kind, str]]:
    for block in value if type(value) is list else []:
        one = object_or_empty(block)
        kind = text_or_empty(one.get("type"))
        if kind == "code_interpreter_call":
            id = text_or_empty(one.get("container_id"))
            if id:
                yield "container", id
        elif kind.endswith("code_execution_tool_result"):
            inner = object_or_empty(one.get("content")).get("content")
            for output in inner if type(inner) is list else []:
                id = text_or_empty(object_or_empty(output).get("file_id"))
                if id:
                    yield "file", id
