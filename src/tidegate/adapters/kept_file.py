"""What the database defines besides keys, kept in a file for a start while the database is away. Credentials are in it as they are in the
database: sealed."""

import time
from pathlib import Path
from typing import Any

import msgspec

from tidegate.adapters.mac_file import MacFile, is_fresh
from tidegate.records import Credential, Kept, StoredPrice, StoredProvider, StoredRoute, StoredWebhook

NAME = "configuration.snapshot"
"""Under `TIDEGATE_HOME`."""
_VERSION = 1


class _Whole(msgspec.Struct, frozen=True, array_like=True):
    """The rows as their fields by name."""

    version: int
    at: float
    generation: int
    providers: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    credentials: list[tuple[str, dict[str, Any]]]
    prices: list[dict[str, Any]] = []
    webhooks: list[tuple[str, dict[str, Any]]] = []


_WHOLE = msgspec.msgpack.Decoder(_Whole)


class KeptFile:
    """One writer. `pepper` makes the MAC's key."""

    def __init__(self, home: Path, pepper: bytes) -> None:
        self._file = MacFile(home / NAME, pepper, b"tidegate configuration snapshot")

    def save(self, generation: int, kept: Kept) -> None:
        """Raises `OSError`."""
        whole = _Whole(
            _VERSION,
            time.time(),
            generation,
            [msgspec.structs.asdict(row) for row in kept.providers],
            [msgspec.structs.asdict(row) for row in kept.routes],
            [(org, msgspec.structs.asdict(row)) for org, row in kept.credentials],
            [msgspec.structs.asdict(row) for row in kept.prices],
            [(org, msgspec.structs.asdict(row)) for org, row in kept.webhooks],
        )
        self._file.write(msgspec.msgpack.encode(whole))

    def load(self) -> tuple[int, Kept] | None:
        """(generation, what was kept); None where there is nothing that counts."""
        body = self._file.read()
        try:
            found = None if body is None else _WHOLE.decode(body)
            if found is None or found.version != _VERSION or not is_fresh(found.at):
                return None
            return found.generation, Kept(
                providers=tuple(StoredProvider(**row) for row in found.providers),
                routes=tuple(StoredRoute(**row) for row in found.routes),
                credentials=tuple((org, Credential(**row)) for org, row in found.credentials),
                prices=tuple(StoredPrice(**row) for row in found.prices),
                webhooks=tuple((org, StoredWebhook(**row)) for org, row in found.webhooks),
            )
        except (msgspec.DecodeError, TypeError):
            return None
