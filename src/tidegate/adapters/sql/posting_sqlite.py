"""The short way of a batch into SQLite's ledger: one visit to a thread for the whole transaction.

Through the asynchronous driver each of its statements is a visit of its own, and these cost more than the statements (0.25 ms of CPU,
twenty times in a batch). It is taken where every row is new, which is nearly always; where it is not, nothing is changed and the
caller goes the long way, which tells why.
"""

import sqlite3
import threading
from collections.abc import Sequence

from sqlalchemy import URL

from tidegate.adapters.sql.engine import PRAGMAS
from tidegate.adapters.sql.ledger_rows import Row
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.posting import Posting
from tidegate.adapters.sql.rollups import rollups
from tidegate.adapters.sql.schema_usage import MEASURES, WRITTEN, ledger
from tidegate.ports.limits import Moved


class ShortWay:
    """One connection, opened when it is first used. For any thread, one at a time."""

    def __init__(self, url: URL, seconds: float, windows: Spent | None = None) -> None:
        self._file = url.database or ""
        self._seconds = seconds
        self._windows = windows
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._ledger = Posting(ledger, is_sqlite=True)
        self._rollups = [Posting(table, is_sqlite=True) for _, table in WRITTEN]

    def post(self, rows: Sequence[Row]) -> list[Moved] | None:
        """Stores the rows and their sums; the windows of limits that they raised. None where one of them was there already or the
        database does not take it: nothing is changed then."""
        with self._lock:
            try:
                return self._post(self._opened(), rows)
            except (sqlite3.Error, OverflowError):
                self._forget()
                return None

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _post(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> list[Moved] | None:
        connection.execute("BEGIN IMMEDIATE")
        done = connection.executemany(*self._ledger.storing(rows))
        if done.rowcount != len(rows):
            connection.rollback()
            return None
        for table, sums in zip(self._rollups, rollups(rows), strict=True):
            connection.executemany(table.adding(sums, MEASURES), table.tuples(sums))
        moved = [] if self._windows is None else self._windows.post_at_once(connection, rows)
        connection.commit()
        return moved

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._file, timeout=self._seconds, isolation_level=None, check_same_thread=False)
            for pragma in PRAGMAS:
                self._connection.execute("PRAGMA " + pragma)
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
