"""Events to response and back: `fold(events)` is the whole answer that a stream told, `unfold(response)` a stream that tells it."""

from collections.abc import Iterable, Iterator

from tidegate.ir import events as ev
from tidegate.ir.content import Block, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import GatewayError
from tidegate.ir.response import Response, Stop
from tidegate.ir.usage import Usage


class Fold:
    """Builds the `Response` from events, one at a time. `response()` can be asked for at any point."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._started: ev.Started | None = None
        self._blocks: dict[int, Block] = {}
        self._stop = Stop("unknown")
        self.usage: Usage | None = None
        self.finished = False

    def add(self, event: ev.Event) -> None:
        """Raises `GatewayError` on `Failed`."""
        match event:
            case ev.Started():
                self._started = event
            case ev.BlockStart(index=index, block=block):
                self._blocks[index] = _copy(block)
            case ev.TextDelta() | ev.ThinkingDelta() | ev.ArgsDelta() | ev.CitationDelta():
                _append(self._blocks[event.index], event)
            case ev.UsageReport(usage=usage):
                self.usage = usage
            case ev.Finished(stop=stop):
                self._stop = stop
                self.finished = True
            case ev.Failed(error=error):
                raise GatewayError(error)
            case ev.BlockStop() | ev.NativeEvent():
                pass

    def response(self) -> Response:
        started = self._started or ev.Started("", "")
        return Response(
            dialect=self._dialect,
            id=started.id,
            model=started.model,
            created=started.created,
            service_tier=started.service_tier,
            blocks=[self._blocks[i] for i in sorted(self._blocks)],
            stop=self._stop,
            usage=self.usage,
        )


def fold(events: Iterable[ev.Event], dialect: str) -> Response:
    """The answer that a finished stream told."""
    folding = Fold(dialect)
    for event in events:
        folding.add(event)
    return folding.response()


def unfold(response: Response) -> Iterator[ev.Event]:
    """A stream that tells `response`, one delta per block."""
    yield ev.Started(response.id, response.model, response.created, response.service_tier, response.dialect, response.usage)
    for index, block in enumerate(response.blocks):
        match block:
            case Text(text=text, citations=citations):
                yield ev.BlockStart(index, Text("", extras=block.extras))
                for citation in citations:
                    yield ev.CitationDelta(index, citation)
                if text:
                    yield ev.TextDelta(index, text)
            case Refusal(text=text):
                yield ev.BlockStart(index, Refusal("", extras=block.extras))
                yield ev.TextDelta(index, text)
            case Thinking(text=text, signature=signature):
                start = Thinking("", redacted=block.redacted, origin=block.origin, extras=block.extras)
                yield ev.BlockStart(index, start)
                if text or signature is not None:
                    yield ev.ThinkingDelta(index, text, signature)
            case ToolUse(arguments=arguments):
                start = ToolUse(block.id, block.name, "", block.kind, None, block.extras, block.signature, block.origin)
                yield ev.BlockStart(index, start)
                if arguments:
                    yield ev.ArgsDelta(index, arguments)
            case _:
                yield ev.BlockStart(index, block)
        yield ev.BlockStop(index)
    if response.usage is not None:
        yield ev.UsageReport(response.usage)
    yield ev.Finished(response.stop)


def _copy(block: Block) -> Block:
    match block:
        case Text():
            return Text(block.text, citations=list(block.citations), cache=block.cache, extras=block.extras)
        case Thinking():
            return Thinking(block.text, block.signature, block.redacted, block.origin, block.extras)
        case ToolUse():
            return ToolUse(block.id, block.name, block.arguments, block.kind, None, block.extras, block.signature, block.origin)
        case Refusal():
            return Refusal(block.text, extras=block.extras)
        case _:
            return block


def _append(block: Block, delta: ev.TextDelta | ev.ThinkingDelta | ev.ArgsDelta | ev.CitationDelta) -> None:
    match block, delta:
        case ((Text() | Refusal()), ev.TextDelta()):
            block.text += delta.text
        case Text(), ev.CitationDelta():
            block.citations.append(delta.citation)
        case Thinking(), ev.ThinkingDelta():
            block.text += delta.text
            if delta.signature is not None:
                block.signature = (block.signature or "") + delta.signature
        case ToolUse(), ev.ArgsDelta():
            block.arguments += delta.text
        case _:
            raise TypeError(f"{type(delta).__name__} does not fit a {type(block).__name__} block")
