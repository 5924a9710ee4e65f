"""The `Events` port as a durable spool: what `app` makes and `proxy` gives its events to.

`emit` returns once the event is in a segment, so that `kill -9` cannot lose it. `begin` says that an attempt starts, with the row that the
ledger shall have if the process never settles it; `recover` finds those of an earlier process and emits their rows. `synced` is for
`durability: power_loss`: it returns once what was emitted is on the disk. The drainer takes from here what the ledger does not have yet.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool import rows
from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.offset import Offset
from tidegate.adapters.spool.quarantine import Quarantine
from tidegate.adapters.spool.reader import Damage, Reader
from tidegate.adapters.spool.recovery import find_end, open_attempts
from tidegate.adapters.spool.segment import segment_paths
from tidegate.adapters.spool.watermark import ROOMY, Level, Watermark
from tidegate.adapters.spool.writer import GATHER, Writer
from tidegate.logs import Log
from tidegate.ports import UsageEvent

SEGMENT = 16 << 20
RESERVE = 64 << 20
_CARRY = 100
"""Open attempts that are carried on before others may run."""

_LOG = Log("tidegate.spool")


class SpoolError(Exception):
    """The folder cannot be used: another process has it, or it was written by a newer version."""


class NotDurable(OSError):
    """The event is not on the disk and nobody can say when it will be."""


class State(NamedTuple):
    """For health and metrics."""

    accepting: bool
    """False: refuse new billable work (503). What runs may still be settled."""
    reason: str | None
    """Why not, or what else an operator must see to."""
    level: Level
    used: float
    """Of the disk, 0 to 1."""
    written: int
    synced: int
    drained: int
    """Sequence numbers; `written - drained` records wait for the ledger."""
    open_attempts: int
    reserve: bool
    """Whether there is room for what runs when the disk is full."""
    failures: int
    """Segments given up since the start."""
    quarantined: int
    """Records set aside since the start."""
    damage: str | None
    """Why nothing is drained, where a segment is harmed."""


class Spool:
    """Raises `SpoolError` and OSError where the folder cannot be used. One process for one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        durability: Literal["process", "power_loss"] = "process",
        segment_bytes: int = SEGMENT,
        reserve_bytes: int = RESERVE,
        roomy_bytes: int = ROOMY,
        gather: float = GATHER,
        files: Files | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.files = files = files or Files()
        self.folder = folder
        self.durability = durability
        self.damage: Damage | None = None
        """Set by the drainer and by `recover`."""
        self.recovered = False
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = files.open(folder / "lock")
        try:
            files.lock(self._lock)
            self.quarantine = Quarantine(folder, files, now)
            end = find_end(folder, files, self.quarantine)
            self.offset = Offset(folder, files)
        except BaseException as error:
            files.close(self._lock)
            if isinstance(error, BlockingIOError):
                raise SpoolError(f"{folder} is in use by another gateway: each needs a TIDEGATE_HOME of its own") from None
            if isinstance(error, Damage):
                raise SpoolError(str(error)) from error
            raise
        if end.torn:
            log = _LOG.error if end.behind else _LOG.warning
            log("the end of the usage spool was torn", bytes=end.torn, records_set_aside=end.behind)
        try:
            if not self.offset.known and not segment_paths(folder, files):
                self.offset.advance(0)
        except OSError:
            files.close(self._lock)
            raise
        self._former = end.seq
        self._crashed = not end.is_clean
        self._open: dict[tuple[str, int], tuple[int, bytes]] = {}
        """Attempts that this process began: the record's number and payload, in the order of the numbers."""
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._forgetting = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = threading.Lock()
        self._writer = Writer(
            folder,
            files,
            next_seq=max(end.seq, self.offset.seq) + 1,
            next_index=end.segment + 1,
            segment_bytes=segment_bytes,
            reserve_bytes=reserve_bytes,
            watermark=Watermark(folder, files, roomy=roomy_bytes),
            on_synced=self._on_synced,
            now=now,
            gather=gather,
        )
        self._writer.start()

    @property
    def accepting(self) -> bool:
        """Whether new billable work may be taken."""
        return self._writer.accepting

    @property
    def shedding(self) -> bool:
        """Whether the disk is so full that what may be dropped should not be written; `emit` leaves bodies out then."""
        return self._writer.watermark.level >= Level.SHED

    @property
    def state(self) -> State:
        writer = self._writer
        reason = None
        if writer.broken is not None:
            reason = f"the spool cannot be written: {writer.broken}"
        elif not writer.accepting:
            reason = "the disk of the spool is full or too slow"
        elif self.damage is not None:
            reason = f"the spool is damaged: {self.damage}"
        return State(
            accepting=writer.accepting,
            reason=reason,
            level=writer.watermark.level,
            used=writer.watermark.used,
            written=writer.written,
            synced=writer.synced,
            drained=self.offset.seq,
            open_attempts=len(self._open),
            reserve=writer.has_reserve,
            failures=writer.failures,
            quarantined=self.quarantine.count,
            damage=None if self.damage is None else str(self.damage),
        )

    def begin(self, event: UsageEvent) -> None:
        """An attempt starts. `event` is what the ledger shall say if it is never settled (`entry` "unknown"); given again for the same
        attempt it replaces the earlier one."""
        payload = rows.encode(event)
        key = (event.request_id, event.attempt)
        self._open.pop(key, None)
        self._open[key] = (self._writer.append(form.BEGIN, rows.VERSION, payload), payload)

    def emit(self, event: UsageEvent) -> None:
        """Returns once the event is where the end of the process cannot lose it. Settles what `begin` said of its attempt."""
        if (event.request_body is not None or event.response_body is not None) and self.shedding:
            event = msgspec.structs.replace(event, request_body=None, response_body=None)
        self._writer.append(form.EVENT, rows.VERSION, rows.encode(event))
        self._open.pop((event.request_id, event.attempt), None)

    async def synced(self) -> None:
        """Under `power_loss`: returns once everything that was emitted before is on the disk; raises `NotDurable` where the disk does not
        take it. Under `process` it returns at once."""
        if self.durability == "power_loss":
            await self.flushed(self._writer.written, hurry=True)

    async def flushed(self, seq: int, *, hurry: bool = False) -> None:
        """Returns once the record `seq` is on the disk. Raises `NotDurable`."""
        writer = self._writer
        if writer.synced >= seq:
            return
        if writer.broken is not None:
            raise NotDurable(str(writer.broken))
        self._loop = loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((seq, future))
        if writer.synced >= seq:
            self._resolve()
        elif hurry:
            writer.hurry()
        await future

    async def recover(self) -> list[UsageEvent]:
        """Emits the rows of attempts that an earlier process began and never settled, and gives them back. Once; before it, nothing is
        removed. Raises `Damage` where the segments cannot all be read: some of those attempts may have been settled in what is harmed."""
        if self.recovered:
            return []
        found: list[UsageEvent] = []
        if self._crashed:
            begun = open_attempts(self.folder, self.files, self.offset.seq, self._former)
            async for payload in _stepwise(begun):
                with contextlib.suppress(rows.Unreadable):
                    found.append(rows.decode(payload)[0])
            for event in found:
                self.emit(event)
        self.recovered = True
        if found:
            _LOG.warning("attempts were running when the last process ended", count=len(found))
        return found

    def reader(self) -> Reader:
        """Of what the ledger does not have yet."""
        return Reader(self.folder, self.files, self.offset.seq, sure=self.offset.known)

    def renew(self) -> int:
        """Begins a new segment. The number of the last record before it: once the ledger has that, `forget` removes all before."""
        written = self._writer.written
        self._writer.renew()
        return written

    async def forget(self) -> None:
        """Removes the segments that the ledger has whole. Attempts that are still open and were begun in them are written again first."""
        async with self._forgetting:
            await self._forget()

    async def _forget(self) -> None:
        if not self.recovered:
            return
        removable = await asyncio.to_thread(self._drained_segments)
        if not removable:
            return
        last = max(seq for seq, _path in removable)
        carried = 0
        for key, (seq, payload) in list(self._open.items()):
            if seq > last:
                break
            if self._open.get(key, (0,))[0] != seq:
                continue
            del self._open[key]
            self._open[key] = (self._writer.append(form.BEGIN, rows.VERSION, payload), payload)
            carried += 1
            if carried % _CARRY == 0:
                await asyncio.sleep(0)
        if carried:
            await self.flushed(self._writer.written)
        await asyncio.to_thread(self._remove, [path for _seq, path in removable])

    async def aclose(self) -> None:
        """Syncs what is left and lets go of the folder."""
        if self.recovered and not self._open and self._writer.broken is None and self._writer.written > self._former:
            self._writer.append(form.CLOSE, rows.VERSION, b"")
        await asyncio.to_thread(self._writer.close)
        self._resolve(closing=True)
        self.files.close(self._lock)

    def _drained_segments(self) -> list[tuple[int, Path]]:
        """(last record, path) of each segment whose records the ledger all has: the next one begins at or before what comes next."""
        from_here = [(index, path) for index, path in segment_paths(self.folder, self.files) if index <= self._writer.active_index]
        firsts = [self._first(path) for _index, path in from_here]
        removable: list[tuple[int, Path]] = []
        for (_index, path), following in zip(from_here, firsts[1:], strict=False):
            if following is None or following - 1 > self.offset.seq:
                break
            removable.append((following - 1, path))
        return removable

    def _first(self, path: Path) -> int | None:
        try:
            fd = self.files.open_reading(path)
        except FileNotFoundError:
            return None
        try:
            header = form.read_header(self.files.read(fd, form.HEADER_SIZE, 0))
        finally:
            self.files.close(fd)
        return None if header is None else header.first

    def _remove(self, paths: list[Path]) -> None:
        for path in paths:
            self.files.remove(path)
        self.files.sync_folder(self.folder)

    def _on_synced(self) -> None:
        """Runs on the writer's thread."""
        loop = self._loop
        if loop is not None and self._waiting:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._resolve)

    def _resolve(self, *, closing: bool = False) -> None:
        synced, broken = self._writer.synced, self._writer.broken
        kept: list[tuple[int, asyncio.Future[None]]] = []
        while self._waiting:
            seq, future = self._waiting.popleft()
            if future.done():
                continue
            if seq <= synced:
                future.set_result(None)
            elif broken is not None or closing:
                future.set_exception(NotDurable(str(broken) if broken is not None else "the spool is closed"))
            else:
                kept.append((seq, future))
        self._waiting.extend(kept)


async def _stepwise(found: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (payload := await asyncio.to_thread(next, found, None)) is not None:
        if payload:
            yield payload
