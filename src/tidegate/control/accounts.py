"""The credentials of the database become the accounts of the snapshot's providers, each only where its address is still the one that it was
given for."""

from collections import defaultdict
from collections.abc import Callable, Mapping

import msgspec

from tidegate.control.config import LimitsEntry
from tidegate.control.limits import Limits
from tidegate.control.problems import Path, Problems
from tidegate.control.vault import Vault
from tidegate.policy.credentials import origin_of, with_accounts
from tidegate.policy.limits.rules import Limit
from tidegate.policy.snapshot import Account, Upstream
from tidegate.ports import Unsealable
from tidegate.records import Credential, Kept


class Accounts:
    """`unconfigured` gives a provider of the catalogue that nothing configures yet."""

    def __init__(self, vault: Vault | None, unconfigured: Callable[[str], Upstream | None], problems: Problems) -> None:
        self._vault = vault
        self._unconfigured = unconfigured
        self._problems = problems

    def add(self, kept: Kept, upstreams: dict[str, Upstream]) -> dict[str, dict[str, tuple[Account, ...]]]:
        """Gives the shared accounts to `upstreams`, and back those of each organisation, by provider."""
        shared: dict[str, list[Account]] = defaultdict(list)
        own: dict[str, dict[str, list[Account]]] = defaultdict(lambda: defaultdict(list))
        for org, row in kept.credentials:
            account = self._account(org, row, upstreams) if row.disabled_at is None else None
            if account is not None:
                (shared if row.shared else own[org])[row.provider].append(account)
        for provider, accounts in shared.items():
            upstreams[provider] = with_accounts(upstreams[provider], tuple(accounts))
        return {org: _frozen(by_provider) for org, by_provider in own.items() if by_provider}

    def _account(self, org: str, row: Credential, upstreams: dict[str, Upstream]) -> Account | None:
        where: Path = ("credentials", row.name)
        upstream = upstreams.get(row.provider) or self._unconfigured(row.provider)
        if upstream is None or not upstream.base_url:
            self._problems.warn(where, f"there is no provider `{row.provider}`: this credential is not used")
            return None
        if origin_of(upstream.base_url) != row.origin:
            self._problems.warn(
                where, f"it was given for {row.origin} and `{row.provider}` is at {origin_of(upstream.base_url)} now: enter it again"
            )
            return None
        if self._vault is None or not self._opens(self._vault, org, row):
            self._problems.warn(where, "it cannot be opened: its row was changed, or the key that sealed it is not there")
            return None
        upstreams[row.provider] = upstream
        return Account(
            id=row.id,
            name=row.name,
            secret=self._vault.secret(org, row),
            org=org,
            weight=max(1, row.weight),
            limits=() if row.limits is None else self._limits(row, row.limits, where),
        )

    def _opens(self, vault: Vault, org: str, row: Credential) -> bool:
        try:
            vault.open(org, row)
        except (Unsealable, UnicodeDecodeError):
            return False
        return True

    def _limits(self, row: Credential, limits: Mapping[str, object], where: Path) -> tuple[Limit, ...]:
        try:
            entry = msgspec.convert(limits, LimitsEntry)
        except msgspec.ValidationError as error:
            self._problems.warn((*where, "limits"), str(error))
            return ()
        return Limits(self._problems).of("credential", row.id, where, entry, [])


def _frozen(by_provider: Mapping[str, list[Account]]) -> dict[str, tuple[Account, ...]]:
    return {provider: tuple(accounts) for provider, accounts in by_provider.items()}
