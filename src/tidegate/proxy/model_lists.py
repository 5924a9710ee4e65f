"""Providers are asked for their models: one look at a list, and which looks are due. Run by `app.model_lists`, beside all calls.

A provider that does not answer keeps the list that it had; it is asked again after a minute, then two, and so on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tidegate.dialects.table import DIALECTS
from tidegate.dialects.values import parse
from tidegate.ir.errors import GatewayError
from tidegate.ir.json import Json
from tidegate.policy.credentials import with_accounts
from tidegate.policy.snapshot import Snapshot
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import AccessFailure, AccessTokens, Upstream, UpstreamFailure
from tidegate.providers.auth import access_headers, exchanges
from tidegate.providers.lists import MOST_MODELS, Listed, ProviderList, Shape, read_page, shapes_of, source_of, url_of
from tidegate.proxy.provider_kept import own_headers

_LIMIT = 16 << 20
"""Bytes of one page. OpenRouter's list, the longest known, has under one million."""
_MOST_PAGES = 20
INTERVAL = 6 * 3600.0
"""Seconds between two looks at a list, give or take a fifth of it."""
FIRST = 1.0
"""Seconds within which a new provider is asked first."""
_AGAIN = 60.0
_LONGEST = 30.0
_AT_ONCE = 4

Lists = Mapping[str, ProviderList]


class NoList(Exception):
    """A list cannot be read. The message names no secret."""


class Asking(msgspec.Struct, frozen=True):
    """What it takes to ask: `now` is Unix time."""

    sender: Upstream
    access: AccessTokens
    now: Callable[[], float]


def can_be_asked(upstream: UpstreamConfig) -> bool:
    """Whether a list can be asked for with what the operator gave."""
    secret = _secret(upstream)
    return not upstream.missing and (upstream.auth == "none" or bool(secret) or exchanges(upstream.auth, secret))


async def read_lists(asking: Asking, upstream: UpstreamConfig, shapes: Sequence[Shape]) -> tuple[tuple[Listed, ...], str]:
    """The provider's lists as one, and why some of them could not be read. Raises `NoList` where none could."""
    found: dict[str, Listed] = {}
    flaws: list[str] = []
    for shape in shapes:
        try:
            rows = await read_list(asking, upstream, shape)
        except NoList as flaw:
            flaws.append(f"{shape.path.partition('?')[0]}: {flaw}" if len(shapes) > 1 else str(flaw))
        else:
            found = {row.id: row for row in rows} | found
    if len(flaws) == len(shapes):
        raise NoList("; ".join(flaws))
    return tuple(found.values())[:MOST_MODELS], "; ".join(flaws)


async def read_list(asking: Asking, upstream: UpstreamConfig, shape: Shape) -> tuple[Listed, ...]:
    """All pages, as one list without repeats. Raises `NoList`."""
    found: dict[str, Listed] = {}
    cursor = ""
    asker = _with_credential(upstream)
    for _ in range(_MOST_PAGES):
        rows, after = _rows(asker, shape, await _page(asking, asker, url_of(asker.spec, shape, asker.base_url, asker.parts, cursor)))
        for row in rows:
            found.setdefault(row.id, row)
        if not after or after == cursor or len(found) >= MOST_MODELS:
            break
        cursor = after
    return tuple(found.values())[:MOST_MODELS]


def _secret(upstream: UpstreamConfig) -> str | None:
    credential = upstream.accounts[0].secret if upstream.accounts else upstream.credential
    return credential.reveal() if credential is not None else None


def _with_credential(upstream: UpstreamConfig) -> UpstreamConfig:
    """With the first of its shared credentials, where the database has some."""
    return with_accounts(upstream, upstream.accounts[:1]) if upstream.accounts else upstream


def _rows(upstream: UpstreamConfig, shape: Shape, body: Json) -> tuple[list[Listed], str]:
    try:
        return read_page(upstream.spec, shape, body)
    except ValueError as flaw:
        raise NoList(str(flaw)) from None


async def _page(asking: Asking, upstream: UpstreamConfig, url: str) -> Json:
    dialect = DIALECTS.get(upstream.spec.dialect)
    try:
        headers = {**(dialect.headers if dialect is not None else {}), **own_headers(upstream, exchanged=True)}
        secret = _secret(upstream)
        if exchanges(upstream.auth, secret):
            token = await asking.access.token(upstream.auth, secret)
            headers |= access_headers(
                upstream.auth, token, upstream.parts, url=url, headers=headers, body=b"", at=asking.now(), method="GET"
            )
        answer = await asking.sender.open(upstream, url, headers, b"", stream=False, method="GET")
        try:
            if answer.status != 200:
                raise NoList(f"status {answer.status}")
            return parse(await answer.read(_LIMIT))
        finally:
            answer.close()
    except (UpstreamFailure, AccessFailure, GatewayError, ValueError) as broken:
        raise NoList(str(broken)) from None


class ModelLists:
    """The lists of all providers, and when each is to be read again. `jitter` draws from 0 to 1."""

    def __init__(self, asking: Asking, shapes: Mapping[str, Shape], jitter: Callable[[], float], read: Lists) -> None:
        self._asking = asking
        self._shapes = shapes
        self._now = asking.now
        self._jitter = jitter
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.lists: dict[str, ProviderList] = dict(read)
        self.failing: dict[str, str] = {}
        """Why the last look at a provider's list came to nothing, or not to all of it."""

    async def step(self, snapshot: Snapshot) -> bool:
        """Reads what is due. Whether `lists` has changed."""
        asked = self._asked(snapshot)
        for gone in [*self._due.keys() - asked.keys(), *self.failing.keys() - asked.keys()]:
            self._due.pop(gone, None)
            self.failing.pop(gone, None)
        due = [name for name, (upstream, _) in asked.items() if self._now() >= self._due_at(name, upstream)]
        return any(await asyncio.gather(*(self._read(name, *asked[name]) for name in due)))

    def _asked(self, snapshot: Snapshot) -> dict[str, tuple[UpstreamConfig, tuple[Shape, ...]]]:
        if not snapshot.reads_lists:
            return {}
        found = ((name, up, shapes_of(up.spec, self._shapes)) for name, up in snapshot.upstreams.items())
        return {name: (up, shapes) for name, up, shapes in found if shapes and can_be_asked(up)}

    def _due_at(self, name: str, upstream: UpstreamConfig) -> float:
        if name not in self._due:
            read = self.lists.get(name)
            fresh = read is not None and read.source == self._source(upstream)
            self._due[name] = self._next(read.at) if read is not None and fresh else self._now() + FIRST * self._jitter()
        return self._due[name]

    def _next(self, at: float) -> float:
        return at + INTERVAL * (0.8 + 0.4 * self._jitter())

    def _source(self, upstream: UpstreamConfig) -> str:
        return source_of(upstream.spec, self._shapes, upstream.base_url, upstream.parts)

    async def _read(self, name: str, upstream: UpstreamConfig, shapes: tuple[Shape, ...]) -> bool:
        try:
            async with self._turns, asyncio.timeout(_LONGEST):
                rows, flaws = await read_lists(self._asking, upstream, shapes)
        except (NoList, TimeoutError) as error:
            failures = self._failures[name] = self._failures.get(name, 0) + 1
            wait = min(_AGAIN * 2.0 ** min(failures - 1, 20), INTERVAL)
            self._due[name] = self._now() + wait * (0.8 + 0.4 * self._jitter())
            self.failing[name] = str(error) or "no answer in time"
            return False
        self._failures.pop(name, None)
        self.failing.pop(name, None)
        if flaws:
            self.failing[name] = flaws
        self.lists[name] = ProviderList(at=self._now(), source=self._source(upstream), rows=rows)
        self._due[name] = self._next(self._now())
        return True
