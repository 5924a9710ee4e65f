"""The keys of the database on their way into the data plane: rows become what `policy.directory` holds, and one loop keeps it up to date.

The loop asks for the generation, and reads what changed since the one it has. `poke` lets it look at once: where a change was made in this
process, or the database told of one. Run by `app`.
"""

import asyncio
from collections.abc import Callable

import msgspec

from tidegate.control.looking import Looking
from tidegate.logs import Log
from tidegate.policy.bounds import Hours
from tidegate.policy.directory import Delta, Directory, Listed, Owner, State
from tidegate.policy.overload.queue import Priority
from tidegate.policy.reach import Reach
from tidegate.policy.snapshot import Key
from tidegate.ports import StorageUnavailable
from tidegate.ports.control import Directories
from tidegate.records import ApiKey

TOUCH = 60.0
"""Seconds between two notes of which keys were used."""
ASKED = 2.0
"""Seconds that a call with an unknown key waits for the database's word."""
_MICROS = 1_000_000

_LOG = Log("tidegate.keys")


def listed(org: str, row: ApiKey) -> Listed:
    """A row as the data plane needs it."""
    owners: dict[Owner, None] = {(org, "org", org): None, (org, row.owner_kind, row.owner_id): None}
    if row.team_id:
        owners[org, "team", row.team_id] = None
    if row.user_id:
        owners[org, "user", row.user_id] = None
    state: State = "revoked" if row.revoked_at is not None else "disabled" if row.disabled_at is not None else "active"
    ends = [at for at in (row.expires_at, row.overlap_until) if at is not None]
    key = Key(
        id=row.id,
        name=row.name,
        digest=row.digest,
        models=tuple(row.models),
        org=org,
        team=row.team_id or "",
        user=row.user_id or "",
        tags=tuple(row.tags),
        routes=tuple(row.routes),
        revision=row.revision,
        priority=Priority[row.priority.upper()],
        line=row.line or "",
        reach=Reach(
            ends_at=min(ends) / _MICROS if ends else None,
            addresses=tuple(row.addresses),
            times=msgspec.convert(row.times, tuple[Hours, ...]),
            replaced_at=None if row.overlap_until is None else row.overlap_until / _MICROS,
        ),
    )
    return Listed(key, tuple(owners), state, foreign=row.env == "ext")


class KeyWatcher:
    """`kept` is told that the directory changed: whoever stores it for a start without the database does so. `interval` is in seconds."""

    def __init__(
        self,
        source: Directories,
        directory: Directory,
        *,
        interval: float,
        kept: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._directory = directory
        self._kept = kept
        self._now = now
        self._looking = Looking(self._look, interval, self._failed)
        self._read = False
        self._touched = now()
        self._away = False

    def poke(self) -> None:
        """Something was changed: look at once."""
        self._looking.poke()

    async def fresh(self) -> bool:
        """Whether the directory has, before long, everything that the database had when this was called."""
        try:
            async with asyncio.timeout(ASKED):
                return await self._looking.fresh()
        except TimeoutError:
            return False

    async def run(self) -> None:
        """Until it is cancelled."""
        await self._looking.run()

    async def _look(self) -> None:
        await self.step()
        if self._away:
            _LOG.warning("the keys of the database are read again", generation=self._directory.generation)
        self._away = False

    def _failed(self, error: Exception) -> None:
        self._directory.is_current = False
        if not self._away:
            _LOG.error(
                "the keys of the database cannot be read; those that are known work on",
                error=f"{type(error).__name__}: {error}"[:500],
                exc_info=None if isinstance(error, StorageUnavailable) else error,
            )
        self._away = True

    async def step(self) -> bool:
        """One look. True if something changed. Raises `StorageUnavailable`."""
        directory = self._directory
        if not self._read:
            delta: Delta | None = await self._source.whole()
            # What was kept from before counts no more, also where the database was set back meanwhile.
            directory.generation = 0
        else:
            delta = await self._source.since(directory.generation)
        changed = delta is not None and directory.apply(delta)
        self._read = directory.is_current = True
        if changed:
            self._kept()
        await self._touch()
        return changed

    async def _touch(self) -> None:
        """Notes which keys were used, all of them at most once a minute."""
        if self._now() - self._touched < TOUCH or not self._directory.used:
            return
        self._touched = self._now()
        used, self._directory.used = self._directory.used, {}
        await self._source.touch({place: int(at * _MICROS) for place, at in used.items()})
