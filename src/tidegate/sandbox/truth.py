"""The truth log: what the sandbox really did, one JSON line per attempt, to be compared with what a gateway says it did.

A line is written before the last byte of its answer leaves, and synced to the disk by a thread of its own soon after. Used by `app`.
"""

import hashlib
import os
import threading
from pathlib import Path

import msgspec

from tidegate.sandbox.values import Obj

_encode = msgspec.json.Encoder().encode
_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"})


class TruthLog:
    """Appends lines to a file. With `fsync` a thread syncs the file after each batch of lines; `close` waits for the last sync."""

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._dirty = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._sync, name="sandbox-truth", daemon=True) if fsync else None
        if self._thread:
            self._thread.start()

    def write(self, record: Obj) -> None:
        """Appends one record."""
        line = _encode(record) + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
        self._dirty.set()

    def close(self) -> None:
        """Syncs what is left and closes the file. May be called twice."""
        if self._closing:
            return
        self._closing = True
        self._dirty.set()
        if self._thread:
            self._thread.join()
        os.close(self._file)

    def _sync(self) -> None:
        while not self._closing:
            self._dirty.wait()
            self._dirty.clear()
            os.fsync(self._file)


def fingerprint(secret: str) -> str:
    """Twelve hex digits that tell one credential from another and give nothing away; empty for an empty one."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12] if secret else ""


def key_of(headers: dict[str, str]) -> str:
    """The API key of a request, from any of the headers that carry one."""
    bearer = headers.get("authorization", "")
    return headers.get("x-api-key") or headers.get("api-key") or (bearer[7:] if bearer[:7].lower() == "bearer " else bearer)


def without_secrets(headers: dict[str, str]) -> Obj:
    """The headers with a fingerprint in place of every credential."""
    return {name: f"sha256:{fingerprint(value)}" if name in _SECRET_HEADERS else value for name, value in headers.items()}
