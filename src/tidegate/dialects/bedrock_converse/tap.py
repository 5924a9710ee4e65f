"""The reader of a Converse stream that is passed through untouched. It looks at the name of an event first and decodes only what carries
usage, the stop, an error, or the first content."""

from tidegate.dialects.bedrock_converse.errors import exception_of
from tidegate.dialects.bedrock_converse.usage import decode_usage
from tidegate.dialects.values import object_or_empty, parse
from tidegate.ir.errors import Error
from tidegate.ir.json import Json
from tidegate.ir.usage import Usage
from tidegate.wire.eventstream import EXCEPTION

_SILENT = frozenset(("messageStart", "contentBlockStop"))


class ConverseTap:
    """One stream. Its model stood in the URL."""

    __slots__ = ("committed", "error", "finished", "model", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.committed = False
        self.model: str | None = None
        self.error: Error | None = None

    def feed(self, event: str, data: bytes) -> bool:
        """Always False: a client of Converse always gets its usage."""
        if event in _SILENT or (self.committed and event in ("contentBlockDelta", "contentBlockStart")):
            return False
        try:
            raw = parse(data)
        except ValueError:
            raw = None
        if event.startswith(EXCEPTION):
            self.error = exception_of(event, raw)
        else:
            self._read(event, raw)
        return False

    def _read(self, event: str, raw: Json) -> None:
        found = object_or_empty(raw)
        if event == "contentBlockDelta":
            self.committed = _says(found.get("delta"))
        elif event == "contentBlockStart":
            self.committed = bool(found.get("start"))
        elif event == "messageStop":
            self.committed = self.finished = True
        elif event == "metadata":
            self.usage = decode_usage(found.get("usage"))


def _says(value: Json) -> bool:
    """Whether there is any text in a delta, or anything that is no text."""
    if type(value) is dict:
        return any(_says(inner) for inner in value.values())
    return bool(value)
