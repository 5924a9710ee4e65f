"""The table of all routes of the control API, and nothing else."""

from tidegate.control.api import audit, keys, limits, me, orgs, role_bindings, service_accounts, teams, usage, users
from tidegate.control.api.table import table

ROUTES = table(
    me.ROUTES,
    orgs.ROUTES,
    teams.ROUTES,
    users.ROUTES,
    service_accounts.ROUTES,
    role_bindings.ROUTES,
    keys.ROUTES,
    limits.ROUTES,
    usage.ROUTES,
    audit.ROUTES,
)
