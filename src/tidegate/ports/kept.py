"""What is kept for tenants by id: responses, conversations, files, batches. Two ports: the store itself, whose every answer is durable, and
`Conversations` before it, for calls that do not wait for a database.

An id is found with its tenant only: another tenant's does not exist.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from tidegate.records import Tenant

Kind: TypeAlias = Literal["response", "conversation", "file", "container", "upload", "batch", "message_batch", "answer", "cache", "item"]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a tenant that has an id. Where `upstream` is named, that provider keeps it, for its credential `account` (an id, empty
    for the provider's own), and only its owner is known here; else `body` is what Tidegate holds of it, as JSON. `at` and `expires` are in
    Unix seconds (None: never); the API key of the id `key` made it, for the `end_user` that the client named. `revision` counts its
    changes. The store gives rows back without their end user: it keeps a mark of the name only."""

    org: str
    id: str
    key: str
    kind: Kind
    upstream: str
    at: float
    expires: float | None
    body: bytes = b""
    account: str = ""
    state: str = ""
    revision: int = 0
    end_user: str = ""


class Put(msgspec.Struct, frozen=True, eq=False):
    """Writes the row, in place of one with its id."""

    row: Kept


class Append(msgspec.Struct, frozen=True, eq=False):
    """Adds a part after those that are there, and puts off the end of what it belongs to. Nothing where that does not exist. What belongs
    to no end user yet is from then on `end_user`'s."""

    org: str
    id: str
    data: bytes
    expires: float | None
    end_user: str = ""


class Drop(msgspec.Struct, frozen=True, eq=False):
    """Deletes what has the id, with its parts."""

    org: str
    id: str


Write: TypeAlias = Put | Append | Drop


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what is of `kinds`. `after` is the id of the last one that the page before had."""

    kinds: tuple[Kind, ...]
    after: str = ""
    limit: int = 100
    newest_first: bool = True
    states: tuple[str, ...] = ()


class KeptStore(Protocol):
    """Each function returns once what it did is stored. All raise `StorageUnavailable`."""

    async def write(self, tenant: Tenant, writes: Sequence[Write]) -> None:
        """All of them, in their order and at once."""
        ...

    async def make(self, tenant: Tenant, row: Kept) -> bool:
        """Writes the row where none has its id, or one that has expired. False where one has it."""
        ...

    async def get(self, tenant: Tenant, id: str) -> Kept | None: ...

    async def change(self, tenant: Tenant, row: Kept) -> bool:
        """Writes body and state of a row that has not changed since it was read; False where it has, or is gone."""
        ...

    async def remove(self, tenant: Tenant, id: str) -> bool:
        """Deletes it with its parts; False where it was not there."""
        ...

    async def page(self, tenant: Tenant, listing: Listing) -> list[Kept]:
        """Those that have not expired, without their parts."""
        ...

    async def parts(self, tenant: Tenant, id: str, *, after: int = -1, limit: int = 64) -> list[tuple[int, bytes]]:
        """Its parts with their places, in order, from behind the place `after`."""
        ...

    async def put_part(self, tenant: Tenant, id: str, place: int, data: bytes, *, replace: bool = False) -> bool:
        """A part at a place. False where there is one and it may not be replaced, or where what it belongs to is gone."""
        ...

    async def remove_part(self, tenant: Tenant, id: str, place: int) -> None: ...

    async def is_anothers(self, org: str, id: str) -> bool:
        """Whether another tenant than this has something of the id."""
        ...

    async def claim(self, kinds: Sequence[Kind], owner: str, now: float, until: float, most: int) -> list[Kept]:
        """Of every tenant: what has work left (`state` is `active`) and is nobody's, or was `owner`'s already or of somebody whose time is
        over. It is the owner's until then; times are in Unix seconds."""
        ...


class Conversations(Protocol):
    """The store as calls see it. Nothing but reading waits."""

    async def store(self) -> KeptStore:
        """Waits a while at the start of a gateway. Raises `StorageUnavailable` where there is no database yet."""
        ...

    def put(self, row: Kept) -> None:
        """Takes the row, in place of one with its id: `get` finds it here from now on, and everywhere once it is stored."""
        ...

    def add(self, org: str, id: str, data: bytes, expires: float | None, end_user: str = "") -> None:
        """Adds a part, see `Append`."""
        ...

    def remove(self, org: str, id: str) -> None: ...

    async def get(self, org: str, id: str) -> Kept | None:
        """The tenant's row, if it has not expired. Raises `StorageUnavailable`."""
        ...

    async def parts(self, org: str, id: str) -> list[tuple[int, bytes]]:
        """All parts, with everything that was added here. Raises `StorageUnavailable`."""
        ...
