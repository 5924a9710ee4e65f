"""What lives on the database: it is opened, brought to this version's schema, and drained into. Loading this loads SQLAlchemy (0.3 s and
30 MB), so `background` does it once calls are served.
"""

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import Callable

import msgspec

from tidegate.adapters.kept_behind import WriteBehind
from tidegate.adapters.kept_file import KeptFile
from tidegate.adapters.keys_file import KeysFile
from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.limits_file import LimitsFile
from tidegate.adapters.spool.spool import Spool
from tidegate.adapters.sql.address import VARIABLE, BadAddress, address
from tidegate.adapters.sql.engine import ADMIN_SECONDS, Database
from tidegate.adapters.sql.installation import VARIABLE as REPLACE_PEPPER
from tidegate.adapters.sql.installation import check_pepper
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.limit_rules import SqlLimitRules
from tidegate.adapters.sql.limits_parts import SqlParts
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.limits_windows import SqlWindows
from tidegate.adapters.sql.personal_export import SqlPersonal
from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.statements import is_away, is_refused
from tidegate.adapters.system import SystemClock
from tidegate.app.alerts import alerting, webhook_handlers
from tidegate.app.billing import billing
from tidegate.app.clock import checking_clock
from tidegate.app.control import control_api, greet, services
from tidegate.app.erasing import erasing, erasing_sink
from tidegate.app.kept import keeping, sealer
from tidegate.app.kept_rows import as_kept, watching_kept
from tidegate.app.keys import hearing, keys_as_kept, watching_keys
from tidegate.app.limits import caught_up, owner, watching_limits
from tidegate.app.noticed import Noticed
from tidegate.app.outbox import delivering
from tidegate.app.retention import forgetting
from tidegate.app.usage import USAGE_FILE, draining
from tidegate.control.api.call import Services
from tidegate.control.settings import Settings
from tidegate.control.watch import Watcher
from tidegate.logs import Log
from tidegate.policy.directory import Directory
from tidegate.ports import Sealer
from tidegate.proxy.app import Late, Live

LONGEST_WAIT = 4.0
"""Seconds between two tries to reach a database that is away."""

_LOG = Log("tidegate.storage")


class Needs(msgspec.Struct, frozen=True):
    """What the database's part of a gateway works with. `admin` is where the control API listens, None where it does not. `watcher`
    compiles what the database defines."""

    settings: Settings
    spool: Spool
    counters: LeasedCounters
    pepper: bytes
    admin: socket.socket | None
    closing: asyncio.Event
    live: Live
    late: Late
    noticed: Noticed
    directory: Directory
    conversations: WriteBehind
    watcher: Watcher


async def stored(needs: Needs) -> None:
    """Until `closing` is set: everything that needs the database, from when it can be used. One that is away is waited for. Raises
    `BadAddress`, `Behind` for an older schema, `OtherPepper`, and `KekError`."""
    settings = needs.settings
    database = Database(address(settings.environ, settings.home), statement_seconds=ADMIN_SECONDS)
    clock = SystemClock()
    name = await asyncio.to_thread(owner, needs.spool.folder)
    ledger = LedgerStore(database, windows=Spent(database, name), on_moved=needs.counters.moved)
    pokes: list[Callable[[], None]] = []

    def changed() -> None:
        for poke in pokes:
            poke()

    opened: list[SqlPersonal] = []
    made = services(
        database,
        ledger,
        needs.pepper,
        changed,
        needs.live,
        needs.watcher,
        personal=lambda: opened[0] if opened else None,
        settings=settings,
    )
    keys, kept = KeysFile(settings.home, needs.pepper), KeptFile(settings.home, needs.pepper)
    try:
        async with control_api(made, needs.admin):
            if await _prepared(needs, database, keys, kept):
                sealed = await sealer(database, settings)
                opened.append(SqlPersonal(database, sealed, needs.pepper))
                async with (
                    watching_kept(database, needs.watcher, kept, sealed) as kept_watcher,
                    watching_keys(database, needs.directory, keys) as key_watcher,
                    hearing(database, changed),
                    checking_clock(database, needs.live),
                ):
                    pokes += (kept_watcher.poke, key_watcher.poke)
                    needs.late.fresh_keys = key_watcher.fresh
                    await _used(needs, database, ledger, made, SqlWindows(database, name, clock), sealed, pokes)
    finally:
        await ledger.aclose()
        await database.aclose()


async def _used(
    needs: Needs,
    database: Database,
    ledger: LedgerStore,
    made: Services,
    windows: SqlWindows,
    sealed: Sealer,
    pokes: list[Callable[[], None]],
) -> None:
    """Until `closing` is set. `pokes` are called after every change."""
    needs.late.ledger = ledger
    limits = LimitsFile(needs.settings.home, needs.pepper)
    own = needs.settings.own
    sink = erasing_sink(ledger, own / USAGE_FILE)
    async with (
        erasing(database, sink, needs.spool, own, needs.pepper) as erasures,
        draining(needs.spool, sink),
        forgetting(database, lambda: needs.live.snapshot.usage_days),
        keeping(database, sealed, needs.conversations, needs.pepper),
        billing(database, ledger, needs.live.snapshot.billing) as handlers,
        delivering(database, {**handlers, **webhook_handlers(needs.live)}) as deliveries,
        alerting(database, needs.live, needs.noticed, deliveries),
    ):
        pokes.append(erasures.poke)
        needs.counters.start(windows, caught_up(needs.spool), SqlParts(database, secrets.token_hex(8), SystemClock()))
        async with watching_limits(SqlLimitRules(database), needs.live.rows, limits) as limit_watcher:
            pokes.append(limit_watcher.poke)
            await greet(made, needs.admin)
            await needs.closing.wait()
    await needs.counters.aclose()


async def _prepared(needs: Needs, database: Database, keys: KeysFile, kept: KeptFile) -> bool:
    """Whether the database can be used; False where the gateway ends before. Raises `Behind`, `OtherPepper`, and `BadAddress` where the
    server does not take what the address names."""
    wait, told = 0.1, False
    while True:
        try:
            await ready(database, auto_migrate=needs.settings.auto_migrate)
            await check_pepper(database, needs.pepper, replace=needs.settings.environ.get(REPLACE_PEPPER) == "1")
        except Exception as error:
            if not is_away(error):
                raise
            reason = f"{type(error).__name__}: {error}"[:500]
            if not told and is_refused(error):
                raise BadAddress(f"{VARIABLE} names a user, a password or a database that the server does not take: {reason}") from error
            if not told:
                _LOG.error("the database cannot be used; usage waits in the spool", error=reason)
                await as_kept(needs.watcher, kept, needs.settings)
                await keys_as_kept(needs.directory, keys)
            told = True
        else:
            if told:
                _LOG.warning("the database can be used now")
            return True
        if needs.closing.is_set():
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait * (0.5 + random.SystemRandom().random() / 2)):
                await needs.closing.wait()
        wait = min(wait * 2, LONGEST_WAIT)
