"""What the control plane needs of its database: everything that it reads and changes, one transaction at a time."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from tidegate.policy.directory import Delta
from tidegate.policy.limits.rules import Limit, Standing
from tidegate.records import (
    Actor,
    Adjustment,
    ApiKey,
    AuditEvent,
    Credential,
    Customer,
    Erasure,
    Invoice,
    Kept,
    LimitRule,
    ListQuery,
    Message,
    Organisation,
    Page,
    Payment,
    PersonalRecord,
    Plan,
    Remembered,
    RoleBinding,
    Scope,
    ServiceAccount,
    StoredPrice,
    StoredProvider,
    StoredRoute,
    StoredWebhook,
    Subject,
    Subscription,
    Team,
    TeamMember,
    Tenant,
    User,
)

Row = TypeVar(
    "Row",
    LimitRule,
    Organisation,
    Team,
    TeamMember,
    User,
    ServiceAccount,
    ApiKey,
    RoleBinding,
    Plan,
    Customer,
    Subscription,
    Adjustment,
    Invoice,
    Payment,
    Credential,
    StoredProvider,
    StoredRoute,
    StoredPrice,
    StoredWebhook,
    Erasure,
)
Listed = TypeVar(
    "Listed",
    LimitRule,
    Organisation,
    Team,
    TeamMember,
    User,
    ServiceAccount,
    ApiKey,
    RoleBinding,
    Plan,
    Customer,
    Subscription,
    Adjustment,
    Invoice,
    Payment,
    Credential,
    StoredProvider,
    StoredRoute,
    StoredPrice,
    StoredWebhook,
    Erasure,
    AuditEvent,
)


class View(Protocol):
    """What one transaction sees of its tenant, or of all where its scope is `EVERYONE`."""

    async def get(self, kind: type[Row], *key: str) -> Row | None:
        """The row with that key: an id, or (team id, user id) for a `TeamMember`, or nothing for the tenant's own `Organisation`."""
        ...

    async def page(self, kind: type[Listed], query: ListQuery) -> Page[Listed]:
        """In order of creation; audit events newest first. `Page.cursor` is what `ListQuery.after` takes."""
        ...

    async def find_key(self, id: str) -> tuple[Tenant, ApiKey] | None:
        """A key of whatever tenant. Needs the scope `EVERYONE`."""
        ...

    async def digests_there(self, digests: Sequence[bytes]) -> set[bytes]:
        """Which of these digests are of keys of the tenant."""
        ...

    async def sealed(self, credential_id: str) -> bytes | None:
        """The sealed bytes of a credential, which `get` and `page` leave out."""
        ...

    async def standings(self, limits: Sequence[Limit], at: float) -> dict[str, Standing]:
        """How limits of the tenant stand at a time in Unix seconds, by id: those of one subject and of a window of the calendar."""
        ...

    async def remembered(self, owner: str, key: str, at: int) -> Remembered | None:
        """The answer to an earlier request with that idempotency key, if it has not expired at `at`."""
        ...


class Change(View, Protocol):
    """A transaction that changes rows of one tenant. Changes of a tenant come one after the other. Each raises the configuration's
    generation and writes its audit event here, with `before` and `after` but without digests."""

    async def add(self, row: Row) -> None:
        """Stores a new row. Raises `Conflict` where its name, email or id is taken."""
        ...

    async def replace(self, row: Row, action: str) -> Row:
        """Stores the row in place of the one with `row.revision`, and returns it with the next revision. `action` is the audit event's,
        like `key.revoke`. Raises `Conflict` where that revision is not the present one, or a name is taken."""
        ...

    async def remove(self, row: Row) -> None:
        """Deletes a row that is not kept for its history: all but organisations, teams, people and keys."""
        ...

    async def note(self, action: str, kind: str, id: str) -> None:
        """An audit event of something that changes no row."""
        ...

    async def enqueue(self, row: Message) -> None:
        """Stores a message for the world outside, that is sent once the transaction is kept."""
        ...

    async def add_organisation(self, row: Organisation) -> None:
        """Makes a tenant; the audit event is of the transaction's own. Raises `Conflict` where the id is taken."""
        ...

    async def remember(self, row: Remembered) -> None:
        """Keeps an answer. Raises `Conflict` where another request of the same key was faster."""
        ...


class ControlStore(Protocol):
    """Everything that the control plane reads and changes, one transaction at a time. Any of it may raise `StorageUnavailable`."""

    def view(self, scope: Scope) -> AbstractAsyncContextManager[View]: ...

    def change(self, tenant: Tenant, actor: Actor) -> AbstractAsyncContextManager[Change]:
        """Kept where the block ends well, undone where it does not. Raises `Conflict` where the database finds one."""
        ...

    async def touch(self, tenant: Tenant, key_id: str, at: int) -> None:
        """Notes when a key was last used, in microseconds. No change of configuration."""
        ...


class KeptSource(Protocol):
    """What the database defines besides keys, for the snapshot. Any of it may raise `StorageUnavailable`."""

    async def since(self, reached: int) -> tuple[int, Kept] | None:
        """Everything with the generation that it is of; None where that is `reached`."""
        ...

    async def touch(self, tenant: Tenant, used: Mapping[str, int]) -> None:
        """Notes when credentials (by id) were last used, in microseconds."""
        ...


class Directories(Protocol):
    """The keys of the database and who owns them, for the data plane. Any of it may raise `StorageUnavailable`."""

    async def whole(self) -> Delta:
        """All keys that may call, with their digests."""
        ...

    async def since(self, generation: int) -> Delta | None:
        """What changed after a generation; None where nothing did."""
        ...

    async def touch(self, used: Mapping[tuple[str, str], int]) -> None:
        """Notes when keys (by organisation and id) were last used, in microseconds."""
        ...


class PersonalData(Protocol):
    """What there is about somebody. Any of it may raise `StorageUnavailable`."""

    async def page(self, tenant: Tenant, subject: Subject, after: str | None) -> Page[PersonalRecord]:
        """Some of it, everything over all pages; a page may be empty. Secrets are not in it. Raises `ValueError` for a cursor that is
        none."""
        ...
