"""Appends records to segments, and syncs them in groups on a thread of its own.

`append` runs on the event loop: it writes into the page cache, so that the end of the process loses nothing, and never raises; it waits for
no disk unless a segment runs full before the thread has made the next one. The thread syncs what has gathered, makes segments ahead, and
looks how full the disk is. Until a record is synced its bytes are kept in memory too: a segment that failed is never synced again (the
kernel tells a lost page once), all that it may have lost is written again into a new one with the same sequence numbers. Where that fails
as well, `broken` says so, records are kept in memory, and the thread tries again.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.segment import RESERVE, Segment, segment_path
from tidegate.adapters.spool.watermark import Level, Watermark
from tidegate.logs import Log

GATHER = 0.1
"""Seconds between two syncs under `durability: process`: what a power loss can take."""
IDLE = 2.0
"""Seconds between two looks at the disk."""
RETRY = 0.5
"""Seconds between two tries to get a segment that works."""
MAX_UNSYNCED = 64 << 20
"""Bytes that may wait for a sync before no new work is taken."""

_LOG = Log("tidegate.spool")


class Writer:
    """`written` and `synced` are sequence numbers; `on_synced` is called by the thread after each group, and when `broken` changes."""

    def __init__(
        self,
        folder: Path,
        files: Files,
        *,
        next_seq: int,
        next_index: int,
        segment_bytes: int,
        reserve_bytes: int,
        watermark: Watermark,
        on_synced: Callable[[], None],
        now: Callable[[], float] = time.time,
        gather: float = GATHER,
    ) -> None:
        self.written = self.synced = next_seq - 1
        self.broken: OSError | None = None
        self.failures = 0
        """Segments given up because a write or a sync failed."""
        self.watermark = watermark
        self._folder = folder
        self._files = files
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._index = next_index - 1
        self._on_synced = on_synced
        self._now = now
        self._gather = gather
        self._lock = threading.Lock()
        self._unsynced: deque[tuple[int, bytes]] = deque()
        self._unsynced_bytes = 0
        self._full: list[Segment] = []
        """Written to their end, not yet synced."""
        self._spare: Segment | None = None
        self._given_up: list[Segment] = []
        """Failed; closed by the thread, which may be syncing them."""
        self._no_room = False
        self.has_reserve = self._find_reserve()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self._sync_failures = 0
        """In a row."""
        self._active: Segment | None = None
        try:
            self._active = self._fresh(self._take(), next_seq)
        except OSError as error:
            self.broken = error
        self._thread = threading.Thread(target=self._run, name="usage-spool", daemon=True)

    def start(self) -> None:
        self.watermark.look()
        self._thread.start()

    @property
    def accepting(self) -> bool:
        """Whether new billable work may be taken."""
        return self.broken is None and not self._is_full and self._unsynced_bytes < MAX_UNSYNCED

    @property
    def _is_full(self) -> bool:
        return self._no_room or self.watermark.level >= Level.REFUSE

    @property
    def active_index(self) -> int:
        """Segments before this one are no longer written to."""
        active = self._active
        return self._index if active is None else active.index

    def append(self, kind: int, version: int, payload: bytes) -> int:
        """The record's sequence number. The record is in the page cache, or, where `broken` says so, in memory."""
        with self._lock:
            seq = self.written + 1
            record = form.pack_record(seq, kind, version, payload)
            self._unsynced.append((seq, record))
            self._unsynced_bytes += len(record)
            self.written = seq
            active = self._active
            if active is not None:
                try:
                    if active.has_room(len(record)):
                        active.append(record)
                    else:
                        self._rotate(seq).append(record)
                except OSError as error:
                    self._replace(error)
        if not self._wake.is_set():
            self._wake.set()
        return seq

    def renew(self) -> None:
        """The next record begins a new segment, so that what is there now can be removed once it is drained."""
        with self._lock:
            active = self._active
            if active is not None and active.end > form.HEADER_SIZE:
                try:
                    self._rotate(self.written + 1)
                except OSError as error:
                    _LOG.error("no new usage segment could be begun", error=str(error))
        self.hurry()

    def hurry(self) -> None:
        """Somebody waits for the sync."""
        self._hurry.set()
        self._wake.set()

    def close(self) -> None:
        """Syncs what is left and ends the thread. What cannot be synced any more is only logged."""
        self._closing.set()
        self.hurry()
        self._thread.join()
        with self._lock:
            for segment in (self._active, self._spare, *self._full):
                if segment is not None:
                    segment.seal()
            self._active = self._spare = None
        if self._unsynced:
            _LOG.error("usage events could not be made durable", count=len(self._unsynced), error=str(self.broken))

    def _run(self) -> None:
        while True:
            if self.broken is not None:
                self._closing.wait(RETRY)
            elif self._wake.wait(IDLE) and not self._closing.is_set():
                self._hurry.wait(self._gather)
            self._wake.clear()
            self._hurry.clear()
            closing = self._closing.is_set()
            self._sync()
            if closing:
                for _more in range(2):
                    self._sync()
                return
            self._prepare()

    def _sync(self) -> None:
        """One group: everything that was appended when it began."""
        with self._lock:
            if self._active is None and self.broken is not None:
                self._replace(self.broken)
            target = self.written
            full, active = list(self._full), self._active
        if active is not None and (target > self.synced or self.broken is not None):
            for segment in (*full, active):
                try:
                    segment.sync()
                except OSError as error:
                    self._sync_failed(segment, error)
                    break
                segment.acked = True
            else:
                self._acknowledge(target, full, active)
        self._bury()
        self._on_synced()

    def _sync_failed(self, segment: Segment, error: OSError) -> None:
        """The first in a row costs a segment; after the second no new work is taken until a sync comes back well."""
        with self._lock:
            if segment is not self._active and segment not in self._full:
                return
            self._sync_failures += 1
            self._replace(error)
            if self._sync_failures > 1:
                self._break(error)
        self.hurry()

    def _acknowledge(self, target: int, full: list[Segment], active: Segment) -> None:
        with self._lock:
            current = [*self._full, self._active]
            if not all(segment in current for segment in (*full, active)):
                return  # one failed meanwhile, and its records are written again elsewhere
            self._full = [segment for segment in self._full if segment not in full]
            while self._unsynced and self._unsynced[0][0] <= target:
                self._unsynced_bytes -= len(self._unsynced.popleft()[1])
            self.synced = target
            self._sync_failures = 0
            was_broken, self.broken = self.broken, None
        for segment in full:
            segment.close()
        if was_broken is not None:
            _LOG.warning("the usage spool works again", synced=target)

    def _bury(self) -> None:
        """Closes what was given up. What never came back from a sync well holds nothing that is not written again elsewhere by now."""
        with self._lock:
            given_up = self._given_up
            if self._active is not None:
                self._given_up = []
        for segment in given_up:
            segment.close()
            if self._given_up is not given_up and not segment.acked:
                segment.remove()

    def _rotate(self, first: int) -> Segment:
        """The active segment is full: the next one. The lock is held. Raises OSError."""
        following = self._fresh(self._take(), first)
        if self._active is not None:
            self._full.append(self._active)
        self._active = following
        return following

    def _take(self) -> Segment:
        """A segment that is not begun: the one made ahead, else a new one, or the reserve where the disk is full. Raises OSError."""
        spare, self._spare = self._spare, None
        if spare is not None:
            return spare
        self._index += 1
        path = segment_path(self._folder, self._index)
        if self.has_reserve and self._is_full:
            return self._take_reserve(path)
        try:
            return Segment.make(self._files, path, self._index, self._segment_bytes)
        except OSError:
            if not self.has_reserve:
                raise
            return self._take_reserve(path)

    def _take_reserve(self, path: Path) -> Segment:
        _LOG.error("the disk is full: usage goes to the reserve segment", folder=str(self._folder))
        self.has_reserve = False
        self._no_room = True
        self._files.rename(self._folder / RESERVE, path)
        return Segment(self._files, path, self._files.open(path), self._index, self._reserve_bytes)

    def _fresh(self, segment: Segment, first: int) -> Segment:
        try:
            segment.begin(first, self.synced, int(self._now() * 1_000_000))
        except OSError:
            segment.close()
            segment.remove()
            raise
        return segment

    def _replace(self, error: OSError) -> None:
        """A segment failed: everything that is not synced is written again, into a new one. The lock is held."""
        self._given_up += self._full if self._active is None else [*self._full, self._active]
        self._full, self._active = [], None
        self.failures += 1
        try:
            active = self._rotate(self._unsynced[0][0] if self._unsynced else self.written + 1)
            for seq, record in self._unsynced:
                if not active.has_room(len(record)):
                    active = self._rotate(seq)
                active.append(record)
        except OSError as again:
            for segment in (*self._full, self._active):
                if segment is not None:
                    segment.close()
                    segment.remove()
            self._full, self._active = [], None
            self._break(again)
        else:
            if self.broken is None:
                _LOG.error("a usage segment failed and was replaced", error=str(error), written_again=len(self._unsynced))

    def _break(self, error: OSError) -> None:
        if self.broken is None:
            _LOG.error("usage cannot be made durable: it is kept in memory, and no new work is taken", error=str(error))
        self.broken = error

    def _prepare(self) -> None:
        """What `append` should not have to wait for: the next segment, and the reserve."""
        level = self.watermark.level
        if self.watermark.look() != level:
            _LOG.warning("the disk of the usage spool", used=round(self.watermark.used, 3), level=self.watermark.level.name)
        if self.watermark.level >= Level.REFUSE or self.broken is not None:
            return
        try:
            self._make_reserve()
            self._make_spare()
        except OSError as error:
            if not self._no_room:
                _LOG.error("no room for the next usage segment: no new work is taken", error=str(error))
            self._no_room = True
        else:
            self._no_room = False

    def _find_reserve(self) -> bool:
        """Whether one is left from before: on a full disk no other could be made."""
        if self._reserve_bytes <= 0:
            return False
        try:
            fd = self._files.open_reading(self._folder / RESERVE)
        except OSError:
            return False
        try:
            return self._files.size(fd) == self._reserve_bytes
        except OSError:
            return False
        finally:
            self._files.close(fd)

    def _make_reserve(self) -> None:
        if self.has_reserve or self._reserve_bytes <= 0:
            return
        path = self._folder / RESERVE
        self._files.remove(path)
        made = Segment.make(self._files, path, 0, self._reserve_bytes)
        made.close()
        self._files.sync_folder(self._folder)
        self.has_reserve = True

    def _make_spare(self) -> None:
        active = self._active
        if self._spare is not None or active is None or active.end < active.size // 2:
            return
        with self._lock:
            self._index += 1
            index = self._index
        spare = Segment.make(self._files, segment_path(self._folder, index), index, self._segment_bytes)
        with contextlib.suppress(OSError):
            self._files.sync_folder(self._folder)
            spare.named = True
        with self._lock:
            if self._active is not None and self._active.index < index:
                self._spare = spare
                return
        spare.close()
        spare.remove()
