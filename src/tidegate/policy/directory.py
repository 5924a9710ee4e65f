"""The keys of the database as the data plane sees them: found by public id, changed one by one as edits come in.

One loop changes it, every call reads it. A change is of a generation, and one that is older than what is here changes nothing. Whoever owns
a key can be off, and is looked up when the key is, so that disabling an organisation of many keys is one change.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from tidegate.policy.snapshot import Key

State = Literal["active", "disabled", "revoked"]
Owner = tuple[str, str, str]
"""(organisation, kind, id); the kind is `org`, `team`, `user` or `service_account`."""


class Listed(msgspec.Struct, frozen=True):
    """A key of the database. `owners` are all that must be on for it to work. A `foreign` one was made by another gateway: it has no public
    id in it and is found by its digest."""

    key: Key
    owners: tuple[Owner, ...]
    state: State = "active"
    foreign: bool = False


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What is different at `generation`: keys by public id (None: there is none), and, where it changed, everybody who is off. `whole`:
    these are all keys."""

    generation: int
    keys: Mapping[str, Listed | None] = {}
    off: frozenset[Owner] | None = None
    whole: bool = False


class Directory:
    """`is_current` says whether the database was asked lately: where it was not, an unknown key may be one that was made meanwhile.
    `is_loaded` says whether there is anything to go by at all."""

    def __init__(self) -> None:
        self.generation = 0
        self.is_current = False
        self.is_loaded = False
        self.used: dict[tuple[str, str], float] = {}
        """(organisation, key id) -> Unix time of the last call since somebody took this away."""
        self._keys: dict[str, Listed] = {}
        self._off: frozenset[Owner] = frozenset()
        self._foreign: dict[bytes, str] = {}
        """Digest -> id."""

    def __len__(self) -> int:
        return len(self._keys)

    def apply(self, delta: Delta) -> bool:
        """False where it is older than what is here, and changes nothing."""
        if delta.generation < self.generation:
            return False
        if delta.whole:
            self._keys = {}
            self._foreign = {}
        for id, found in delta.keys.items():
            before = self._keys.pop(id, None)
            if before is not None and before.foreign:
                self._foreign.pop(before.key.digest, None)
            if found is not None:
                self._keys[id] = found
                if found.foreign:
                    self._foreign[found.key.digest] = id
        if delta.off is not None:
            self._off = delta.off
        self.generation = delta.generation
        self.is_loaded = True
        return True

    def find(self, public: str) -> Listed | None:
        return self._keys.get(public)

    @property
    def has_foreign(self) -> bool:
        return bool(self._foreign)

    def find_foreign(self, digest: bytes) -> str | None:
        """The id of a key that another gateway made."""
        return self._foreign.get(digest)

    def is_off(self, found: Listed) -> bool:
        """Whether somebody who must be on for this key is off."""
        return bool(self._off) and not self._off.isdisjoint(found.owners)

    def everything(self) -> tuple[int, Iterable[tuple[str, Listed]], frozenset[Owner]]:
        """(generation, keys, who is off), to be kept for a start without the database."""
        return self.generation, list(self._keys.items()), self._off
