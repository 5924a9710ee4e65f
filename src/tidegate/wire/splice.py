"""Surgery on the top level of a JSON object: find fields, replace, add, rename or drop them, and leave every other byte as it was.

Provider prompt caches depend on the bytes and their order, so a body that only changes its `model` is never re-encoded.
`scan` also finds what makes a body ambiguous (duplicate names, bytes that are not UTF-8), because the bytes that policy read
must be the bytes that are sent.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAME = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_SPACE = re.compile(rb"[ \t\n\r]*")
_ANY = msgspec.json.Decoder()
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OUTSIDE = re.compile(rb"[,\[{]")
_OFFSET = re.compile(r"\(byte (\d+)\)")
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_PAIR = re.compile(rb"(?<!\\)(?:%b(?!%b)|(?<!%b)%b)" % (_HIGH, _LOW, _HIGH, _LOW))
"""Clients that cut texts between the halves of a pair write such; the decoder's words for it say something else."""
_NEAR = 24
"""Bytes from where the decoder stops, in which what it stops at stands."""


DEEPEST = 64
"""Levels of objects and arrays in a body that is read in full."""
MOST_VALUES = 100_000
"""Values in such a body: each is an object of Python's, of many times its size on the wire."""


class JsonError(ValueError):
    """The bytes are not one JSON object with distinct names. `offset` is in bytes, where it is known; `name` is the duplicate."""

    def __init__(self, message: str, offset: int | None = None, name: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.name = name


class Span(msgspec.Struct, frozen=True, gc=False):
    """Where a field stands, in byte offsets: its quoted name starts at `name`, its value is `[value, end)`."""

    name: int
    value: int
    end: int


class Fields:
    """A scanned body: the top-level fields in their order. The body is kept as it came. `raw` are the values by name; `spans` are found
    when they are asked for, since only surgery needs them."""

    __slots__ = ("_spans", "body", "is_bare", "raw")

    def __init__(self, body: bytes, raw: dict[str, msgspec.Raw]) -> None:
        self.body = body
        self.raw = raw
        self._spans: dict[str, Span] | None = None
        # The shortest that an object with these members can be: no blank, no escape in a name, and no member that the decoder did not keep.
        self.is_bare = len(body) == 4 * len(raw) + 1 + sum(map(len, raw)) + sum(map(len, raw.values()))

    @property
    def spans(self) -> dict[str, Span]:
        """Where the fields stand. Raises `JsonError` where a name stands twice."""
        if self._spans is None:
            self._spans = _laid_out(self.raw) if self.is_bare else _spans(self.body, self.raw)
        return self._spans

    def get(self, name: str) -> bytes | None:
        """The bytes of a field's value, or None where it is absent."""
        value = self.raw.get(name)
        return None if value is None else bytes(value)


def scan(body: bytes) -> Fields:
    """Reads the top level of `body`. Raises `JsonError` for bad UTF-8, bad syntax, no object, or a name that stands twice."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise JsonError(f"invalid UTF-8 at byte {error.start}", error.start) from None
    try:
        raw = _DECODER.decode(body)
    except msgspec.ValidationError:
        raise JsonError("the body must be a JSON object") from None
    except msgspec.DecodeError as error:
        found = _OFFSET.search(str(error))
        offset = int(found.group(1)) if found else len(body)
        half = _HALF_PAIR.search(body, max(0, offset - _NEAR), offset + _NEAR)
        if half is None:
            raise JsonError(f"invalid JSON: {error}", offset) from None
        words = f"`{half.group().decode()}` is half of a surrogate pair, whose other half is missing (byte {half.start()})"
        raise JsonError(f"invalid JSON: {words}", half.start()) from None
    except RecursionError:
        raise JsonError("the JSON is nested too deeply") from None
    fields = Fields(body, raw)
    if not fields.is_bare:
        _ = fields.spans
    return fields


def read(body: bytes) -> Any:
    """What a scanned body says, in full. Raises `JsonError` where a name stands twice in any object, where the nesting is deeper than
    `DEEPEST`, and where there are more values than `MOST_VALUES`."""
    if len(body) > 2 * MOST_VALUES and _values(body) > MOST_VALUES:
        raise JsonError(f"the JSON has more than {MOST_VALUES} values")
    try:
        value = _ANY.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise JsonError(f"invalid JSON: {error}") from None
    if _count(body, b"{") + _count(body, b"[") > DEEPEST and _is_deep(value):
        raise JsonError(f"the JSON is nested deeper than {DEEPEST} levels")
    # What the decoder kept, written in the shortest way, is as long as the body only if it dropped nothing. (But for numbers with
    # exponents, which it writes out: whoever counts on that gets the last of the two values, as from any reader of JSON.)
    if len(msgspec.json.encode(value)) != len(body):
        json.loads(body, object_pairs_hook=_distinct, parse_int=str, parse_float=str)
    return value


def _values(body: bytes) -> int:
    """How many values there are, or a few more: a comma for each but the first of a container."""
    if _count(body, b",") + _count(body, b"[") + _count(body, b"{") < MOST_VALUES:
        return 0  # commas in texts are counted too, and are not so many
    return len(_OUTSIDE.findall(_TEXT.sub(b"", body))) + 1


def _count(body: bytes, mark: bytes) -> int:
    """Of a mark of one byte. `bytes.count` looks at each byte by itself, `replace` jumps to the next mark (CPython 3.11, stringlib's
    fastsearch.h and transmogrify.h): a long prompt is counted in a fiftieth of the time."""
    return len(body) - len(body.replace(mark, b""))


def _is_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for item in level:
            inner += item.values() if type(item) is dict else item
        level = [item for item in inner if type(item) is dict or type(item) is list]
    return bool(level)


def _distinct(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if any(name == other for other, _ in pairs[:place]))
        raise JsonError(f"the field {twice!r} stands twice in one object", name=twice)


def splice(
    fields: Fields,
    set_fields: Mapping[str, bytes],
    *,
    rename: Mapping[str, str] | None = None,
    drop: Collection[str] = (),
) -> bytes:
    """The body with the values of `set_fields` (JSON bytes) in place or added at the end, names of `rename` changed, and fields of
    `drop` gone. A rename whose new name is already there is left alone. Everything else keeps its bytes."""
    body, spans = fields.body, fields.spans
    edits = _cuts(spans, drop)
    for old, new in (rename or {}).items():
        span = spans.get(old)
        if span is not None and new not in spans and old not in drop:
            edits.append((span.name, span.value, msgspec.json.encode(new) + b":"))
    added: list[bytes] = []
    for name, value in set_fields.items():
        span = spans.get(name)
        if span is None or name in drop:
            added.append(msgspec.json.encode(name) + b":" + value)
        elif body[span.value : span.end] != value:
            edits.append((span.value, span.end, value))
    if not edits and not added:
        return body
    return _apply(body, edits, added, bare=all(name in drop for name in spans))


def _cuts(spans: dict[str, Span], drop: Collection[str]) -> list[tuple[int, int, bytes]]:
    """The cuts that take whole fields out, each with one comma: the one before it, or while no field is kept yet the one after."""
    cuts: list[tuple[int, int, bytes]] = []
    if not drop:
        return cuts
    items = list(spans.items())
    kept = False
    for index, (name, span) in enumerate(items):
        if name not in drop:
            kept = True
        elif kept:
            cuts.append((items[index - 1][1].end, span.end, b""))
        else:
            after = items[index + 1][1].name if index + 1 < len(items) else span.end
            cuts.append((span.name, after, b""))
    return cuts


def _apply(body: bytes, edits: list[tuple[int, int, bytes]], added: list[bytes], *, bare: bool) -> bytes:
    """`bare` says that no field of the body is left, so that the first addition needs no comma."""
    edits.sort()
    pieces: list[bytes] = []
    at = 0
    for start, end, value in edits:
        pieces += (body[at:start], value)
        at = end
    close = body.rindex(b"}")
    pieces.append(body[at:close])
    if added:
        pieces.append((b"" if bare else b",") + b",".join(added))
    pieces.append(body[close:])
    return b"".join(pieces)


def _laid_out(raw: dict[str, msgspec.Raw]) -> dict[str, Span]:
    """As `_spans`, for an object that has nothing but its members."""
    spans: dict[str, Span] = {}
    at = 1
    for name, value in raw.items():
        start = at + len(name) + 3
        end = start + len(value)
        spans[name] = Span(at, start, end)
        at = end + 1
    return spans


def _spans(body: bytes, raw: dict[str, msgspec.Raw]) -> dict[str, Span]:
    """Walks the names and jumps over the values. The decoder kept only the last of two equal names, so any difference between this
    walk and what it kept is a duplicate."""
    spans: dict[str, Span] = {}
    at = body.index(b"{") + 1
    for name, kept in raw.items():
        quoted = f'"{name}":'.encode("utf-8", "surrogatepass")
        # Most bodies have no blanks around the first name or a colon, and no escapes in names: then no pattern is needed.
        if body[at : at + 1] in b" \n\t\r":
            at = _after_blanks(body, at)
        if body.startswith(quoted, at):
            name_at, start = at, at + len(quoted)
            if body[start : start + 1] in b" \n\t\r":
                start = _after_blanks(body, start)
        else:
            found = _NAME.match(body, at)
            if found is None or msgspec.json.decode(found.group(1)) != name:
                raise _duplicate(body)
            name_at, start = found.start(1), found.end()
        value = bytes(kept)
        if not body.startswith(value, start):
            raise _duplicate(body)
        end = after = start + len(value)
        if body[after : after + 1] not in b",}":
            after = _after_blanks(body, after)
            if body[after : after + 1] not in b",}":
                raise _duplicate(body)
        spans[name] = Span(name_at, start, end)
        at = after + 1
    if spans and body[at - 1 : at] != b"}":
        raise _duplicate(body)
    return spans


def _after_blanks(body: bytes, at: int) -> int:
    found = _SPACE.match(body, at)
    return found.end() if found else at


def _duplicate(body: bytes) -> JsonError:
    """Names the duplicate: a slow full parse that only a refused body pays for."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in items]
        twice[:] = [name for name in names if names.count(name) > 1]
        return {}

    json.loads(body, object_pairs_hook=pairs)
    name = twice[0] if twice else ""
    return JsonError(f"the field {name!r} stands twice in the body", name=name)
