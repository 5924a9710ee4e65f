"""A file of our own that is read back in a later start: written whole and put in place at once, with mode 0600, and with a MAC under the
pepper that says that it is ours and unharmed. One that is not, is no file.
"""

import hmac
import os
import time
from pathlib import Path

MOST_AGE = 86_400.0
"""Seconds that what keys and credentials were counts."""
_MAC = 32


def is_fresh(at: float) -> bool:
    """Whether what was written at a Unix time is no older than `MOST_AGE`, and not of a time to come."""
    return 0 <= time.time() - at < MOST_AGE


class MacFile:
    """One writer. `pepper` makes the MAC's key, another one for each `purpose`."""

    def __init__(self, path: Path, pepper: bytes, purpose: bytes) -> None:
        self._path = path
        self._secret = hmac.digest(pepper, purpose, "sha256")

    @property
    def is_there(self) -> bool:
        """Whether there is a file, be it ours or not."""
        return self._path.exists()

    def read(self) -> bytes | None:
        """What was written; None where there is nothing that counts."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return None
        mac, body = data[:_MAC], data[_MAC:]
        return body if hmac.compare_digest(mac, hmac.digest(self._secret, body, "sha256")) else None

    def write(self, body: bytes) -> None:
        """Raises `OSError`."""
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(hmac.digest(self._secret, body, "sha256") + body)
            file.flush()
            os.fsync(fd)
        temporary.replace(self._path)
