"""A client's `multipart/form-data` on its way to a provider: looked at as far as is needed, and sent on with some fields replaced.

What was looked at is in a scratch file. Where everything was, the form can be sent any number of times; else what still comes from the
client goes through as it comes, once.
"""

from collections.abc import AsyncGenerator, Mapping

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ports.scratch import Scratch, ScratchFile
from tidegate.proxy.body import arriving
from tidegate.proxy.call import Call
from tidegate.wire.multipart import FormError, FormReader, Part, boundary_of

_PIECE = 64 << 10
_NO_ROOM = Error(
    kind=ErrorKind.UNAVAILABLE, message="The gateway has no room for this upload on its disk now. Try again later.", code="no_room"
)


class Form:
    """`close` must be called at the end. Functions raise `GatewayError` for a form that is broken, late, or longer than it may be."""

    def __init__(self, call: Call, scratch: Scratch) -> None:
        content_type = call.headers.get(b"content-type", b"").decode("latin-1")
        try:
            boundary = boundary_of(content_type)
        except FormError as wrong:
            raise bad_request(f"This takes a form: {wrong}.", code="invalid_form") from None
        if call.client is None:
            raise ValueError("a call without a client has no form")
        self.content_type = content_type
        length = call.headers.get(b"content-length", b"")
        self._length = int(length) if length.isdigit() else None
        self._reader = FormReader(boundary)
        self._coming = arriving(call.client, call.headers, call.snapshot.server.upload_limit, "server.upload_limit")
        self._file: ScratchFile = scratch.open()
        self.is_whole = False
        self._is_sent = False

    async def close(self) -> None:
        await self._coming.aclose()
        self._file.close()

    async def look(self, *names: str) -> None:
        """Takes in what comes until all of these fields have come, or everything has."""
        while not self.is_whole and not set(names) <= {part.name for part in self._reader.parts}:
            await self._take()

    async def take_all(self) -> None:
        """Takes in everything: from now on the form can be sent more than once."""
        while not self.is_whole:
            await self._take()

    async def _take(self) -> None:
        piece = await anext(self._coming, b"")
        try:
            if not piece:
                self._reader.end()
                self.is_whole = True
                return
            self._reader.feed(piece)
        except FormError as wrong:
            raise _broken(wrong) from None
        try:
            await self._file.write(piece)
        except OSError:
            raise GatewayError(_NO_ROOM) from None

    def part(self, name: str) -> Part | None:
        """A part that has come. Raises `GatewayError` where there are two of the name."""
        found = [part for part in self._reader.parts if part.name == name]
        if len(found) > 1:
            raise bad_request(f"`{name}` stands in the form twice.", name, "duplicate_field")
        return found[0] if found else None

    def text(self, name: str) -> str:
        """The value of a field that has come; empty where there is none. Raises `GatewayError` for a file, and for what is no UTF-8."""
        part = self.part(name)
        if part is None:
            return ""
        try:
            if part.filename is None:
                return part.value.decode()
        except UnicodeDecodeError:
            pass
        raise bad_request(f"`{name}` must be text.", name, "invalid_type")

    async def read(self, part: Part) -> AsyncGenerator[bytes]:
        """The bytes of a part of a form that was taken in whole."""
        at = part.start
        while at < part.end:
            piece = await self._file.read(at, min(_PIECE, part.end - at))
            yield piece
            at += len(piece)

    def sent_as(self, values: Mapping[str, bytes]) -> "SentForm":
        """The form with other values in these fields, all of which have come."""
        return SentForm(self, values)

    async def pieces(self, values: Mapping[str, bytes]) -> AsyncGenerator[bytes]:
        """See `SentForm`."""
        if self._is_sent and not self.is_whole:
            raise GatewayError(Error(kind=ErrorKind.UPSTREAM, message="The upload went to a provider and cannot be sent again."))
        self._is_sent = True
        at = 0
        for part in sorted((part for name in values if (part := self.part(name))), key=lambda part: part.start):
            async for piece in self._stored(at, part.start):
                yield piece
            yield values[part.name]
            at = part.end
        async for piece in self._stored(at, self._file.size):
            yield piece
        if self.is_whole:
            return
        async for piece in self._coming:
            try:
                self._reader.feed(piece)
            except FormError as wrong:
                raise _broken(wrong) from None
            for name in values:
                self.part(name)
            yield piece
        try:
            self._reader.end()
        except FormError as wrong:
            raise _broken(wrong) from None

    async def _stored(self, at: int, end: int) -> AsyncGenerator[bytes]:
        while at < end:
            piece = await self._file.read(at, min(_PIECE, end - at))
            yield piece
            at += len(piece)

    def length(self, values: Mapping[str, bytes]) -> int | None:
        """Bytes of what `pieces` gives; None where the client does not say how much still comes."""
        whole = self._file.size if self.is_whole else self._length
        if whole is None:
            return None
        return whole + sum(len(value) - (part.end - part.start) for name, value in values.items() if (part := self.part(name)))


class SentForm:
    """The port `Upload`."""

    def __init__(self, form: Form, values: Mapping[str, bytes]) -> None:
        self._form = form
        self._values = values

    @property
    def length(self) -> int | None:
        return self._form.length(self._values)

    def pieces(self) -> AsyncGenerator[bytes]:
        return self._form.pieces(self._values)


def _broken(wrong: FormError) -> GatewayError:
    return bad_request(f"The form cannot be read: {wrong}.", code="invalid_form")
