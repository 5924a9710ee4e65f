"""The table of all routes of the control API, and nothing else."""

from tidegate.control.api import (
    audit,
    billing_customers,
    billing_invoices,
    billing_plans,
    configured,
    credentials,
    desired,
    health,
    key_import,
    keys,
    limits,
    me,
    orgs,
    role_bindings,
    service_accounts,
    teams,
    usage,
    users,
)
from tidegate.control.api.table import table

ROUTES = table(
    me.ROUTES,
    orgs.ROUTES,
    teams.ROUTES,
    users.ROUTES,
    service_accounts.ROUTES,
    role_bindings.ROUTES,
    keys.ROUTES,
    key_import.ROUTES,
    limits.ROUTES,
    credentials.ROUTES,
    health.ROUTES,
    configured.ROUTES,
    desired.ROUTES,
    usage.ROUTES,
    billing_plans.ROUTES,
    billing_customers.ROUTES,
    billing_invoices.ROUTES,
    audit.ROUTES,
)
