"""The control API on a listener of its own, and the first admin key, which is printed once. Loaded by `storage`, once calls are served."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from functools import partial

from tidegate.adapters.billing_stripe import verified
from tidegate.adapters.keystore import KeyStore
from tidegate.adapters.server_beside import serving_beside
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system import SystemClock, SystemRandom
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.control.api.app import create_app
from tidegate.control.api.bootstrap import first_admin
from tidegate.control.api.call import Services, nobody_signs
from tidegate.control.api.identify import Peppers
from tidegate.control.greeting import control_greeting
from tidegate.control.settings import Settings
from tidegate.control.watch import Watcher
from tidegate.policy.credentials import provider_origin
from tidegate.policy.snapshot import BillingSettings
from tidegate.ports import Ledger, StorageUnavailable
from tidegate.ports.control import PersonalData
from tidegate.proxy.app import Live

LEAKS = "TIDEGATE_LEAKED_KEYS_SECRET"
SHORTEST = 32
"""Characters of that secret: a shorter one verifies nothing."""
RETRY = 2.0
"""Seconds until a database that went away is asked again."""


def services(
    database: Database,
    ledger: Ledger,
    pepper: bytes,
    changed: Callable[[], None],
    live: Live,
    watcher: Watcher,
    *,
    personal: Callable[[], PersonalData | None],
    settings: Settings,
) -> Services:
    clock = SystemClock()
    leaks = settings.environ.get(LEAKS, "")
    billing = live.snapshot.billing
    return Services(
        store=SqlControlStore(Changes(database, clock)),
        ledger=ledger,
        clock=clock,
        random=SystemRandom(),
        secrets=SystemSecrets(),
        peppers=Peppers(1, {1: pepper}),
        changed=changed,
        billed=billing is not None,
        signed=nobody_signs if billing is None else partial(_signed, billing, clock),
        origin_of=lambda provider: provider_origin(live.snapshot, provider),
        vault=lambda: watcher.vault,
        health=live.health,
        configuration=watcher,
        personal=personal,
        leak_signed=partial(_reported, leaks, clock) if len(leaks) >= SHORTEST else nobody_signs,
        revoke_local=KeyStore(settings.home).revoke_token,
    )


def _reported(secret: str, clock: SystemClock, header: str, body: bytes) -> bool:
    return verified(secret, header, body, clock.now())


def _signed(billing: BillingSettings, clock: SystemClock, header: str, body: bytes) -> bool:
    return verified(billing.webhook_secret.reveal(), header, body, clock.now())


@contextlib.asynccontextmanager
async def control_api(made: Services, sock: socket.socket | None) -> AsyncGenerator[None]:
    """Serves on the socket while the context lasts; nothing where there is none. Also while the database is away: it says so."""
    if sock is None:
        yield
        return
    async with serving_beside(create_app(made), sock):
        yield


async def greet(made: Services, sock: socket.socket | None) -> None:
    """Prints where the control API is, and the first admin's key where this start has made it. Waits for a database that is away."""
    if sock is None:
        return
    host, port = sock.getsockname()[:2]
    while True:
        try:
            token = await first_admin(made)
        except StorageUnavailable:
            await asyncio.sleep(RETRY)
        else:
            sys.stdout.write(control_greeting(host, port, token))
            sys.stdout.flush()
            return
