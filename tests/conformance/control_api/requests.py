"""A request for every route that would succeed for whoever may make it, in the organisation `a`. Rows that it ends are made anew each time.

A route without a sample fails the matrix: whoever adds one says here how it is asked.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from tests.support.control import ACTOR, World

from tidegate.records import (
    Credential,
    Customer,
    Invoice,
    LimitRule,
    Plan,
    ServiceAccount,
    StoredPrice,
    StoredProvider,
    StoredRoute,
    StoredWebhook,
    Subscription,
    TeamMember,
    Tenant,
    User,
)


class Sample(msgspec.Struct):
    """`path` is below `/api/v1`."""

    path: str
    body: Any = None
    headers: dict[str, str] = {}


Maker = Callable[[World], Awaitable[Sample]]
ANY = {"if-match": "*"}
ORG = "/orgs/a"


def fixed(path: str, **fields: Any) -> Maker:
    async def make(_api: World) -> Sample:
        return Sample(path, **fields)

    return make


def of_new_key(path: str, **fields: Any) -> Maker:
    """`{}` in the path is a key of team x."""

    async def make(api: World) -> Sample:
        row, _ = await api.key("a", None, env="live", team_id="x")
        return Sample(path.format(row.id), **fields)

    return make


def of_new(kind: type[User] | type[ServiceAccount], path: str, body: Any) -> Maker:
    async def make(api: World) -> Sample:
        id, name = api.name("row_"), api.name("name ")
        async with api.store.change(Tenant("a"), ACTOR) as change:
            await (change.add(User(id=id, name=name)) if kind is User else change.add(ServiceAccount(id=id, name=name)))
        return Sample(path.format(id), body, ANY if body is not None else {})

    return make


def named(path: str, **fields: Any) -> Maker:
    async def make(api: World) -> Sample:
        return Sample(path, {"name": api.name("name "), **fields})

    return make


async def new_member(api: World) -> Sample:
    return Sample(f"{ORG}/teams/x/members", {"user_id": await api.user("a")})


async def old_member(api: World) -> Sample:
    user_id = await api.user("a")
    async with api.store.change(Tenant("a"), ACTOR) as change:
        await change.add(TeamMember(team_id="x", user_id=user_id, created_at=1))
    return Sample(f"{ORG}/teams/x/members/{user_id}")


async def new_import(api: World) -> Sample:
    return Sample(f"{ORG}/key-imports", {"team_id": "x", "keys": [{"name": "n", "value": api.name("sk-0123456789-of-another-")}]})


async def new_binding(api: World) -> Sample:
    return Sample(f"{ORG}/role-bindings", {"subject_kind": "user", "subject_id": await api.user("a"), "role": "viewer"})


async def old_binding(api: World) -> Sample:
    return Sample(f"{ORG}/role-bindings/{await api.bind('a', await api.user('a'), 'viewer', 'org/a')}")


def of_credential(path: str, **fields: Any) -> Maker:
    """`{}` in the path is a credential of the organisation."""

    async def make(api: World) -> Sample:
        row = Credential(id=api.name("cred_"), name=api.name("c "), provider="anthropic", origin="https://api.anthropic.com")
        async with api.store.change(Tenant("a"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id), **fields)

    return make


LAB: dict[str, Any] = {"kind": "custom", "dialect": "openai_chat", "base_url": "https://lab.example/v1"}


def configured(path: str, entry: dict[str, Any]) -> Maker:
    async def make(api: World) -> Sample:
        return Sample(path, {"name": api.name("entry"), "entry": entry})

    return make


def of_provider(path: str, **fields: Any) -> Maker:
    """`{}` in the path is a provider of the database."""

    async def make(api: World) -> Sample:
        row = StoredProvider(id=api.name("prov_"), name=api.name("entry"), entry=LAB)
        async with api.store.change(Tenant("default"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id), **fields)

    return make


def of_route(path: str, **fields: Any) -> Maker:
    """`{}` in the path is a route of the database."""

    async def make(api: World) -> Sample:
        row = StoredRoute(id=api.name("route_"), name=api.name("entry"), entry={"targets": ["sandbox/echo"]})
        async with api.store.change(Tenant("default"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id), **fields)

    return make


async def new_webhook(api: World) -> Sample:
    return Sample(f"{ORG}/webhooks", {"name": "n", "url": f"https://hooks.example.com/{api.name('h')}"})


def of_webhook(path: str, **fields: Any) -> Maker:
    """`{}` in the path is a webhook of the organisation."""

    async def make(api: World) -> Sample:
        row = StoredWebhook(id=api.name("hook_"), name="n", url=f"https://hooks.example.com/{api.name('h')}")
        async with api.store.change(Tenant("a"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id), **fields)

    return make


async def new_price(api: World) -> Sample:
    return Sample("/prices", {"name": f"sandbox/{api.name('m')}", "from": "2026-06-01", "entry": {"input": 1, "output": 2}})


def of_price(path: str, **fields: Any) -> Maker:
    """`{}` in the path is a price of the database."""

    async def make(api: World) -> Sample:
        row = StoredPrice(id=api.name("price_"), provider="sandbox", model=api.name("m"), price={"input": 1, "output": 2})
        async with api.store.change(Tenant("default"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id), **fields)

    return make


async def new_org(api: World) -> Sample:
    return Sample("/orgs", {"name": api.name("org ")})


def of_new_limit(path: str, *, spend: bool, **fields: Any) -> Maker:
    """`{}` in the path is a limit of a key of team x."""

    async def make(api: World) -> Sample:
        key, _ = await api.key("a", None, env="live", team_id="x")
        row = LimitRule(
            id=api.name("lim_"),
            name="n",
            scope_kind="key",
            scope_id=key.id,
            measure="spend" if spend else "tokens",
            per="day",
            amount=5,
        )
        async with api.store.change(Tenant("a"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id), **fields)

    return make


def of_somebody(path: str) -> Maker:
    async def make(api: World) -> Sample:
        return Sample(path, {"name": "somebody", "kind": "end_user", "subject": api.name("u")})

    return make


async def plan_of(api: World) -> Plan:
    row = Plan(id=api.name("plan_"), name=api.name("plan "))
    async with api.store.change(Tenant("a"), ACTOR) as change:
        await change.add(row)
    return row


async def customer_of(api: World) -> Customer:
    row = Customer(id=api.name("cust_"), name="somebody", kind="end_user", subject=api.name("u"))
    async with api.store.change(Tenant("a"), ACTOR) as change:
        await change.add(row)
    return row


def of_new_plan(path: str, **fields: Any) -> Maker:
    async def make(api: World) -> Sample:
        return Sample(path.format((await plan_of(api)).id), **fields)

    return make


def of_new_customer(path: str, **fields: Any) -> Maker:
    """`{}` in the path, and `customer_id` in a body that has one, is a customer."""

    async def make(api: World) -> Sample:
        id = (await customer_of(api)).id
        body = fields.get("body")
        return Sample(path.format(id), {**body, "customer_id": id} if body and "customer_id" in body else body, fields.get("headers", {}))

    return make


async def new_subscription(api: World) -> Sample:
    ids = {"customer_id": (await customer_of(api)).id, "plan_id": (await plan_of(api)).id}
    return Sample(ORG + "/subscriptions", {**ids, "starts_on": "2026-06-01"})


def of_new_subscription(**fields: Any) -> Maker:
    async def make(api: World) -> Sample:
        customer, plan = await customer_of(api), await plan_of(api)
        row = Subscription(id=api.name("sub_"), customer_id=customer.id, plan_id=plan.id, starts_on="2026-06-01")
        async with api.store.change(Tenant("a"), ACTOR) as change:
            await change.add(row)
        return Sample(f"{ORG}/subscriptions/{row.id}", **fields)

    return make


def for_new_key(path: str, **fields: Any) -> Maker:
    """The body names a key of team x."""

    async def make(api: World) -> Sample:
        key, _ = await api.key("a", None, env="live", team_id="x")
        return Sample(path, {"name": "n", "scope": "key", "scope_id": key.id, **fields})

    return make


def of_new_invoice(path: str) -> Maker:
    """`{}` in the path is a draft."""

    async def make(api: World) -> Sample:
        customer = await customer_of(api)
        row = Invoice(id=api.name("inv_"), customer_id=customer.id, period="2026-06", period_from=1, period_until=2)
        async with api.store.change(Tenant("a"), ACTOR) as change:
            await change.add(row)
        return Sample(path.format(row.id))

    return make


async def of_wrong_invoice(api: World) -> Sample:
    """A final one that says a fee which nothing explains."""
    customer = await customer_of(api)
    lines: list[Any] = [{"kind": "fee", "text": "", "quantity": 1, "unit_nano": 5, "per": 1, "nano": 5}]
    row = Invoice(id=api.name("inv_"), customer_id=customer.id, period="2026-06", period_from=1, period_until=2, state="final", lines=lines)
    async with api.store.change(Tenant("a"), ACTOR) as change:
        await change.add(row)
    return Sample(f"{ORG}/invoices/{row.id}/correct")


async def first_page(api: World) -> Sample:
    asked = await api.ask("POST", f"{ORG}/personal-data", api.operator, {"kind": "end_user", "id": "alice"})
    return Sample(f"{ORG}/personal-data?cursor={asked.json['next']}")


async def new_erasure(api: World) -> Sample:
    return Sample(f"{ORG}/erasures", {"kind": "end_user", "id": api.name("alice")})


async def old_erasure(api: World) -> Sample:
    asked = await api.ask("POST", f"{ORG}/erasures", api.operator, {"kind": "end_user", "id": api.name("alice")})
    return Sample(f"{ORG}/erasures/{asked.json['id']}")


NO_CUSTOMER: dict[str, Any] = {"customer_id": ""}
BILLING: dict[str, Maker] = {
    "list_plans": fixed(f"{ORG}/plans"),
    "create_plan": named(f"{ORG}/plans"),
    "get_plan": of_new_plan(ORG + "/plans/{}"),
    "edit_plan": of_new_plan(ORG + "/plans/{}", body={"archived": True}, headers=ANY),
    "list_customers": fixed(f"{ORG}/customers"),
    "create_customer": of_somebody(f"{ORG}/customers"),
    "get_customer": of_new_customer(ORG + "/customers/{}"),
    "edit_customer": of_new_customer(ORG + "/customers/{}", body={"disabled": True}, headers=ANY),
    "list_subscriptions": fixed(f"{ORG}/subscriptions"),
    "create_subscription": new_subscription,
    "get_subscription": of_new_subscription(),
    "end_subscription": of_new_subscription(body={"ends_on": "2026-07-01"}, headers=ANY),
    "list_adjustments": fixed(f"{ORG}/adjustments"),
    "create_adjustment": of_new_customer(f"{ORG}/adjustments", body=NO_CUSTOMER | {"amount_nano": -5, "reason": "sorry"}),
    "list_invoices": fixed(f"{ORG}/invoices"),
    "create_invoice": of_new_customer(f"{ORG}/invoices", body=NO_CUSTOMER | {"period": "2026-06"}),
    "correct_invoice": of_wrong_invoice,
    "delete_invoice": of_new_invoice(ORG + "/invoices/{}"),
    "get_invoice": of_new_invoice(ORG + "/invoices/{}"),
    "recompute_invoice": of_new_invoice(ORG + "/invoices/{}/recompute"),
    "finalise_invoice": of_new_invoice(ORG + "/invoices/{}/finalise"),
    "list_payments": fixed(f"{ORG}/payments"),
}
SAMPLES: dict[str, Maker] = {
    "get_me": fixed("/me"),
    "list_roles": fixed("/roles"),
    "list_orgs": fixed("/orgs"),
    "create_org": new_org,
    "get_org": fixed(ORG),
    "edit_org": fixed(ORG, body={"name": "a"}, headers=ANY),
    "disable_org": fixed(f"{ORG}/disable"),
    "enable_org": fixed(f"{ORG}/enable"),
    "list_teams": fixed(f"{ORG}/teams"),
    "create_team": named(f"{ORG}/teams"),
    "get_team": fixed(f"{ORG}/teams/x"),
    "edit_team": fixed(f"{ORG}/teams/x", body={"disabled": False}, headers=ANY),
    "list_members": fixed(f"{ORG}/teams/x/members"),
    "add_member": new_member,
    "remove_member": old_member,
    "list_users": fixed(f"{ORG}/users"),
    "create_user": named(f"{ORG}/users"),
    "get_user": of_new(User, ORG + "/users/{}", None),
    "edit_user": of_new(User, ORG + "/users/{}", {"disabled": True}),
    "list_service_accounts": fixed(f"{ORG}/service-accounts"),
    "create_service_account": named(f"{ORG}/service-accounts"),
    "get_service_account": of_new(ServiceAccount, ORG + "/service-accounts/{}", None),
    "edit_service_account": of_new(ServiceAccount, ORG + "/service-accounts/{}", {"disabled": True}),
    "list_role_bindings": fixed(f"{ORG}/role-bindings"),
    "create_role_binding": new_binding,
    "get_role_binding": old_binding,
    "delete_role_binding": old_binding,
    "list_keys": fixed(f"{ORG}/keys"),
    "create_key": named(f"{ORG}/keys", owner_kind="team", owner_id="x"),
    "get_key": of_new_key(ORG + "/keys/{}"),
    "edit_key": of_new_key(ORG + "/keys/{}", body={"name": "n"}, headers=ANY),
    "import_keys": new_import,
    "rotate_key": of_new_key(ORG + "/keys/{}/rotate"),
    "disable_key": of_new_key(ORG + "/keys/{}/disable"),
    "enable_key": of_new_key(ORG + "/keys/{}/enable"),
    "revoke_key": of_new_key(ORG + "/keys/{}/revoke"),
    "list_limits": fixed(f"{ORG}/limits"),
    "create_limit": for_new_key(f"{ORG}/limits", measure="tokens", per="minute", amount=5),
    "get_limit": of_new_limit(ORG + "/limits/{}", spend=False),
    "edit_limit": of_new_limit(ORG + "/limits/{}", spend=False, body={"amount": 6}, headers=ANY),
    "delete_limit": of_new_limit(ORG + "/limits/{}", spend=False),
    "list_budgets": fixed(f"{ORG}/budgets"),
    "create_budget": for_new_key(f"{ORG}/budgets", per="day", amount=5),
    "get_budget": of_new_limit(ORG + "/budgets/{}", spend=True),
    "edit_budget": of_new_limit(ORG + "/budgets/{}", spend=True, body={"amount": 6}, headers=ANY),
    "delete_budget": of_new_limit(ORG + "/budgets/{}", spend=True),
    "list_credentials": fixed(f"{ORG}/credentials"),
    "create_credential": named(f"{ORG}/credentials", provider="anthropic", secret="sk-ant-0123456789abcdef"),
    "get_credential": of_credential(ORG + "/credentials/{}"),
    "edit_credential": of_credential(ORG + "/credentials/{}", body={"weight": 2}, headers=ANY),
    "rotate_credential": of_credential(ORG + "/credentials/{}/rotate", body={"secret": "sk-ant-fedcba9876543210"}),
    "disable_credential": of_credential(ORG + "/credentials/{}/disable"),
    "enable_credential": of_credential(ORG + "/credentials/{}/enable"),
    "delete_credential": of_credential(ORG + "/credentials/{}"),
    "list_providers": fixed("/providers"),
    "create_provider": configured("/providers", LAB),
    "get_provider": of_provider("/providers/{}"),
    "edit_provider": of_provider("/providers/{}", body={"entry": LAB}, headers=ANY),
    "delete_provider": of_provider("/providers/{}"),
    "get_configuration": fixed("/configuration"),
    "plan_configuration": fixed("/configuration/plan", body={"routes": {"r": {"targets": ["sandbox/echo"]}}}),
    "apply_configuration": fixed("/configuration/apply", body={"routes": {"r": {"targets": ["sandbox/echo"]}}}),
    "get_org_configuration": fixed(f"{ORG}/configuration"),
    "plan_org_configuration": fixed(f"{ORG}/configuration/plan", body={"limits": []}),
    "apply_org_configuration": fixed(f"{ORG}/configuration/apply", body={}),
    "list_routes": fixed("/routes"),
    "create_route": configured("/routes", {"targets": ["sandbox/echo"]}),
    "get_route": of_route("/routes/{}"),
    "edit_route": of_route("/routes/{}", body={"entry": {"targets": ["sandbox/story"]}}, headers=ANY),
    "delete_route": of_route("/routes/{}"),
    "list_webhooks": fixed(f"{ORG}/webhooks"),
    "create_webhook": new_webhook,
    "get_webhook": of_webhook(ORG + "/webhooks/{}"),
    "edit_webhook": of_webhook(ORG + "/webhooks/{}", body={"disabled": True}, headers=ANY),
    "rotate_webhook": of_webhook(ORG + "/webhooks/{}/rotate"),
    "delete_webhook": of_webhook(ORG + "/webhooks/{}"),
    "list_prices": fixed("/prices"),
    "create_price": new_price,
    "get_price": of_price("/prices/{}"),
    "edit_price": of_price("/prices/{}", body={"entry": {"input": 2, "output": 2}}, headers=ANY),
    "delete_price": of_price("/prices/{}"),
    "get_usage": fixed(f"{ORG}/usage"),
    "get_all_usage": fixed("/usage"),
    "list_target_health": fixed("/health/targets"),
    "drain_target": fixed("/health/targets/drain", body={"target": "sandbox/echo"}),
    "restore_target": fixed("/health/targets/restore", body={"target": "sandbox/echo"}),
    **BILLING,
    "begin_personal_export": fixed(f"{ORG}/personal-data", body={"kind": "end_user", "id": "alice"}),
    "get_personal_export": first_page,
    "create_erasure": new_erasure,
    "list_erasures": fixed(f"{ORG}/erasures"),
    "get_erasure": old_erasure,
    "list_audit_events": fixed(f"{ORG}/audit-events"),
}
OF_TEAM_X = frozenset(
    {
        *("get_team", "edit_team", "list_members", "add_member", "remove_member"),
        *("create_key", "import_keys", "get_key", "edit_key", "rotate_key", "disable_key", "enable_key", "revoke_key"),
        *("create_limit", "get_limit", "edit_limit", "delete_limit"),
        *("create_budget", "get_budget", "edit_budget", "delete_budget"),
    }
)
"""Routes whose sample is about team x alone."""
OF_THE_GATEWAY = frozenset(
    {
        *("create_org", "disable_org", "enable_org", "list_target_health", "drain_target", "restore_target"),
        *("list_providers", "create_provider", "get_provider", "edit_provider", "delete_provider"),
        *("get_configuration", "plan_configuration", "apply_configuration"),
        *("list_routes", "create_route", "get_route", "edit_route", "delete_route"),
        *("list_prices", "create_price", "get_price", "edit_price", "delete_price"),
    }
)
OF_NOBODY = frozenset({"get_me", "list_roles"})
