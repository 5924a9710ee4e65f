"""T-CF-1: keys and routes are edited while replicas read them and calls run. No replica ever goes back, an edit harms no call, and a
revoked key is refused everywhere within two seconds and stays so.

Whole gateways take minutes of edits, so they are no part of a usual run: a key's life on two of them is in
tests/conformance/storage/test_gateway_live.py.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from sqlalchemy import make_url
from tests.conformance.storage.test_kept_live import Replica as KeptReplica
from tests.conformance.storage.test_keys_live import Replica as KeyReplica
from tests.conformance.storage.test_keys_live import add, edit, store
from tests.faults.rig.calls import FIRST_NUMBER, Call, Transcript, make
from tests.faults.rig.judging.heard import REVOKED, refused
from tests.faults.rig.proxy import Fault, FaultProxy
from tests.faults.rig.sizes import IS_LONG, nightly, sizes
from tests.support.control import ACTOR
from tests.support.gateway import GatewayProcess
from tests.support.replicas import Profile, Stores, stores
from tests.support.waiting import eventually

from tidegate.adapters.sql.engine import Database
from tidegate.records import StoredRoute, Tenant

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-CF-1")
REPLICAS = 3
LOOK = 0.05 if IS_LONG else 0.005
"""Seconds between two looks of a replica."""
DEFAULT = Tenant("default")
KEYS = 12
OF_A_KEY = 50
"""Edits of each, the last of which revokes it."""
AT_ONCE = 4
LOOKS = 3
"""At a replica, after it has refused a key."""


@pytest.fixture
async def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> AsyncGenerator[Stores]:
    profile: Profile = request.param
    base = tmp_path_factory.getbasetemp()
    async with stores(profile, base if worker_id == "master" else base.parent, tmp_path_factory.mktemp("edits")) as found:
        yield found


class Seen:
    """What one replica served, look by look: the revision of the key and the number in the route."""

    def __init__(self, database: Database) -> None:
        self.keys = KeyReplica(database)
        self.kept = KeptReplica(database)
        self.revisions: list[int] = []
        self.numbers: list[int] = []

    async def look(self) -> None:
        await self.keys.watcher.step()
        await self.kept.watcher.step()
        found = self.keys.directory.find("k1")
        assert found is not None
        self.revisions.append(found.key.revision)
        routes = self.kept.live[-1].routes
        self.numbers.append(int(str(routes[0].entry["number"])))


async def route(database: Database, number: int) -> None:
    async with store(database).change(DEFAULT, ACTOR) as change:
        row = await change.get(StoredRoute, "r1")
        if row is None:
            await change.add(StoredRoute(id="r1", name="smart", entry={"number": number}))
        else:
            await change.replace(msgspec.structs.replace(row, entry={"number": number}), "route.update")


@pytest.mark.parametrize("opened", ["sqlite", "postgres"], indirect=True)
async def test_no_replica_goes_back_to_what_was_before(opened: Stores, record_property: Record) -> None:
    database, count = opened.database, sizes().edits
    await add(database, "k1")
    await route(database, 0)
    replicas = [Seen(database) for _ in range(REPLICAS)]
    ended = asyncio.Event()

    async def watch(seen: Seen) -> None:
        while not ended.is_set():
            await seen.look()
            await asyncio.sleep(LOOK)
        await seen.look()

    async def edits() -> None:
        chosen = random.Random(7)
        for number in range(1, count + 1):
            if chosen.random() < 0.5:
                await edit(database, "k1", disabled_at=number if number % 2 else None, models=[f"m{number}"])
            else:
                await route(database, number)
        await route(database, count + 1)
        ended.set()

    await asyncio.gather(edits(), *(watch(seen) for seen in replicas))
    for seen in replicas:
        assert seen.revisions == sorted(seen.revisions)
        assert seen.numbers == sorted(seen.numbers)
        assert seen.numbers[-1] == count + 1
    assert len({seen.revisions[-1] for seen in replicas}) == 1
    assert len({str(seen.keys.directory.find("k1")) for seen in replicas}) == 1
    looks = sum(len(seen.revisions) for seen in replicas)
    record_property(
        "verdict", f"edits that race replicas, {opened.name}: {count} edits of a key and a route, {looks} looks, none went back"
    )


class Edits:
    """`made` are all calls, `revoked` says when each key was."""

    def __init__(self, gateways: list[GatewayProcess]) -> None:
        self.gateways = gateways
        self.edits = 0
        self.made: list[Transcript] = []
        self.flaws: list[str] = []
        self.revoked: dict[str, float] = {}
        self._api, admin = gateways[0].admin()
        self._client = httpx2.AsyncClient(headers={"authorization": f"Bearer {admin}", "if-match": "*"}, timeout=30)
        self._numbers = itertools.count(FIRST_NUMBER)
        self._chance = random.Random(11)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._client.request(method, self._api + path, json=body)
        while answer.status_code == 503:  # as it says: nothing was changed, try again
            answer = await self._client.request(method, self._api + path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def status(self, gateway: GatewayProcess, token: str) -> int | None:
        self.made.append(await make(gateway.port, token, Call(next(self._numbers), model="sandbox/echo", stream=False)))
        return self.made[-1].status

    async def life(self) -> None:
        """A key from its making to its end, and after it."""
        made = await self.ask("POST", "/orgs/default/keys", {"name": f"k{next(self._numbers)}", "owner_kind": "org", "owner_id": "default"})
        id, token = made["id"], made["token"]
        for gateway in self.gateways:
            await eventually(lambda gateway=gateway: self.status(gateway, token), 200)
        for number in range(OF_A_KEY - 1):
            gateway = self._chance.choice(self.gateways)
            _, status = await asyncio.gather(
                self.ask("PATCH", f"/orgs/default/keys/{id}", {"tags": [f"t{number}"]}), self.status(gateway, token)
            )
            self.edits += 1
            if status != 200:
                self.flaws.append(f"{id} was told {status} after {number} edits")
        await self.ask("POST", f"/orgs/default/keys/{id}/revoke")
        self.edits += 1
        self.revoked[token] = time.monotonic()
        await asyncio.gather(*(self._refused(gateway, token) for gateway in self.gateways))

    async def _refused(self, gateway: GatewayProcess, token: str) -> None:
        while await self.status(gateway, token) == 200:
            assert time.monotonic() - self.revoked[token] < 20
        for _ in range(LOOKS):
            await self.gone(gateway, token)

    def slowest(self) -> float:
        """Seconds from the answer to a revocation to the last call that was begun and taken after it."""
        return max([0.0, *(one.began - self.revoked[one.key] for one in self.made if one.status == 200 and one.key in self.revoked)])

    async def gone(self, gateway: GatewayProcess, token: str) -> None:
        status = await self.status(gateway, token)
        if status != 401:
            self.flaws.append(f"a revoked key was told {status}")

    async def aclose(self) -> None:
        await self._client.aclose()


@pytest.fixture
async def edits(opened: Stores, tmp_path: Path, bus: str) -> AsyncGenerator[Edits]:
    url = make_url(opened.environ["TIDEGATE_DATABASE_URL"])
    assert url.port is not None
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy(url.port))
        if bus == "cut":
            proxy.fault = Fault("reset", "up", word=b"LISTEN")
        environ = {"TIDEGATE_DATABASE_URL": url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)}
        made = [GatewayProcess(tmp_path / str(number), environ=environ) for number in range(REPLICAS)]
        stack.enter_context(made[0])
        for other in made[1:]:
            other.join(made[0])
            stack.enter_context(other)
        found = Edits(made)
        yield found
        await found.aclose()
        assert bus == "up" or proxy.hits["reset"], "the fault never struck"


@nightly("minutes of edits")
@pytest.mark.parametrize("opened", ["postgres"], indirect=True)
@pytest.mark.parametrize("bus", REVOKED)
async def test_what_was_revoked_is_refused_everywhere_and_never_comes_back(edits: Edits, bus: str, record_property: Record) -> None:
    left = iter(range(KEYS))

    async def lives() -> None:
        for _ in left:
            await edits.life()

    await asyncio.gather(*(lives() for _ in range(AT_ONCE)))
    again = len(edits.flaws)
    for token, gateway in itertools.product(edits.revoked, edits.gateways):
        await edits.gone(gateway, token)
    record_property(
        "verdict",
        f"edits of keys on {REPLICAS} replicas, bus {bus}: {edits.edits} edits and {len(edits.made)} calls beside them, {again} calls "
        f"harmed; {len(edits.revoked)} keys revoked, the last call with one began {edits.slowest():.2f} s after, "
        f"{len(edits.flaws) - again} came back",
    )
    assert not edits.flaws
    assert not [flaw for token, at in edits.revoked.items() for flaw in refused(edits.made, token, at, REVOKED[bus])]
