"""Watches the files behind the configuration and hands each new snapshot over. Run by `app` as one background task; what the database
defines is handed in by `take`.

A file counts as edited when its content changes; the change is loaded once it has held still for one look, so that no half-written file
goes live. A configuration that cannot be used changes nothing: the old one stays, and one line per mistake says why. Only keys that were
made or revoked meanwhile, and what the database defines, count at once.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate.control.load import Loaded, Loader
from tidegate.control.problems import ConfigError, Problem
from tidegate.control.vault import Vault
from tidegate.policy.snapshot import Snapshot
from tidegate.providers.lists import ProviderList
from tidegate.records import Kept

INTERVAL = 0.5
"""Seconds between two looks: an edit is live after two of them and the compilation."""

_PATIENCE = 3
"""Looks after which a file that never holds still is loaded anyway."""

_YOUNG = 3.0
"""Seconds for which a file's time stamp does not tell two edits apart on coarse file systems: its content is read instead."""

Stamp = tuple[int, int, int]
Print = tuple[tuple[Path, bytes], ...]


class Watcher:
    """`publish` takes each new `Loaded`, `refused` the mistakes of an edit that was not taken. Both are called in the event loop. `prepare`
    is called in a thread before what providers say of their models is published, for work that calls should not find undone."""

    def __init__(
        self,
        loader: Loader,
        current: Loaded,
        *,
        publish: Callable[[Loaded], None],
        refused: Callable[[tuple[Problem, ...]], None],
        prepare: Callable[[Loaded], None] | None = None,
        interval: float = INTERVAL,
    ) -> None:
        self._loader = loader
        self._current = current
        self._publish = publish
        self._refused = refused
        self._prepare = prepare
        self._interval = interval
        self._stamps: dict[Path, tuple[Stamp | None, bytes]] = {}
        self._live = self._look()
        self._last = self._live
        self._unstable = 0
        self._turn = asyncio.Lock()

    @property
    def vault(self) -> Vault | None:
        """What opens the credentials of the database, once that can be used."""
        return self._loader.vault

    @property
    def current(self) -> Loaded:
        """What is live."""
        return self._current

    async def compiled(self, kept: Kept) -> Snapshot:
        """What would be live if the database defined this. Raises `ConfigError`."""
        return await asyncio.to_thread(self._loader.compiled, self._current, kept)

    async def take(self, kept: Kept, vault: Vault) -> None:
        """What the database defines from now on: it is live when this returns."""
        async with self._turn:
            before, self._loader.kept, self._loader.vault = self._loader.kept, kept, vault
            if kept == before:
                return
            try:
                loaded = await asyncio.to_thread(self._loader.with_kept, self._current, self._current.snapshot.generation + 1)
            except ConfigError as error:
                self._refused(error.problems)
            else:
                self._current = loaded
                self._publish(loaded)

    async def take_lists(self, lists: Mapping[str, ProviderList]) -> None:
        """What the providers say of their models from now on: no new configuration, and live when this returns."""
        async with self._turn:
            self._current = self._loader.with_lists(self._current, lists)
            if self._prepare is not None:
                await asyncio.to_thread(self._prepare, self._current)
            self._publish(self._current)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            await self.step()

    async def step(self) -> bool:
        """One look. True if a new snapshot was published."""
        async with self._turn:
            return await self._step()

    async def _step(self) -> bool:
        seen = self._look()
        if seen == self._live:
            self._last, self._unstable = seen, 0
            return False
        if seen != self._last and self._unstable < _PATIENCE:
            self._last, self._unstable = seen, self._unstable + 1
            return False
        self._unstable = 0
        generation = self._current.snapshot.generation + 1
        loaded: Loaded | None = None
        try:
            loaded = await asyncio.to_thread(self._loader.load, generation)
        except ConfigError as error:
            self._settle(seen)
            self._refused(error.problems)
            with contextlib.suppress(ConfigError):
                loaded = await asyncio.to_thread(self._loader.with_keys, self._current, generation)
        else:
            self._settle(seen)
        if loaded is None:
            return False
        self._current = loaded
        self._publish(loaded)
        return True

    def _settle(self, seen: Print) -> None:
        """What was seen before the load is now what counts; files that the load was the first to name join it as they are now."""
        known = dict(seen)
        self._live = self._last = tuple((path, known.get(path, digest)) for path, digest in self._look())

    def _look(self) -> Print:
        return tuple((path, self._digest(path)) for path in self._loader.files)

    def _digest(self, path: Path) -> bytes:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            known = self._stamps.get(path)
            if known is not None and known[0] == stamp and abs(time.time() - status.st_mtime) > _YOUNG:
                return known[1]
            digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
        except OSError as error:
            stamp, digest = None, type(error).__name__.encode()
        self._stamps[path] = (stamp, digest)
        return digest
