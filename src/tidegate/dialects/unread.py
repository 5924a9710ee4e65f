"""What a provider says that nobody here knows: found on its way through a decoder, told to every encoder, and so on the receipt."""

from collections.abc import Iterable, Iterator

from tidegate.dialects.values import object_or_empty
from tidegate.ir.events import NativeEvent
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.response import Response

_UNKNOWN = "nobody here knows what it means"


def fresh(raw: JsonObject, known: frozenset[str], path: str) -> Iterator[str]:
    """The paths of an object's fields that are not known and say something."""
    for name in raw.keys() - known:
        if raw[name] not in (None, "", [], {}):
            yield f"{path}{name}"


def unread(names: Iterable[str], seen: set[str]) -> list[NativeEvent]:
    """One event for those that have not been seen in a stream yet; `seen` grows by them."""
    new = [name for name in names if name not in seen]
    seen.update(new)
    return [NativeEvent("", dict.fromkeys(sorted(new)))] if new else []


def note_event(losses: list[Loss], event: NativeEvent) -> None:
    """What is lost of an event that is of another dialect than the client's, once however often it comes."""
    for name in _names(event.raw) if event.dialect else event.raw:
        loss = Loss("dropped", name, f"an event that only {event.dialect} has" if event.dialect else _UNKNOWN)
        if loss not in losses:
            losses.append(loss)


def note_unread(losses: list[Loss], response: Response) -> None:
    """The same of a whole answer."""
    for name in response.unread:
        losses.append(Loss("dropped", name, _UNKNOWN))


def _names(raw: JsonObject) -> Iterator[str]:
    """An event by its type and what stands in it, or the fields that stand beside an answer."""
    kind, delta = raw.get("type"), object_or_empty(raw.get("delta"))
    if type(kind) is not str:
        yield from raw
        return
    word = delta.get("type")
    inside = [word] if type(word) is str else [*delta]
    if kind == "message_delta":
        inside += [name for name in raw if name not in ("type", "delta")]
    yield from (f"{kind}.{name}" for name in inside) if inside else (kind,)
