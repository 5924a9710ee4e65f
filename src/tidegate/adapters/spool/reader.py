"""Records in their order, out of the segments of a folder. Never changes a file, takes any bytes, and leaves nothing out silently.

The sequence numbers decide: the next record is the one that is one higher, wherever it is. A segment may end in harm or repeat the end of
another (its sync failed, and what was not safe was written again into the next one) as long as the next one begins where the last good
record ended; else that is `Damage`. A segment that an operator has renamed to `.damaged` may lack records: what can be read of it is read.
"""

from pathlib import Path

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.format import Record
from tidegate.adapters.spool.segment import DAMAGED, segment_paths

WINDOW = 1 << 20


class Damage(Exception):
    """Records are missing or harmed at `offset` of `segment`; the message says which."""

    def __init__(self, segment: str, offset: int, message: str) -> None:
        super().__init__(f"{segment} at byte {offset}: {message}")
        self.segment = segment
        self.offset = offset


class SegmentReader:
    """One segment from its first record on. `first` is None where the file has no header (yet)."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._fd = files.open_reading(path)
        self.path = path
        self.is_damaged = path.suffix == DAMAGED
        self.header = form.read_header(files.read(self._fd, form.HEADER_SIZE, 0))
        self.first = None if self.header is None or self.header.version > form.FORMAT else self.header.first
        self.position = form.HEADER_SIZE
        self.next_seq = self.first or 0
        self._window, self._start = b"", 0

    def records(self, most: int) -> list[Record]:
        """Some of the next records, at most so many; none where there is no unharmed one with the next sequence number. Asked again it
        looks again."""
        if self.first is None or self.is_damaged:
            return []
        found = form.read_records(self._window, self.position - self._start, self.next_seq, most)
        if not found:
            self._window, self._start = self._files.read(self._fd, WINDOW, self.position), self.position
            size = form.payload_size(self._window, 0)
            if size is not None and form.RECORD_HEAD + size > len(self._window):
                self._window = self._files.read(self._fd, form.RECORD_HEAD + size, self.position)
            found = form.read_records(self._window, 0, self.next_seq, most)
        self.position += form.size_of(found)
        self.next_seq += len(found)
        return found

    def rest(self) -> bytes:
        """Everything from the position on."""
        return self._files.read(self._fd, max(0, self._files.size(self._fd) - self.position), self.position)

    def whole(self) -> bytes:
        return self._files.read(self._fd, self._files.size(self._fd), 0)

    def close(self) -> None:
        self._files.close(self._fd)


class Reader:
    """Reads on from where it is. `seq` is the last record that was read or passed over. Without `sure` the first segment is taken as it is;
    with it, a segment that is missing before the first one is noticed. Of records up to `drained` some may be missing: the ledger has
    them."""

    def __init__(self, folder: Path, files: Files, after: int, *, sure: bool = True, drained: int = 0) -> None:
        self._folder = folder
        self._files = files
        self._segment: SegmentReader | None = None
        self._index = 0
        self._salvaged: list[Record] = []
        self._lenient = not sure
        self._drained = drained
        self.seq = after

    def read(self, count: int, upto: int, room: int = 4 << 20) -> list[Record]:
        """The next records up to the number `upto`: at most `count`, and no more of a segment once they have `room` bytes. Raises `Damage`
        where the next one is not to be had, and OSError."""
        records: list[Record] = []
        while len(records) < count and self.seq < upto and room > 0:
            try:
                found = self._next(count - len(records), upto)
            except Damage:
                if not records:
                    raise
                break
            if not found:
                if not records and self.seq < upto:
                    raise Damage(*self._place(), f"record {self.seq + 1} was written and is not here")
                break
            records += found
            room -= form.size_of(found)
        return records

    def close(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _place(self) -> tuple[str, int]:
        return ("no segment", 0) if self._segment is None else (self._segment.path.name, self._segment.position)

    def _next(self, count: int, upto: int) -> list[Record]:
        """Some records with the next numbers; none where there is no further segment."""
        while True:
            found: list[Record] = []
            if self._salvaged:
                found = [self._salvaged.pop()]
            elif self._segment is not None:
                found = self._segment.records(max(1, min(count, upto - self.seq)))
            if found and found[-1].seq > self.seq:
                fresh = found[max(0, self.seq + 1 - found[0].seq) :]
                self.seq = fresh[-1].seq
                return fresh
            if not found and not self._turn():
                return []

    def _turn(self) -> bool:
        """On to the next segment. False where there is none yet."""
        following = [(index, path) for index, path in segment_paths(self._folder, self._files) if index > self._index]
        for index, path in following:
            try:
                segment = SegmentReader(self._files, path)
            except FileNotFoundError:
                continue  # given up meanwhile, and written again
            try:
                usable = self._weigh(segment, is_last=index == following[-1][0])
            except BaseException:
                segment.close()
                raise
            if not usable:
                segment.close()
                continue
            self.close()
            self._segment, self._index = segment, index
            return True
        return False

    def _weigh(self, segment: SegmentReader, *, is_last: bool) -> bool:
        """Whether the segment is to be read next. False for one that is not begun."""
        if segment.is_damaged:
            self._salvaged = sorted(form.salvage(segment.whole(), 0), key=lambda record: -record.seq)
            self._lenient = True
            return True
        if segment.header is not None and segment.first is None:
            raise Damage(segment.path.name, 0, f"written by a newer version (format {segment.header.version})")
        if segment.first is None:
            if not is_last and any(segment.whole()):
                raise Damage(segment.path.name, 0, "the header is harmed")
            return False
        if segment.first > self.seq + 1:
            if not self._lenient and segment.first - 1 > self._drained:
                raise Damage(*self._place(), f"records {self.seq + 1} to {segment.first - 1} are missing or harmed")
            self.seq = segment.first - 1
        self._lenient = False
        return True
