"""Several gateways over one database, as at scale: each a process of its own with a home and a port of its own, in front of one provider.

`stores` opens the database (and Redis) of a profile; `Replicas` starts the processes. Only what was started here is ever ended.
"""

import contextlib
import http.client
import json
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from sqlalchemy import URL, func, select
from tests.support import databases, servers
from tests.support.gateway import GatewayProcess

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import limit_window
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.records import EVERYONE
from tidegate.sandbox.app import Settings
from tidegate.sandbox.server import Running, running

Profile = Literal["sqlite", "postgres", "postgres+redis"]
PROFILES: tuple[Profile, ...] = ("sqlite", "postgres", "postgres+redis")
WARM_SECONDS = 60.0
"""Until all gateways have their database, on a machine that is busy with other tests."""
KEY = "a-key-that-all-replicas-know"


class Stores(msgspec.Struct):
    """`environ` is what a gateway needs to find them."""

    name: Profile
    environ: dict[str, str]
    database: Database
    redis: str | None


@contextlib.asynccontextmanager
async def stores(profile: Profile, shared: Path, own: Path, *, empty: bool = False) -> AsyncGenerator[Stores]:
    """`shared` is a folder of all workers of the run. An `empty` database was never migrated."""
    async with contextlib.AsyncExitStack() as stack:
        if profile == "sqlite":
            url = await stack.enter_async_context(databases.sqlite_url(own, empty=empty))
        else:
            facts = stack.enter_context(servers.shared(shared, "postgres", databases.postgres_with_template))
            url = await stack.enter_async_context(databases.postgres_url(facts, empty=empty))
        environ = {"TIDEGATE_DATABASE_URL": _written(url)}
        redis = None
        if profile == "postgres+redis":
            redis = stack.enter_context(servers.shared(shared, "redis", servers.redis))["url"]
            environ["TIDEGATE_REDIS_URL"] = redis
        database = databases.opened(url)
        stack.push_async_callback(database.aclose)
        yield Stores(profile, environ, database, redis)


class Replicas:
    """`count` gateways with one configuration. `limits` are those of the one key, `more_keys` stand beside it, `environ` is what each
    is told besides, `source` the checkout that they start from."""

    def __init__(
        self,
        folder: Path,
        stores: Stores,
        count: int,
        limits: Mapping[str, Any],
        *,
        more_keys: Sequence[Mapping[str, Any]] = (),
        environ: Mapping[str, str] | None = None,
        source: Path | None = None,
    ) -> None:
        self._more_keys = more_keys
        self._stack = contextlib.ExitStack()
        self._folder = folder
        self._stores = stores
        self._count = count
        self._limits = limits
        self._environ = dict(environ or {})
        self._source = source
        self.gateways: list[GatewayProcess] = []

    def __enter__(self) -> Self:
        self.truth = self._folder / "truth.jsonl"
        self._sandbox: Running = self._stack.enter_context(running(Settings(truth_log=self.truth, fsync=False)))
        configuration = {
            "providers": {"openai": {"base_url": f"{self._sandbox.url}/v1", "api_key": "env:UPSTREAM_KEY"}},
            "keys": [{"name": "shared", "value": "env:SHARED_KEY", **self._limits}, *self._more_keys],
        }
        self.told = {"UPSTREAM_KEY": "upstream-secret-of-the-operator", "SHARED_KEY": KEY, **self._stores.environ, **self._environ}
        self.port = self._sandbox.port
        for number in range(self._count):
            made = GatewayProcess(self._folder / f"replica-{number}", configuration, self.told, source=self._source)
            self.gateways.append(self._stack.enter_context(made))
        return self

    def warm(self) -> None:
        """Each has its database: a call that needs a budget is served."""
        until = time.monotonic() + WARM_SECONDS
        for gateway in self.gateways:
            while _status(gateway) != HTTPStatus.OK:
                assert time.monotonic() < until, gateway.log()[-2000:]
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def attempts(self) -> list[dict[str, Any]]:
        """What the provider really did."""
        return [json.loads(line) for line in self.truth.read_bytes().splitlines()]


def _status(gateway: GatewayProcess) -> int:
    caller = Caller(gateway)
    try:
        return caller.ask(1)[0]
    finally:
        caller.close()


class Caller:
    """One client with a connection of its own that it keeps."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)

    def ask(self, output: int) -> tuple[int, dict[str, Any]]:
        """(status, body) of a call whose answer has so many tokens."""
        order = json.dumps({"sandbox": {"n": output}})
        body = {"model": "openai/gpt-4o", "max_tokens": output, "messages": [{"role": "user", "content": order}]}
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        self._connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def close(self) -> None:
        self._connection.close()


async def held(database: Database) -> int:
    """What processes hold of all windows."""
    async with database.read(EVERYONE) as connection:
        return int((await connection.execute(select(func.coalesce(func.sum(limit_window.c.held), 0)))).scalar_one())


async def spent(database: Database) -> tuple[int, int]:
    """(rows, nano-dollars) of the ledger."""
    async with database.read(EVERYONE) as connection:
        query = select(func.count(), func.coalesce(func.sum(ledger.c.cost_nano), 0))
        rows, nano = (await connection.execute(query)).one()
    return int(rows), int(nano)


def costs(attempts: Iterable[Mapping[str, Any]], price_in: int, price_out: int) -> Iterator[int]:
    """Nano-dollars of each attempt, at prices per million tokens: each kind rounded up by itself."""
    for one in attempts:
        yield -(-one["input_tokens"] * price_in // 1_000_000) + -(-one["tokens"] * price_out // 1_000_000)


def _written(url: URL) -> str:
    return url.render_as_string(hide_password=False)
