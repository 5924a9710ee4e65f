"""The file of a backup: a line that says what it is, a line of JSON about it, rows as compressed lines of JSON, and a digest of everything
before it. Written once from front to back, so that a file which was cut short or changed is known for one before a row of it is used.
"""

import hashlib
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import msgspec

FORMAT = 1
_MAGIC = b"tidegate backup "
_TRAILER = b"\nsha256 "
_TRAILER_LENGTH = len(_TRAILER) + 64 + 1
_PIECE = 1 << 20
_LONGEST_HEADER = 1 << 20


class BadBackup(ValueError):
    """The file cannot be restored; the message says why."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """`schema` is the version of the database that it was made of, `made_at` in microseconds since 1970, `tables` in an order in which each
    names only earlier ones."""

    schema: str
    tidegate: str
    made_at: int
    tables: tuple[str, ...]


class Writer:
    """`rows` counts what was written, by table."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._squeeze = zlib.compressobj(6)
        self.rows: dict[str, int] = {}
        self._put(_MAGIC + b"%d\n" % FORMAT + msgspec.json.encode(header) + b"\n")

    def table(self, name: str, columns: list[str]) -> None:
        """The rows that follow are of this table."""
        self.rows[name] = 0
        self._line({"table": name, "columns": columns})

    def row(self, table: str, values: list[Any]) -> None:
        self.rows[table] += 1
        self._line(values)

    def end(self) -> None:
        """Nothing follows."""
        self._line({"rows": self.rows})
        self._put(self._squeeze.flush())
        self._file.write(_TRAILER + self._digest.hexdigest().encode() + b"\n")

    def _line(self, value: Any) -> None:
        self._put(self._squeeze.compress(msgspec.json.encode(value) + b"\n"))

    def _put(self, data: bytes) -> None:
        if data:
            self._digest.update(data)
            self._file.write(data)


@contextmanager
def written(path: Path) -> Generator[IO[bytes]]:
    """A new file that only its owner reads, there under its name once it is whole and on the disk. Raises `FileExistsError`."""
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


class Reader:
    """A file whose digest is right. Raises `BadBackup`, and `OSError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = path.stat().st_size - _TRAILER_LENGTH
        with path.open("rb") as file:
            first = file.readline(64)
            if not first.startswith(_MAGIC):
                raise BadBackup(f"{path} is no backup of Tidegate")
            if first != _MAGIC + b"%d\n" % FORMAT:
                raise BadBackup(f"{path} is of another format ({first.decode('ascii', 'replace').strip()}): use the Tidegate that made it")
            line = file.readline(_LONGEST_HEADER)
            self._begin = file.tell()
        _check(path, self._end)
        try:
            self.header = msgspec.json.decode(line, type=Header)
        except msgspec.MsgspecError as error:
            raise BadBackup(f"{path} has a header that nobody can read: {error}") from None

    def rows(self) -> Iterator[tuple[str, list[str], list[Any]]]:
        """(table, columns, values) of every row, in the order in which they were written."""
        table, columns, seen = "", list[str](), dict[str, int]()
        for line in self._lines():
            found: Any = msgspec.json.decode(line)
            if isinstance(found, list):
                seen[table] += 1
                yield table, columns, cast("list[Any]", found)
            elif "table" in found:
                table, columns = found["table"], found["columns"]
                seen[table] = 0
            elif found["rows"] == seen:
                return
            else:
                raise BadBackup(f"{self._path} does not hold the rows that it counts")
        raise BadBackup(f"{self._path} ends in the middle of its rows")

    def _lines(self) -> Iterator[bytes]:
        unpack, rest = zlib.decompressobj(), b""
        with self._path.open("rb") as file:
            file.seek(self._begin)
            left = self._end - self._begin
            while left > 0:
                piece = file.read(min(_PIECE, left))
                left -= len(piece)
                *lines, rest = (rest + unpack.decompress(piece)).split(b"\n")
                yield from lines
        yield from (rest + unpack.flush()).splitlines()


def _check(path: Path, end: int) -> None:
    cut = f"{path} is cut short or was changed: its digest is not right"
    if end <= 0:
        raise BadBackup(cut)
    digest, left = hashlib.sha256(), end
    with path.open("rb") as file:
        while left > 0:
            piece = file.read(min(_PIECE, left))
            if not piece:
                break
            digest.update(piece)
            left -= len(piece)
        if file.read() != _TRAILER + digest.hexdigest().encode() + b"\n":
            raise BadBackup(cut)
