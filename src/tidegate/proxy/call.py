"""One client request from its first byte to its last: the only mutable thing on the path."""

from collections.abc import Mapping

import msgspec

from tidegate.dialects.base import Dialect, Head, Stamp
from tidegate.dialects.reading import as_body
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.policy.overload.queue import Priority
from tidegate.policy.route import Planner
from tidegate.policy.signed import Signed
from tidegate.policy.snapshot import Key, Snapshot, Target
from tidegate.ports import Client
from tidegate.wire.splice import Fields

NO_FIELDS = Fields(b"{}", {})
NO_KEY = Key(id="", name="", digest=b"")


class Call(msgspec.Struct, kw_only=True, gc=False):
    """`headers` are the client's, names in lower case. `started` is monotonic, `at` Unix time, both in seconds. `planner`
    is that of the snapshot captured at the start. The fields below `body` are filled as the call goes down the pipeline, `target` with the
    one that was tried last; `head` is there from the start where the URL says what it says, and `params` are the parts of the path that
    the surface names. `client` is there where the body is read as it comes."""

    id: str
    started: float
    at: float
    planner: Planner
    dialect: Dialect
    headers: Mapping[bytes, bytes]
    path: bytes
    query: bytes
    surface: str = ""
    params: Mapping[str, str] = {}
    body: bytes = b""
    client: Client | None = None
    key: Key = NO_KEY
    signed: Signed | None = None
    fields: Fields = NO_FIELDS
    head: Head = Head("", False)
    request: Request | None = None
    target: Target | None = None
    acts: bool = False
    """It does something at its provider that may not happen twice, whatever its body says."""
    was_sent: bool = False
    """A provider may have done something for it."""
    why: str = ""
    """What chose the order of the targets, and what it left out."""
    losses: list[Loss] = []
    """What became of the request before any target was chosen."""
    attempts: int = 0
    priority: Priority = Priority.INTERACTIVE
    patience: float | None = None
    """Seconds for which it waits for its turn, in place of the operator's."""
    queued: bytes = b""
    """How it waited for its turn, where it had to."""

    def asked(self, body: JsonObject) -> Request:
        """`body`, in the client's dialect, as a neutral request. Raises `GatewayError`."""
        request = self.dialect.read_request(body)
        request.model, request.stream = self.head.model, self.head.stream
        return request

    def meant(self) -> Request:
        """The whole of the request, also where nothing has asked for it yet. Raises `GatewayError`."""
        return self.request or self.asked(as_body(self.body))

    @property
    def snapshot(self) -> Snapshot:
        return self.planner.snapshot

    @property
    def request_id(self) -> str:
        """The id that the client sees, in headers, errors and the log."""
        return "req_" + self.id

    @property
    def stamp(self) -> Stamp:
        """What encoders may use to make ids and times."""
        return Stamp(self.id, int(self.at))
