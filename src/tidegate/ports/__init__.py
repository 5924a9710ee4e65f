"""What the planes need of the outside world, as protocols. `adapters` implements them, `app` chooses, `proxy` and `control` use.

All times are in seconds; `Clock.now` is Unix time, `Clock.monotonic` is for intervals.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from tidegate.ir.json import JsonObject
from tidegate.policy.snapshot import Target
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.providers.spec import AuthKind
from tidegate.records import Scope
from tidegate.usage_report import UsageQuery, UsageReport


class UpstreamFailure(Exception):
    """A call to a provider failed below HTTP. `phase` is where: `connect` (nothing was sent), `headers` (sent, no answer yet) or
    `body`. `timeout` tells silence from refusal. The message names no secret."""

    def __init__(self, phase: str, message: str, *, timeout: bool = False) -> None:
        super().__init__(message)
        self.phase = phase
        self.timeout = timeout


class Unsent(asyncio.CancelledError):
    """A call to a provider was cancelled before anything of it was sent."""


class SlowBody(Exception):
    """A client's request did not arrive within its time."""


class StorageUnavailable(Exception):
    """The database cannot be reached, or does not answer in time: nothing was changed, and later it may be."""


class BrokenBody(Exception):
    """What a client sends as its request's body is not of HTTP."""


class BodyTooLong(Exception):
    """A client's request is longer than it may be."""


RawHeaders: TypeAlias = list[tuple[bytes, bytes]]
"""Header names and values as they stand on the wire; names in lower case."""


class Client(Protocol):
    """One request of a client, and the way to answer it: `whole` once, or `begin`, any number of `piece`, and `end`. None of these waits.
    The task of a call whose client leaves is cancelled; what is sent after that is dropped."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> bytes:
        """As it came, without the query."""
        ...

    @property
    def query(self) -> bytes: ...

    @property
    def headers(self) -> RawHeaders:
        """In their order, with repeated ones."""
        ...

    @property
    def fields(self) -> Mapping[bytes, bytes]:
        """The headers by name; of a repeated one the last."""
        ...

    @property
    def peer(self) -> str:
        """The address at the other end of the connection: of the client, or of a proxy before it. Empty where there is none."""
        ...

    @property
    def is_begun(self) -> bool:
        """An answer has been started."""
        ...

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises `BodyTooLong` above `limit` bytes, `SlowBody` and `BrokenBody`."""
        ...

    def pieces(self, limit: int) -> AsyncGenerator[bytes]:
        """The body as it comes, in place of `body`: what nobody takes stays in the socket. Raises as `body` does."""
        ...

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """An answer in one piece; its length is told."""
        ...

    def begin(self, status: int, headers: RawHeaders) -> None:
        """The head of an answer without a length; it leaves with the first piece."""
        ...

    def piece(self, data: bytes) -> bool:
        """A part of the answer. False where the client reads too slowly: wait for `drained` before the next."""
        ...

    async def drained(self) -> None:
        """Until the client has read enough of what was sent."""
        ...

    def end(self) -> None:
        """The answer is complete."""
        ...


class UpstreamAnswer(Protocol):
    """An answer whose head has arrived."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of a repeated one the last."""

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `UpstreamFailure`, also where it is longer than `limit` bytes."""
        ...

    def piece(self) -> Awaitable[bytes]:
        """What has come of the body since the last piece, waiting for it; nothing at its end. Raises `UpstreamFailure`."""
        ...

    def pump(self, give: Callable[[bytes], bool]) -> Awaitable[bool]:
        """Hands on the rest of the body as it comes, without waking the caller for each piece: `give` is called within the event that
        brought a piece. True at the end of the body, False once `give` returned False: call again for the rest. Raises
        `UpstreamFailure`, and what `give` raises."""
        ...

    def flows(self) -> None:
        """Content has begun: from now on what only keeps the connection alive (pings) does not put off the deadline of silence."""
        ...

    def close(self) -> None:
        """The answer is done with: a connection whose body was not read to its end is closed at once."""
        ...


class Upload(Protocol):
    """A request's body that is sent as it comes. `length` is in bytes, None where it is not known before the end."""

    @property
    def length(self) -> int | None: ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body. What it raises ends the request."""
        ...


class Upstream(Protocol):
    def open(
        self,
        config: UpstreamConfig,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Upload,
        *,
        stream: bool,
        method: str = "POST",
        within: float = math.inf,
        may_repeat: Callable[[], bool] | None = None,
    ) -> Awaitable[UpstreamAnswer]:
        """Sends a request and waits for the head of the answer, within the provider's `timeouts`. Raises `UpstreamFailure`. An upload is
        left where it stands when the provider answers before its end. `within` so many seconds all of it must have come, whatever comes
        in between; else what waits for it gets the failure. Who is cancelled before anything was sent gets `Unsent`. A kept connection that
        dies at once without an answer was mostly closed before: the request goes out on another one then, unless `may_repeat` says no."""
        ...

    async def aclose(self) -> None: ...


class AccessFailure(Exception):
    """No access token can be had. The message names no secret. `permanent`: asking again does not help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class AccessTokens(Protocol):
    """Short-lived tokens for credentials that providers do not take themselves. They are kept until shortly before they expire, and
    calls that need the same one at once wait for one exchange."""

    async def token(self, kind: AuthKind, credential: str | None) -> str:
        """A token that is good for some minutes. `credential` is what the operator or the caller gave, None for the identity of the
        machine. Raises `AccessFailure`."""
        ...


class FreeQuota(Protocol):
    """What is left of free tiers, for routes that spend them first. Nothing waits."""

    def take(self, target: Target) -> bool:
        """Counts one request where the target's free tier has room for it; False where it has none. A target without one has."""
        ...

    def has_room(self, target: Target) -> bool:
        """The same for who only asks."""
        ...

    def settle(self, target: Target, tokens: int, status: int, headers: Mapping[str, str]) -> None:
        """What a request used, and what its provider said: an HTTP status (0 = none) and headers with names in lower case."""
        ...


class EgressAnswer(msgspec.Struct, frozen=True):
    """The answer of somebody else's server. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Egress(Protocol):
    """The guarded way to a URL that the operator's file does not name: see `policy.egress`. Redirects are answers like any other."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = ..., body: bytes = b"", limit: int = ..., seconds: float = ...
    ) -> EgressAnswer:
        """One GET or POST within `seconds`. Raises `UpstreamFailure`, also for an address that may not be reached."""
        ...


NO_LINES = msgspec.Raw(b"[]")


class UsageEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one attempt used and cost: one line of the ledger. Times in milliseconds; `cost_nano` in nano-dollars, None when the price
    is not known. `status` is the HTTP status towards the client, 499 where the client left. `lines` are the cost by kind of usage, or
    the JSON of that; `saved_nano` is what the provider's prompt cache saved, below 0 where writing to it cost more.

    `entry` says what the row is: `settled`, `unknown` (the process ended before the attempt did), `void` (nothing was sent), or
    `correction` (`correction:1`, `correction:2` and so on) of an earlier one. (`request_id`, `attempt`, `entry`) is unique.
    """

    request_id: str
    attempt: int
    at: float
    key: str
    key_name: str
    surface: str
    route: str
    target: str
    provider: str
    model: str
    stream: bool
    identity: bool
    status: int
    upstream_status: int | None
    error: str | None
    usage: JsonObject | None
    estimated: str | None
    cost_nano: int | None
    price_source: str | None
    duration_ms: float
    first_byte_ms: float | None
    receipt: list[JsonObject]
    request_body: str | None = None
    response_body: str | None = None
    org: str = "default"
    team: str = ""
    user: str = ""
    end_user: str = ""
    tags: list[str] = []
    lines: Sequence[object] | msgspec.Raw = NO_LINES
    saved_nano: int = 0
    entry: str = "settled"


class Events(Protocol):
    """Where usage goes, on the path of every call. Only `synced` waits."""

    @property
    def accepting(self) -> bool:
        """Whether new billable work may be taken. What runs may still be settled."""
        ...

    def begin(self, event: UsageEvent) -> None:
        """An attempt is about to be sent. `event` is what the ledger shall say if it is never settled."""
        ...

    def emit(self, event: UsageEvent) -> None:
        """The attempt is settled. Returns once the end of the process cannot lose the event."""
        ...

    async def synced(self) -> None:
        """Returns once everything that was emitted would survive a power loss, where the operator wants that; else at once. Raises
        `OSError` where it cannot be had."""
        ...


class PoisonEvents(Exception):
    """Some events of a batch can never be stored; all others are. `rows` are (index in the batch, why); `posted` counts the new ones."""

    def __init__(self, rows: Sequence[tuple[int, str]], posted: int) -> None:
        super().__init__(f"{len(rows)} usage events cannot be stored; the first: {rows[0][1]}")
        self.rows = tuple(rows)
        self.posted = posted


class Ledger(Protocol):
    async def post(self, events: Sequence[UsageEvent]) -> int:
        """Stores the events that are not there yet, with their rollups, in one transaction; the number of new ones. A batch may be given
        any number of times. Raises `PoisonEvents` once the rest is stored, and anything else where nothing was: try again later."""
        ...

    async def usage(self, scope: Scope, query: UsageQuery) -> UsageReport:
        """What was used and what it cost. Raises `UsageTooLarge` and `UsageGone`."""
        ...


class Metrics(Protocol):
    def begun(self, surface: str, route: str) -> None:
        """An attempt begins."""
        ...

    def attempt(self, event: UsageEvent, route: str, target: str, first_content: float | None) -> None:
        """Counts one attempt, which has ended. `route` (as for `begun`) and `target` are the event's where those are known here, and
        bounded in number; `first_content` is when the client got the first content, in seconds from the attempt's start."""
        ...

    def refused(self, surface: str, status: int) -> None:
        """Counts a call that was answered before any attempt."""
        ...

    def render(self) -> tuple[bytes, str]:
        """The page of `/metrics` and its content type."""
        ...


class Clock(Protocol):
    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class Random(Protocol):
    def request_id(self) -> str:
        """A new id of `[0-9a-z]`, unique and unguessable enough to be shown."""
        ...


class ThinkingCache(Protocol):
    """Reasoning that a client may drop between turns, by tenant and tool-call id; bounded."""

    def put(self, tenant: str, tool_id: str, blocks: bytes) -> None: ...

    def get(self, tenant: str, tool_id: str) -> bytes | None: ...


class TokenCounter(Protocol):
    def count(self, text: str, model: str) -> int:
        """An estimate of the tokens of `text`."""
        ...


class Secrets(Protocol):
    def base62(self, length: int) -> str:
        """That many random characters of `[0-9A-Za-z]`, good enough for keys."""
        ...


class Unsealable(ValueError):
    """Sealed bytes that do not open: changed, moved from another place, or sealed with a key that is not there."""


class Sealer(Protocol):
    """Keeps bytes secret at rest. What they are for (`purpose`), whose they are, their id and their version are authenticated: sealed bytes
    open with the same four only. Takes some 10 µs and never waits."""

    @property
    def kek_id(self) -> str:
        """The id of the key that seals now. It is kept in a column beside the sealed bytes, so that a lost key is noticed at the start."""
        ...

    def seal(self, purpose: str, tenant: str, id: str, plaintext: bytes, *, version: int = 1) -> bytes: ...

    def open(self, purpose: str, tenant: str, id: str, sealed: bytes, *, version: int = 1) -> bytes:
        """Raises `Unsealable`."""
        ...

    def rewrap(self, purpose: str, tenant: str, id: str, sealed: bytes, *, version: int = 1) -> bytes:
        """The same, under the key that seals now; nothing is decrypted but the key of these bytes. Raises `Unsealable`."""
        ...
