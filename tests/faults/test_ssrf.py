"""T-SSRF-1 over every field that names an address: webhooks, providers of the database and their settings, and the addresses in credential
documents. Whatever stands in one, given over the control API or found in the database, listeners inside hear nothing of it.

What the guarded client itself refuses, and that it neither resolves twice nor follows a redirect, is in tests/unit/adapters/test_egress.py.
"""

import asyncio
import itertools
import json
import os
import socket
from asyncio import selector_events
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.faults.rig.sizes import IS_LONG
from tests.support import databases
from tests.support.control import CATALOGUE, PEPPER, SetClock, World, world
from tests.unit.policy.test_egress import HOSTS, URLS

from tidegate.adapters.access import entra, google
from tidegate.adapters.alerts_webhook import WebhookSender
from tidegate.adapters.egress import EgressClient
from tidegate.adapters.http import HttpUpstream
from tidegate.control.config import ProviderEntry, RouteEntry
from tidegate.control.load import Loader
from tidegate.control.settings import Settings
from tidegate.policy.keys import StoredKeys
from tidegate.policy.route import SANDBOX
from tidegate.policy.snapshot import Snapshot
from tidegate.ports import AccessFailure, UpstreamFailure
from tidegate.ports.delivery import NotDelivered
from tidegate.records import Kept, Message, StoredProvider, StoredWebhook, Tenant

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-SSRF-1")
ROOT = Path(__file__).parents[2]
LAB = {"kind": "custom", "dialect": "openai_chat"}
ADDRESSES = {"NewWebhook.url", "WebhookEdit.url", "DesiredWebhook.url", "NewCredential.origin"}
"""Fields of the control API that hold an address: `origin` is compared with the provider's and reached by nobody."""
OF_ENTRIES = {"base_url", "settings", "headers", "proxy", "ca_file", "api_key"}
"""Fields of a provider's entry that hold what its sender chose: `proxy`, `ca_file` and `api_key` are for the file alone, and no header says
where a request goes."""
NAMED = ("https://localhost/", "https://LOCALHOST/", "https://rebinding.example/")
"""What only a look at the addresses of a name can refuse."""


class Inside:
    """Listeners on all of 127/8 and on ::1, which no name and no address may lead to; `tried` are connections that were begun, to whatever
    port."""

    def __init__(self, four: int, six: int) -> None:
        self.ports = (four, six)
        self.heard = 0
        self.tried: list[Any] = []

    async def handle(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard += 1
        writer.close()

    def addresses(self) -> list[str]:
        """Every attack at a port where somebody listens."""
        ports = itertools.cycle(self.ports)
        return [url.replace("PORT", str(next(ports))) for url in URLS for _ in self.ports] + [
            f"https://{host}{end}" for host in HOSTS for end in ("/", f":{next(ports)}/v1")
        ]


@pytest.fixture
async def inside(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Inside]:
    found = Inside(0, 0)
    servers = [await asyncio.start_server(found.handle, host, 0) for host in ("0.0.0.0", "::1")]
    found.ports = (servers[0].sockets[0].getsockname()[1], servers[1].sockets[0].getsockname()[1])
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setitem(os.environ, name, f"http://127.0.0.1:{found.ports[0]}")

    def tried(_self: object, sock: socket.socket, address: Any) -> None:
        found.tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(selector_events.BaseSelectorEventLoop, "sock_connect", tried)
    monkeypatch.setattr(socket, "create_connection", lambda address, *_args, **_more: found.tried.append(address))
    yield found
    for server in servers:
        server.close()
        await server.wait_closed()


async def here(_host: str, _port: int) -> list[str]:
    """What every name leads to, asked for each connection anew."""
    return ["127.0.0.1", "::1"]


async def public_and_here(_host: str, _port: int) -> list[str]:
    return ["93.184.215.14", "::ffff:127.0.0.1"]


def fields(type_: type) -> set[str]:
    """Those that may hold a text of the sender's."""
    return {field.name for field in msgspec.structs.fields(type_) if "str" in repr(field.type)}


def test_no_other_field_names_an_address() -> None:
    """A new one is drilled here, or fails."""
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    asked = {
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field in schema.get("properties", {})
        if not name.endswith(("View", "Secret")) and any(word in field for word in ("url", "uri", "origin", "host", "endpoint", "proxy"))
    }
    assert asked == ADDRESSES
    assert fields(ProviderEntry) - {"kind", "models"} == OF_ENTRIES
    assert not {field for field in fields(RouteEntry) if "url" in field or "host" in field}


def host(url: str) -> str:
    """What stands for the host in an address with a place for it."""
    return url.partition("://")[2].removesuffix("/")


async def webhook(api: World, made: dict[str, str], url: str) -> int:
    return (await api.ask("POST", "/orgs/a/webhooks", api.operator, {"name": "n", "url": url})).status


async def moved_webhook(api: World, made: dict[str, str], url: str) -> int:
    return (await api.ask("PATCH", made["webhook"], api.operator, {"url": url}, headers={"if-match": "*"})).status


async def desired_webhook(api: World, made: dict[str, str], url: str) -> int:
    """By a document, where it may also be behind a reference."""
    hooks = [{"name": "plain", "url": url}], [{"name": "referred", "url": "env:HOOK"}]
    bodies = [{"webhooks": given, "secrets": {"env:HOOK": url}} for given in hooks]
    return min([(await api.ask("POST", "/orgs/b/configuration/apply", api.operator, body)).status for body in bodies])


async def provider(api: World, made: dict[str, str], url: str) -> int:
    body = {"name": "given", "entry": {**LAB, "base_url": url}}
    return (await api.ask("POST", "/providers", api.operator, body)).status


async def moved_provider(api: World, made: dict[str, str], url: str) -> int:
    body = {"entry": {**LAB, "base_url": url}}
    return (await api.ask("PATCH", made["provider"], api.operator, body, headers={"if-match": "*"})).status


async def setting(api: World, made: dict[str, str], url: str) -> int:
    """Of a provider whose address has a place for its host."""
    settings = {"host": host(url), "project": "p", "location": "l"}
    return (await api.ask("POST", "/providers", api.operator, {"name": "vertex", "entry": {"settings": settings}})).status


WAYS = (webhook, moved_webhook, desired_webhook, provider, moved_provider, setting)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncGenerator[World]:
    async with databases.sqlite_url(tmp_path) as url:
        database = databases.opened(url)
        async with world(database) as made:
            yield made
        await database.aclose()


async def test_what_is_given_over_the_control_api_is_refused(api: World, inside: Inside, record_property: Record) -> None:
    """A twelfth of the addresses, each in one of the ways; at nightly size all of them in every way."""
    hook = await api.ask("POST", "/orgs/a/webhooks", api.operator, {"name": "n", "url": "https://hooks.example.com/"})
    lab = await api.ask("POST", "/providers", api.operator, {"name": "lab", "entry": {**LAB, "base_url": "https://lab.example.com/v1"}})
    made = {"webhook": f"/orgs/a/webhooks/{hook.json['webhook']['id']}", "provider": f"/providers/{lab.json['id']}"}
    asked, taken = 0, []
    for place, url in enumerate(inside.addresses() if IS_LONG else inside.addresses()[::12]):
        for way in WAYS if IS_LONG else (WAYS[place % len(WAYS)],):
            status = await way(api, made, url)
            asked += 1
            if status < 300:
                taken.append((way.__name__, url))
            else:
                assert 400 <= status < 500, (way.__name__, url, status)
    record_property("verdict", f"addresses inside over the control API: {asked} given, {asked - len(taken)} refused, 0 answered 500")
    # Names are taken: what they lead to is looked at when they are used.
    assert {url for _, url in taken} <= {*NAMED}, taken
    assert (inside.tried, inside.heard) == ([], 0)


def loaded(folder: Path, urls: list[str]) -> Snapshot:
    """What a gateway makes of a database that has these, whoever wrote them there."""
    (folder / "tidegate.yaml").write_text("")
    loader = Loader(
        Settings(config_path=folder / "tidegate.yaml", environ={}), CATALOGUE, lambda: StoredKeys(pepper=PEPPER, keys=()), folder / "k"
    )
    names = [(f"n{place}", url) for place, url in enumerate(urls)]
    parts = {"project": "p", "location": "l"}
    loader.kept = Kept(
        providers=(
            *(StoredProvider(id=name, name=name, entry={**LAB, "base_url": url}) for name, url in names),
            *(
                StoredProvider(id=f"s{name}", name=f"s{name}", entry={"kind": "vertex", "settings": {"host": host(url), **parts}})
                for name, url in names
            ),
        ),
        webhooks=tuple(("default", StoredWebhook(id=name, name=name, url=url)) for name, url in names),
    )
    return loader.load(1).snapshot


async def test_what_is_in_the_database_already_is_not_reached(tmp_path: Path, inside: Inside, record_property: Record) -> None:
    """Every address as a webhook and as a provider; names lead here, alone or beside a public address."""
    urls = [*inside.addresses(), *NAMED]
    snapshot = await asyncio.to_thread(loaded, tmp_path, urls)
    kept = [upstream for name, upstream in snapshot.upstreams.items() if name != SANDBOX]
    assert len(snapshot.webhooks) == len(urls) >= 300
    assert {upstream.base_url + "/" for upstream in kept} >= {*NAMED}
    assert {upstream.spec.name for upstream in kept} >= {"vertex"}
    for resolver in (here, public_and_here):
        sender = WebhookSender(EgressClient(lambda: snapshot.egress, resolver=resolver), lambda: snapshot.webhooks, SetClock())
        for hook in snapshot.webhooks:
            message = Message(id="m", topic="budget_threshold", message={"to": hook.id, "data": {}}, created_at=0, due_at=0)
            with pytest.raises(NotDelivered):
                await sender.send(Tenant("default"), message)
        providers = HttpUpstream(resolver)
        for upstream in kept:
            with pytest.raises(UpstreamFailure):
                await providers.open(upstream, upstream.base_url, {"authorization": "Bearer canary"}, b"{}", stream=False)
        await providers.aclose()
    record_property(
        "verdict",
        f"addresses inside in the database: {len(urls)} as webhooks, as addresses of providers and as their settings, "
        f"{len(kept)} of the providers are kept for their names; {len(inside.tried)} connections",
    )
    assert (inside.tried, inside.heard) == ([], 0)


def test_a_credential_document_is_exchanged_with_its_own_cloud_alone(inside: Inside) -> None:
    """Whoever stores a credential says which document is exchanged, and the answer of a refusal comes back in words."""
    ends = (".googleapis.com/", "/.googleapis.com", "@x.googleapis.com/", "#.googleapis.com", "?x.googleapis.com", "\\@x.googleapis.com/")
    near = [f"https://127.0.0.1:{inside.ports[0]}{end}" for end in ends]
    for url in (*inside.addresses(), *NAMED, *near):
        secret = {"tenant_id": "t", "client_id": "c", "client_secret": "canary"}
        for exchange, document in (
            (google.exchange, json.dumps({"type": "service_account", "client_email": "a", "private_key": "canary", "token_uri": url})),
            (google.exchange, json.dumps({"type": "authorized_user", **secret, "refresh_token": "canary", "token_uri": url})),
            (entra.exchange, json.dumps({**secret, "authority": url})),
        ):
            with pytest.raises(AccessFailure) as refused:
                exchange(document)
            assert refused.value.permanent
    assert (inside.tried, inside.heard) == ([], 0)
