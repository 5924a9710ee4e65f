"""`multipart/form-data`, incrementally: where each part of a body stands, and what the small ones say, while the body passes by.

The reader keeps nothing of a file's bytes. It gives offsets, so that a field can be replaced where the body is sent on and every other byte
stays as it was. Strict about framing (RFC 7578 with CRLF line ends): what others could read differently is refused.
"""

import re

import msgspec

_BOUNDARY = re.compile(r"""[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]""")
_PARAMETER = re.compile(r""";\s*([A-Za-z0-9*_-]+)\s*=\s*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]+))""")
HEAD_LIMIT = 8 << 10
"""Bytes of one part's headers."""
FIELD_LIMIT = 1 << 20
"""Bytes of a part that is no file: prompts are the longest."""
PARTS_LIMIT = 256


class FormError(ValueError):
    """The body is no form that every reader would read alike."""


class Part(msgspec.Struct, frozen=True):
    """One part: its value stands at `[start, end)` of the body, in bytes. `filename` is None where it is a plain field, whose `value` is
    kept then; a file's is empty."""

    name: str
    filename: str | None
    content_type: str
    start: int
    end: int
    value: bytes = b""


def boundary_of(content_type: str) -> bytes:
    """The boundary that a `content-type` header names. Raises `FormError`."""
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise FormError("the content-type must be multipart/form-data")
    found = _parameters(";" + rest).get("boundary", "")
    if not _BOUNDARY.fullmatch(found):
        raise FormError("the content-type names no valid boundary of at most 70 characters")
    return found.encode()


class FormReader:
    """Feed it the body as it comes, then ask `end`. `parts` are those that are complete."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter stands at the start of the body, as if a line had ended before it.
        self._rest = b"\r\n"
        self._at = -2
        self._step = self._first
        self._head: Part | None = None
        self._value: list[bytes] = []
        self._is_over = False
        self.parts: list[Part] = []

    def feed(self, chunk: bytes) -> None:
        """Raises `FormError`."""
        self._rest += chunk
        while self._step():
            pass

    def end(self) -> list[Part]:
        """All parts. Raises `FormError` where the closing delimiter has not come."""
        if not self._is_over:
            raise FormError("the form is cut: its closing boundary is missing")
        return self.parts

    def _drop(self, count: int) -> bytes:
        dropped, self._rest = self._rest[:count], self._rest[count:]
        self._at += count
        return dropped

    def _first(self) -> bool:
        if len(self._rest) < len(self._delimiter):
            return False
        if not self._rest.startswith(self._delimiter):
            raise FormError("the body does not begin with its boundary")
        self._drop(len(self._delimiter))
        self._step = self._after_delimiter
        return True

    def _after_delimiter(self) -> bool:
        if len(self._rest) < 2:
            return False
        mark = self._drop(2)
        if mark == b"--":
            self._is_over = True
            self._step = self._epilogue
        elif mark == b"\r\n":
            if len(self.parts) >= PARTS_LIMIT:
                raise FormError(f"the form has more than {PARTS_LIMIT} parts")
            self._step = self._headers
        else:
            raise FormError("a boundary is followed by other bytes than a line end")
        return True

    def _epilogue(self) -> bool:
        self._drop(len(self._rest))
        return False

    def _headers(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end > HEAD_LIMIT or (end < 0 and len(self._rest) > HEAD_LIMIT):
            raise FormError(f"the headers of a part are longer than {HEAD_LIMIT} bytes")
        if end < 0:
            return False
        head = self._drop(end + 4)[:-4]
        if self._delimiter in b"\r\n" + head:
            raise FormError("a boundary stands among the headers of a part")
        self._head = _part(head, self._at)
        self._step = self._data
        return True

    def _data(self) -> bool:
        if self._head is not None and self._at == self._head.start:
            if len(self._rest) < len(self._delimiter):
                return False
            if self._rest.startswith(self._delimiter[2:]):
                raise FormError("a part begins with the boundary")
        found = self._rest.find(self._delimiter)
        if found < 0:
            # The end of what has arrived may be the beginning of a delimiter.
            self._take(max(0, len(self._rest) - len(self._delimiter) + 1))
            return False
        self._take(found)
        head = self._head
        if head is not None:
            self.parts.append(msgspec.structs.replace(head, end=self._at, value=b"".join(self._value)))
        self._value.clear()
        self._drop(len(self._delimiter))
        self._step = self._after_delimiter
        return True

    def _take(self, count: int) -> None:
        data = self._drop(count)
        head = self._head
        if head is not None and head.filename is None:
            if self._at - head.start > FIELD_LIMIT:
                raise FormError(f"the field `{head.name[:64]}` is longer than {FIELD_LIMIT} bytes")
            self._value.append(data)


def _part(head: bytes, start: int) -> Part:
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise FormError("the headers of a part are not UTF-8") from None
    disposition, content_type = "", ""
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line or "\0" in line:
            raise FormError("a part has a header that is none")
        match name.lower():
            case "content-disposition":
                if disposition:
                    raise FormError("a part has two content-dispositions")
                disposition = value.strip()
            case "content-type":
                content_type = value.strip()
            case "content-transfer-encoding":
                if value.strip().lower() not in ("binary", "8bit", "7bit"):
                    raise FormError("a part has a content-transfer-encoding, which HTTP does not use")
            case _:
                pass
    kind, _, rest = disposition.partition(";")
    parameters = _parameters(";" + rest)
    if kind.strip().lower() != "form-data" or "name" not in parameters:
        raise FormError("a part has no `content-disposition: form-data; name=...`")
    filename = parameters.get("filename", parameters.get("filename*"))
    return Part(parameters["name"], filename, content_type, start, start)


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(text):
        key = name.lower()
        if key in found:
            raise FormError(f"a header says `{key}` twice")
        found[key] = re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
    return found
