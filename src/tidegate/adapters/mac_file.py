"""A file of our own that is read back in a later start: written whole and put in place at once, with mode 0600, and with a MAC under the
pepper that says that it is ours and unharmed. One that is not, is no file.
"""

import hmac
import os
from pathlib import Path

_MAC = 32


class MacFile:
    """One writer. `pepper` makes the MAC's key, another one for each `purpose`."""

    def __init__(self, path: Path, pepper: bytes, purpose: bytes) -> None:
        self._path = path
        self._secret = hmac.digest(pepper, purpose, "sha256")

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
