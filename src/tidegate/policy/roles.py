"""Who may do what in the control plane, as functions of values: permissions, roles as sets of them on a scope, and the rule that nobody
grants what they do not hold. `control.api` asks; nothing here knows HTTP, databases or time.

A permission is `resource:verb`. A scope is a path, `gateway`, `org/<id>` or `org/<id>/team/<id>`, and covers every path below it. Whatever
is not granted is denied.
"""

from collections.abc import Iterable

import msgspec

_VERBS: dict[str, tuple[str, ...]] = {
    "audit": ("read",),
    "billing": ("read", "create", "edit"),
    "budgets": ("read", "create", "edit", "delete"),
    "config": ("read", "edit"),
    "credentials": ("read", "create", "edit", "rotate", "delete"),
    "invoices": ("read", "create", "edit", "delete"),
    "keys": ("read", "create", "edit", "rotate", "revoke"),
    "limits": ("read", "create", "edit", "delete"),
    "orgs": ("read", "create", "edit"),
    "personal_data": ("read", "export", "erase"),
    "prices": ("read", "create", "edit", "delete"),
    "roles": ("read", "grant", "withdraw"),
    "service_accounts": ("read", "create", "edit"),
    "teams": ("read", "create", "edit"),
    "usage": ("read",),
    "users": ("read", "create", "edit"),
    "webhooks": ("read", "create", "edit", "delete"),
}

PERMISSIONS = frozenset(f"{resource}:{verb}" for resource, verbs in _VERBS.items() for verb in verbs)
_READS = frozenset(name for name in PERMISSIONS if name.endswith(":read"))


def _all_of(*resources: str) -> frozenset[str]:
    return frozenset(f"{resource}:{verb}" for resource in resources for verb in _VERBS[resource])


ROLES: dict[str, frozenset[str]] = {
    "owner": PERMISSIONS,
    "admin": PERMISSIONS - _all_of("billing", "credentials", "invoices", "prices") | {"credentials:read", "prices:read"},
    "key-custodian": _all_of("credentials") | {"orgs:read", "teams:read", "keys:read", "keys:rotate", "keys:revoke"},
    "billing": _all_of("billing", "budgets", "invoices", "prices", "webhooks") | {"orgs:read", "teams:read", "users:read", "usage:read"},
    "developer": _all_of("keys") | {"orgs:read", "teams:read", "service_accounts:read", "limits:read", "budgets:read", "usage:read"},
    "auditor": _READS,
    "viewer": _READS - {"audit:read", "personal_data:read", "roles:read", "config:read", "billing:read", "invoices:read", "webhooks:read"},
    "service": frozenset({"keys:read", "keys:create", "keys:rotate", "keys:revoke", "usage:read"}),
}
"""`owner` holds everything, `admin` everything but money and secrets, `auditor` reads everything; no role shows a secret."""

GATEWAY = "gateway"
"""The scope above all organisations: the operator's."""

OWNER = "owner"


def org_scope(org_id: str) -> str:
    return f"org/{org_id}"


def team_scope(org_id: str, team_id: str | None) -> str:
    """The scope of a team, and of its organisation for what belongs to no team."""
    return f"org/{org_id}/team/{team_id}" if team_id else org_scope(org_id)


def within(inner: str, outer: str) -> bool:
    """Whether `outer` covers `inner`."""
    return outer in (GATEWAY, inner) or inner.startswith(outer + "/")


def flaw_of_scope(scope: str) -> str | None:
    """Why a text is no scope; None if it is one."""
    match scope.split("/"):
        case ["gateway"]:
            return None
        case ["org", org] | ["org", org, "team", _] if not org:
            return "the organisation's id is empty"
        case ["org", _, "team", team] if not team:
            return "the team's id is empty"
        case ["org", _] | ["org", _, "team", _]:
            return None
        case _:
            return "a scope is `gateway`, `org/<id>` or `org/<id>/team/<id>`"


class Grant(msgspec.Struct, frozen=True):
    """A set of permissions on a scope."""

    scope: str
    permissions: frozenset[str]


def grant(role: str, scope: str) -> Grant:
    """What a role gives on a scope. A role that is not known (it was made by a later version) gives nothing."""
    return Grant(scope, ROLES.get(role, frozenset()))


def allows(grants: Iterable[Grant], permission: str, scope: str) -> bool:
    """Whether one of the grants gives the permission on a scope that covers this one."""
    return any(permission in held.permissions and within(scope, held.scope) for held in grants)


def allows_below(grants: Iterable[Grant], permission: str, scope: str) -> bool:
    """Whether the permission is held on this scope or on any part of it."""
    return any(permission in held.permissions and (within(scope, held.scope) or within(held.scope, scope)) for held in grants)


def lacking(holder: Iterable[Grant], granted: Iterable[Grant]) -> list[str]:
    """What `granted` gives that `holder` does not hold, as `permission on scope`, sorted; empty if nothing."""
    held = tuple(holder)
    return sorted(
        f"{permission} on {given.scope}"
        for given in granted
        for permission in given.permissions
        if not allows(held, permission, given.scope)
    )
