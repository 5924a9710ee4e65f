"""What receivers are told of a budget that passed a threshold."""

from typing import Any

import pytest

from tidegate.adapters.alerts_webhook import messages
from tidegate.policy.limits.rules import Limit, ScopeKind
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Webhook
from tidegate.ports.limits import PassedThreshold

RECEIVER = Webhook(id="hook_1", url="https://hooks.example.com/x", secret=Secret("a-secret-of-enough-letters"), org="")


@pytest.mark.parametrize(
    ("kind", "subject", "id"),
    [
        ("end_user", "acme/gina", "gina"),
        ("end_user", "acme/acme/gina", "acme/gina"),
        ("end_user", "#1f2e", "#1f2e"),
        ("tag", "acme/night", "night"),
        ("route", "acme/smart", "acme/smart"),
        ("team", "team_1", "team_1"),
    ],
)
def test_the_scope_has_the_name_that_people_gave(kind: ScopeKind, subject: str, id: str) -> None:
    limit = Limit(id="lim_1", kind=kind, what="spend", per="month", amount=100, hard=False, alerts=(50,))
    ((tenant, message),) = messages(PassedThreshold(limit, subject, "acme", 50, 60, 1_780_272_000), [RECEIVER], 1)
    data: Any = message.message["data"]
    assert tenant.org_id == "acme"
    assert (data["scope"], data["org"]) == ({"kind": kind, "id": id}, "acme")
