"""What providers said last of their models, kept in a file for the next start and for the command line."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tidegate.adapters.mac_file import MacFile
from tidegate.providers.lists import ProviderList

NAME = "models.snapshot"
"""Under `TIDEGATE_HOME`."""

_LISTS = msgspec.json.Decoder(dict[str, ProviderList])


class ListsFile:
    """One writer. `pepper` makes the MAC's key."""

    def __init__(self, home: Path, pepper: bytes) -> None:
        self._file = MacFile(home / NAME, pepper, b"tidegate model lists")

    def save(self, lists: Mapping[str, ProviderList]) -> None:
        """Raises `OSError`."""
        self._file.write(msgspec.json.encode(lists))

    def load(self) -> dict[str, ProviderList]:
        """What was kept; nothing where nothing is there that counts."""
        body = self._file.read()
        try:
            return {} if body is None else _LISTS.decode(body)
        except msgspec.DecodeError:
            return {}
