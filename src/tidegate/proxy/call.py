"""One client request from its first byte to its last: the only mutable thing on the path."""

from collections.abc import Mapping

import msgspec

from tidegate.dialects.base import Dialect, Head, Stamp
from tidegate.ir.request import Request
from tidegate.policy.snapshot import Key, Snapshot
from tidegate.wire.splice import Fields

NO_KEY = Key(id="", name="", digest=b"")


class Call(msgspec.Struct, kw_only=True, gc=False):
    """`headers` are the client's, names in lower case. `started` is monotonic, `at` Unix time, both in seconds. The fields below `body` are
    filled as the call goes down the pipeline."""

    id: str
    started: float
    at: float
    snapshot: Snapshot
    surface: str
    dialect: Dialect
    headers: Mapping[bytes, bytes]
    query: bytes
    body: bytes = b""
    key: Key = NO_KEY
    fields: Fields | None = None
    head: Head = Head("", False)
    request: Request | None = None
    attempts: int = 0

    @property
    def stamp(self) -> Stamp:
        """What encoders may use to make ids and times."""
        return Stamp(self.id, int(self.at))
