"""Which of several credentials of a provider a call uses: those of the caller's organisation, else the shared ones, else the file's.

Of those, each gets calls by its weight; the others are further targets, so that a limit met with one falls to the next.
"""

import hashlib
import math
from collections.abc import Sequence
from itertools import groupby
from urllib.parse import urlsplit

import msgspec

from tidegate.policy.snapshot import Account, Snapshot, Target, Upstream
from tidegate.providers.spec import AuthKind

_DEFAULT_PORTS = {"https": 443, "http": 80}


def origin_of(url: str) -> str:
    """`scheme://host` and the port where it is not the scheme's own. Raises `ValueError` for what is no address."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("an address begins with https:// or http:// and a host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")


def provider_origin(snapshot: Snapshot, name: str) -> str | None:
    """Where a provider is reached, configured or only known; None where there is none."""
    upstream = snapshot.upstreams.get(name)
    known = snapshot.known.get(name)
    url = upstream.base_url if upstream is not None else known.base_url if known is not None else ""
    return origin_of(url) if url else None


def purpose_of(provider: str, origin: str) -> str:
    """What a credential is sealed for. So nobody who writes rows can send it elsewhere."""
    return f"credential of {provider} at {origin}"


def with_accounts(upstream: Upstream, accounts: tuple[Account, ...]) -> Upstream:
    """The provider with these credentials in place of what it has."""
    usual: AuthKind = "x-api-key" if upstream.spec.dialect == "anthropic" else "bearer"
    auth = usual if upstream.auth == "none" else upstream.auth
    return msgspec.structs.replace(upstream, accounts=accounts, credential=accounts[0].secret, missing=None, auth=auth)


def with_account(snapshot: Snapshot, org: str, provider: str, account: str) -> Upstream | None:
    """The provider with the one credential that something of this organisation was made with: an id, or nothing for its own. None where
    either is gone."""
    upstream = snapshot.upstreams.get(provider)
    if upstream is None or not account:
        return upstream
    found = (*snapshot.own.get(org, {}).get(provider, ()), *upstream.accounts)
    return next((with_accounts(upstream, (one,)) for one in found if one.id == account), None)


def drawn(snapshot: Snapshot, org: str, provider: str, salt: str) -> tuple[Upstream, str] | None:
    """The provider with one of the credentials that the organisation may use, and the id of that; empty for the provider's own. None where
    there is no such provider. `salt` decides the draw."""
    upstream = snapshot.upstreams.get(provider)
    if upstream is None:
        return None
    accounts = snapshot.own.get(org, {}).get(provider, ()) or upstream.accounts
    if not accounts:
        return upstream, ""
    chosen = min(accounts, key=lambda account: _place(account, salt))
    return with_accounts(upstream, (chosen,)), chosen.id


def spread(targets: Sequence[Target], salt: str) -> list[Target]:
    """The targets with the accounts of each in an order drawn by weight. `salt` decides the draw: another one for each call."""
    found: list[Target] = []
    for _, group in groupby(targets, key=lambda target: target.name):
        found += sorted(group, key=lambda target: _place(target.account, salt))
    return found


def _place(account: Account | None, salt: str) -> float:
    """Exponential with the weight as rate: the smallest of several is drawn as often as its weight says (Efraimidis and Spirakis, 2006)."""
    if account is None:
        return 0.0
    drawn = hashlib.blake2b(f"{salt}/{account.id}".encode(), digest_size=8).digest()
    return -math.log((int.from_bytes(drawn) + 1) / 2**64) / account.weight
