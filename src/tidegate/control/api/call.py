"""One request to the control API as its handler sees it: who asks, for which tenant, in which transaction. Made by `endpoint`."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol, TypeVar

import msgspec

from tidegate.control.api.identify import Caller, Peppers
from tidegate.control.api.pagination import Listing, Paged, open_cursor, seal
from tidegate.control.api.problem import Problem, forbidden, not_found
from tidegate.control.load import Loaded
from tidegate.control.vault import Vault
from tidegate.policy.health import Health
from tidegate.policy.roles import Grant, lacking
from tidegate.policy.snapshot import Snapshot
from tidegate.ports import Clock, Ledger, Random, Secrets
from tidegate.ports.control import Change, ControlStore, Listed, PersonalData, Row, View
from tidegate.records import Kept, KeyState, ListQuery, Tenant

T = TypeVar("T")
Revisioned = TypeVar("Revisioned", bound=msgspec.Struct)

ID_LENGTH = 16
MOST_OF_A_PAGE = 500


def nothing_to_do() -> None:
    """Where nobody waits for changes."""


def no_provider(_name: str) -> str | None:
    """Where no provider is configured."""


def nobody_signs(_header: str, _body: bytes) -> bool:
    """Where there is no payment provider."""
    return False


def no_key_of_a_file(_token: str) -> bool:
    """Where no file has keys."""
    return False


def no_vault() -> Vault | None:
    """Where no credentials are kept."""


def no_personal_data() -> PersonalData | None:
    """Where what is sealed cannot be opened yet."""


class Configuration(Protocol):
    """What a gateway serves, and would serve."""

    @property
    def current(self) -> Loaded:
        """What is live."""
        ...

    async def compiled(self, kept: Kept) -> Snapshot:
        """What would be live if the database defined this besides keys. Raises `ConfigError`."""
        ...


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the control API needs; `app` makes it. `changed` is called after a change was stored. `origin_of` is where a provider (by name)
    is reached at present, and `vault` seals its credentials."""

    store: ControlStore
    ledger: Ledger | None
    clock: Clock
    random: Random
    secrets: Secrets
    peppers: Peppers
    changed: Callable[[], None] = nothing_to_do
    billed: bool = False
    """Whether there is a payment provider to tell of customers and subscriptions."""
    signed: Callable[[str, bytes], bool] = nobody_signs
    """(header, body) -> whether the payment provider signed the body, now."""
    leak_signed: Callable[[str, bytes], bool] = nobody_signs
    """The same of whoever finds keys in public."""
    revoke_local: Callable[[str], bool] = no_key_of_a_file
    """Ends a key of the gateway's own file, by its token; whether it is one."""
    origin_of: Callable[[str], str | None] = no_provider
    health: Health = msgspec.field(default_factory=Health)
    """What the data plane of the same process has seen of its targets."""
    vault: Callable[[], Vault | None] = no_vault
    configuration: Configuration | None = None
    personal: Callable[[], PersonalData | None] = no_personal_data

    def now(self) -> int:
        """Microseconds since 1970."""
        return int(self.clock.now() * 1_000_000)


class Call:
    """`params` are the parts of the path; `view` is the request's one transaction."""

    def __init__(
        self, services: Services, caller: Caller, tenant: Tenant, view: View, params: Mapping[str, str], *, now: int, if_match: str | None
    ) -> None:
        self.services = services
        self.caller = caller
        self.tenant = tenant
        self.view = view
        self.params = params
        self.now = now
        self._if_match = if_match
        self._change: Change | None = None

    def may_change(self, change: Change) -> None:
        """The transaction is one that changes."""
        self._change = change

    @property
    def change(self) -> Change:
        if self._change is None:
            raise RuntimeError("a route that only reads has changed something")
        return self._change

    @property
    def actor_name(self) -> str:
        return f"{self.caller.kind}/{self.caller.id}"

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{self.services.secrets.base62(ID_LENGTH)}"

    async def load(self, kind: type[Row], *key: str) -> Row:
        """The tenant's row with that key. Raises `Problem`."""
        row = await self.view.get(kind, *key)
        if row is None:
            raise not_found()
        return row

    async def all(self, kind: type[Listed]) -> list[Listed]:
        """Every row of the tenant, oldest first: of kinds that are few."""
        found: list[Listed] = []
        after: str | None = None
        while True:
            page = await self.view.page(kind, ListQuery(limit=MOST_OF_A_PAGE, after=after))
            found += page.items
            after = page.cursor
            if after is None:
                return found

    async def page(
        self,
        name: str,
        kind: type[Listed],
        asked: Paged,
        only: Mapping[str, str | tuple[str, ...] | None],
        show: Callable[[Listed], T],
        *,
        view: View | None = None,
        state: KeyState | None = None,
    ) -> Listing[T]:
        """One page of the list `name`, with those filters that have a value; of another view than the tenant's where one is given. `state`
        is what keys are now."""
        filters = {column: value for column, value in only.items() if value is not None}
        named = filters if state is None else {**filters, "state": state}
        list_name = f"{self.tenant.org_id}/{name}/{msgspec.json.encode(named, order='sorted').decode()}"
        secret = self.services.peppers.secret
        after = open_cursor(secret, list_name, asked.cursor) if asked.cursor is not None else None
        at = None if state is None else (state, self.now)
        page = await (view or self.view).page(kind, ListQuery(limit=asked.limit, after=after, only=filters, state=at))
        following = seal(secret, list_name, page.cursor) if page.cursor is not None else None
        return Listing(items=[show(row) for row in page.items], next=following)

    def check_revision(self, revision: int) -> None:
        """An edit must say which state it edits. Raises `Problem`: 428 where it does not, 412 where that state has passed."""
        if self._if_match is None:
            raise Problem(HTTPStatus.PRECONDITION_REQUIRED, "if-match", "Send the ETag of what you edit in `If-Match`, or `*`.")
        wanted = [text.strip() for text in self._if_match.split(",")]
        if "*" not in wanted and etag(revision) not in wanted:
            raise Problem(HTTPStatus.PRECONDITION_FAILED, "changed", "It was changed in the meantime: get it again, then edit.")

    def require_held(self, granted: tuple[Grant, ...], what: str) -> None:
        """Nobody gives what they do not hold. Raises `Problem`."""
        missing = lacking(self.caller.grants, granted)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise forbidden(f"{what} holds more than you do: {missing[0]}{more}.")


def etag(revision: int) -> str:
    return f'"{revision}"'
