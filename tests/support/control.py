"""A control API on a database, with tenants and people in it, for tests that ask it over ASGI.

`World` has the organisations `a` and `b` besides `default`, two teams in each, and an admin key for whoever a test wants to be.
"""

import itertools
import random
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring, kek
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.personal_export import SqlPersonal
from tidegate.adapters.system import SystemRandom
from tidegate.control.api.app import create_app
from tidegate.control.api.bootstrap import first_admin
from tidegate.control.api.call import Services
from tidegate.control.api.identify import Peppers
from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loader
from tidegate.control.settings import Settings
from tidegate.control.vault import Vault
from tidegate.policy.keys import ALPHABET, StoredKeys, format_token, token_digest
from tidegate.policy.snapshot import Snapshot
from tidegate.records import Actor, ApiKey, Kept, Organisation, RoleBinding, Team, Tenant, User

ACTOR = Actor(kind="system", id="test")
PEPPER = b"p" * 32
CATALOGUE = read_catalogue()
KEK = kek(bytes(range(32)))
SEALER = EnvelopeSealer(Keyring((KEK,), lambda: (KEK,)))
START = 1_800_000_000.0


class SetClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = START

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class SeededSecrets:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def base62(self, length: int) -> str:
        return "".join(self._random.choices(ALPHABET, k=length))


class Served:
    """A configuration that nothing makes live: `file` is what a gateway's own file says."""

    def __init__(self, file: str = "", environ: Mapping[str, str] | None = None) -> None:
        folder = Path(tempfile.mkdtemp())
        (folder / "tidegate.yaml").write_text(file)
        settings = Settings(
            config_path=folder / "tidegate.yaml", environ={"ANTHROPIC_API_KEY": "sk-ant-of-the-environment"} | dict(environ or {})
        )
        self._loader = Loader(settings, CATALOGUE, lambda: StoredKeys(pepper=PEPPER, keys=()), folder / "keys.json")
        self.current = self._loader.load(1)

    async def compiled(self, kept: Kept) -> Snapshot:
        return self._loader.compiled(self.current, kept)


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None

    @property
    def kind(self) -> str:
        """The last part of a problem's type."""
        return self.json["type"].rpartition(":")[2]


class World:
    """A running API. Names of people are made up as they are needed."""

    def __init__(self, database: Database, token: str, services: Services, clock: SetClock) -> None:
        self.database = database
        self.services = services
        self.store = services.store
        self.clock = clock
        self.operator = token
        self.app = create_app(services)
        self._count = itertools.count()

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        peer: str = "127.0.0.1",
    ) -> Answer:
        """One request; `path` is below `/api/v1` and may have a query."""
        path, _, more = path.partition("?")
        content = raw if raw is not None else (msgspec.json.encode(body) if body is not None else b"")
        sent = {"host": "localhost", **({"content-type": "application/json"} if content else {}), **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        full = "/api/v1" + path
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": full,
            "raw_path": quote(full).encode(),
            "query_string": "&".join(part for part in (more, urlencode(query or {}, doseq=True)) if part).encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": (peer, 1234),
            "server": ("127.0.0.1", 8081),
            "root_path": "",
        }
        answer = Answer(0, {}, b"")

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer

    def rebuilt(self) -> "World":
        """The API anew, with the services as they are now."""
        self.app = create_app(self.services)
        return self

    def name(self, prefix: str) -> str:
        return f"{prefix}{next(self._count)}"

    async def user(self, org: str) -> str:
        """The id of a new user."""
        row = User(id=self.name("user_"), name="somebody", created_at=self.services.now(), updated_at=self.services.now())
        async with self.store.change(Tenant(org), ACTOR) as change:
            await change.add(row)
        return row.id

    async def bind(self, org: str, user_id: str, role: str, scope: str) -> str:
        """The id of a new binding."""
        row = RoleBinding(
            id=self.name("rb_"), subject_kind="user", subject_id=user_id, role=role, scope=scope, created_at=self.services.now()
        )
        async with self.store.change(Tenant(org), ACTOR) as change:
            await change.add(row)
        return row.id

    async def key(self, org: str, user_id: str | None, **fields: Any) -> tuple[ApiKey, str]:
        """A new key and its token; an admin key of the user unless `fields` say otherwise."""
        secrets = self.services.secrets
        env = fields.pop("env", "adm")
        public = secrets.base62(12)
        token = format_token(env, public, secrets.base62(43))
        now = self.services.now()
        owner = {"owner_kind": "user", "owner_id": user_id, "user_id": user_id} if user_id else {"owner_kind": "org", "owner_id": org}
        values = {"id": public, "name": "k", "env": env, "digest": token_digest(PEPPER, token), "created_at": now, "updated_at": now}
        row = ApiKey(**{**values, **owner, **fields})
        async with self.store.change(Tenant(org), ACTOR) as change:
            await change.add(row)
        return row, token

    async def admin(self, org: str, role: str, scope: str | None = None, **fields: Any) -> str:
        """The token of a new user with that role."""
        user_id = await self.user(org)
        await self.bind(org, user_id, role, scope or f"org/{org}")
        return (await self.key(org, user_id, **fields))[1]

    async def team(self, org: str, id: str) -> None:
        now = self.services.now()
        async with self.store.change(Tenant(org), ACTOR) as change:
            await change.add(Team(id=id, name=id, created_at=now, updated_at=now))


@asynccontextmanager
async def world(database: Database, token: str | None = None) -> AsyncGenerator[World]:
    """One on a migrated database: empty, or a copy of one in which a world was made, whose operator has `token`."""
    clock = SetClock()
    vault = Vault(SEALER, clock)
    services = Services(
        store=SqlControlStore(Changes(database, clock)),
        ledger=LedgerStore(database),
        clock=clock,
        random=SystemRandom(),
        secrets=SeededSecrets(7 if token is None else 8),
        peppers=Peppers(1, {1: PEPPER}),
        origin_of={"anthropic": "https://api.anthropic.com", "lab": "http://10.0.0.5:8000"}.get,
        vault=lambda: vault,
        configuration=Served(),
        personal=lambda: SqlPersonal(database, SEALER, PEPPER),
    )
    yield World(database, token or await _inhabit(services), services, clock)


async def _inhabit(services: Services) -> str:
    """Makes the operator, whose token it returns, and the organisations."""
    token = await first_admin(services)
    assert token is not None
    now = services.now()
    for org in ("a", "b"):
        async with services.store.change(Tenant("default"), ACTOR) as change:
            await change.add_organisation(Organisation(org_id=org, name=org, created_at=now, updated_at=now))
        async with services.store.change(Tenant(org), ACTOR) as change:
            for team in ("x", "y"):
                await change.add(Team(id=team, name=team, created_at=now, updated_at=now))
    return token
