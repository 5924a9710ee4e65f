"""The counters of limits and budgets: where they are kept, and what happens when a budget passes a threshold.

They begin in this process at once; the database is given to them by `storage`, once it can be used. Redis counts rates for all processes
where `TIDEGATE_REDIS_URL` names one.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable
from importlib import import_module
from pathlib import Path

from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.limits_file import LimitsFile
from tidegate.adapters.spool.spool import Spool
from tidegate.app.beside import beside
from tidegate.control.limit_rows import limits_of
from tidegate.control.limit_watch import LimitWatcher
from tidegate.control.settings import Settings
from tidegate.logs import Log
from tidegate.policy.charges import Rows
from tidegate.policy.limits.rules import Alert
from tidegate.ports import Clock
from tidegate.ports.limits import LimitRules, Rates, RatesAway

REDIS_URL = "TIDEGATE_REDIS_URL"
REDIS_EVICTION = "TIDEGATE_REDIS_EVICTION"
"""`warn` takes a Redis that forgets what is counted when its memory is full; else the gateway does not start with one."""
OWNER = "owner"
"""In the spool's folder: the name that this process and those after it have where limits are shared."""
POLL = 5.0
"""Seconds between two looks at the database's generation, beside those when a change was heard of."""
_LOOK = 0.05

_LOG = Log("tidegate")


@contextlib.asynccontextmanager
async def watching_limits(source: LimitRules, rows: Rows, file: LimitsFile) -> AsyncGenerator[LimitWatcher]:
    """While the context lasts, edits of limits in the database are live within two seconds."""
    watcher = LimitWatcher(source, rows, keep=file.save, interval=POLL)
    async with beside(watcher.run()):
        yield watcher


def limits_as_kept(file: LimitsFile, rows: Rows) -> None:
    """The limits as they were when the database was last there, before anything is served."""
    found = file.load()
    if found is not None:
        rows.replace(limits_of(found))
    elif file.is_there:
        _LOG.error("the limits that were kept cannot be read")


@contextlib.asynccontextmanager
async def counters(
    settings: Settings, clock: Clock, failed: Callable[[str], None], on_alert: Callable[[Alert], None]
) -> AsyncGenerator[LeasedCounters]:
    """`on_alert` is told of budgets that pass a threshold; `failed` where Redis can never work."""
    rates = await _rates(settings, clock, failed)
    made = LeasedCounters(clock, rates=rates, by_parts=settings.is_one_of_several, on_alert=on_alert)
    try:
        yield made
    finally:
        if rates is not None:
            await rates.aclose()


async def _rates(settings: Settings, clock: Clock, failed: Callable[[str], None]) -> Rates | None:
    url = settings.environ.get(REDIS_URL)
    if not url:
        return None
    try:
        adapter = await asyncio.to_thread(import_module, "tidegate.adapters.redis_rates")
        rates: Rates = adapter.RedisRates(url, clock)
    except ModuleNotFoundError:
        failed(f"{REDIS_URL}: Redis needs its driver: `pip install 'tidegate[redis]'`")
        return None
    except ValueError as error:
        failed(f"{REDIS_URL} is no address of a Redis: {error}")
        return None
    try:
        flaw = await rates.check()
    except RatesAway:
        _LOG.error("redis does not answer; each process has its share of the limits until it does")
        return rates
    if flaw is not None and settings.environ.get(REDIS_EVICTION) != "warn":
        failed(f"the Redis of {REDIS_URL} cannot count limits: {flaw}, or {REDIS_EVICTION}=warn")
    elif flaw is not None:
        _LOG.warning("the redis that counts limits may forget them", reason=flaw)
    return rates


def owner(home: Path) -> str:
    """The name of this process and of those after it. Raises OSError."""
    file = home / OWNER
    with contextlib.suppress(FileNotFoundError):
        found = file.read_text().strip()
        if found:
            return found
    made = secrets.token_hex(12)
    file.write_text(made)
    file.chmod(0o600)
    return made


async def caught_up(spool: Spool) -> None:
    """Returns once the ledger has everything that earlier processes used."""
    await _looked(lambda: spool.recovered)
    written = spool.state.written
    await _looked(lambda: spool.state.drained >= written)


async def _looked(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - the spool is written and drained by threads, and tells nobody how far it is
        await asyncio.sleep(_LOOK)
