"""The limits of the database, kept in a file for a start while the database is away. They count at any age: a process that knows keys and
not their limits would let everything through."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tidegate.adapters.mac_file import MacFile
from tidegate.records import LimitRule

NAME = "limits.snapshot"
"""Under `TIDEGATE_HOME`."""

_ROWS = msgspec.json.Decoder(list[tuple[str, LimitRule]])


class LimitsFile:
    """One writer. `pepper` makes the MAC's key."""

    def __init__(self, home: Path, pepper: bytes) -> None:
        self._file = MacFile(home / NAME, pepper, b"tidegate limits snapshot")

    @property
    def is_there(self) -> bool:
        """Whether something was kept, be it harmed or not."""
        return self._file.is_there

    def save(self, rows: Sequence[tuple[str, LimitRule]]) -> None:
        """Limits with their organisations. Raises `OSError`."""
        self._file.write(msgspec.json.encode(rows))

    def load(self) -> list[tuple[str, LimitRule]] | None:
        """What was kept; None where there is nothing that counts."""
        body = self._file.read()
        try:
            return None if body is None else _ROWS.decode(body)
        except msgspec.DecodeError:
            return None
