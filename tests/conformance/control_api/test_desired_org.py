"""An organisation's keys, limits, budgets and webhooks at once: export, plan and apply."""

import itertools
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from tests.support import databases
from tests.support.control import ACTOR, START, World, world
from tests.support.examples import examples

from tidegate.policy.keys import format_token
from tidegate.records import ServiceAccount, Team, Tenant, User

EXAMPLES = int(os.environ.get("TIDEGATE_DESIRED_EXAMPLES", "5"))
TOKENS = [format_token("live", f"{n:012}", "A" * 43) for n in range(9)]
REFERENCE = "env:TIDEGATE_KEY_INDEXER"
KEY: dict[str, Any] = {
    "name": "indexer",
    "owner_kind": "team",
    "owner": "x",
    "models": ["claude-*"],
    "reference": REFERENCE,
}
LIMIT = {"name": "calls", "scope": "key", "id": "indexer", "measure": "requests", "per": "minute", "amount": 600}
BUDGET = {"name": "search", "scope": "team", "id": "x", "usd": "0.5", "per": "month", "mode": "soft", "alerts": [80, 100]}
HOOK = {"name": "on call", "url": "env:TIDEGATE_WEBHOOK_ON_CALL"}
ADDRESS = "https://hooks.example.com/services/canary?key=canary"
DOCUMENT: dict[str, Any] = {"keys": [KEY], "limits": [LIMIT], "budgets": [BUDGET], "webhooks": [HOOK]}
EMPTY: dict[str, Any] = {"keys": [], "limits": [], "budgets": [], "webhooks": []}
SECRETS = {REFERENCE: TOKENS[0], HOOK["url"]: ADDRESS}

Changes = list[tuple[str, str, str]]


async def sent(api: World, what: str, document: Any, secrets: dict[str, str], token: str | None = None, org: str = "a") -> Any:
    body = {**document, "secrets": secrets}
    answer = await api.ask("POST", f"/orgs/{org}/configuration/{what}", token or api.operator, body)
    assert not any(secret in answer.body.decode() for secret in secrets.values())
    return answer


async def changes(api: World, what: str, document: Any, secrets: dict[str, str] | None = None, org: str = "a") -> Changes:
    answer = await sent(api, what, document, secrets or {}, org=org)
    assert answer.status == 200, answer.body
    return [(change["action"], change["kind"], change["name"]) for change in answer.json["changes"]]


async def export(api: World, org: str = "a") -> Any:
    return (await api.ask("GET", f"/orgs/{org}/configuration", api.operator)).json


async def test_what_is_applied_is_exported_and_a_second_time_changes_nothing(each: World) -> None:
    named = (("key", "indexer"), ("limit", "calls"), ("budget", "search"), ("webhook", "on call"))
    wanted = [("create", *one) for one in named]
    assert await changes(each, "plan", DOCUMENT, SECRETS) == wanted
    assert await export(each) == EMPTY
    assert await changes(each, "apply", DOCUMENT, SECRETS) == wanted
    assert await changes(each, "apply", DOCUMENT, SECRETS) == []
    assert await export(each) == DOCUMENT
    assert await changes(each, "plan", await export(each)) == []
    (row,) = (await each.ask("GET", "/orgs/a/keys", each.operator, query={"env": "live"})).json["items"]
    assert (row["id"], row["team_id"], row["models"]) == ("000000000000", "x", ["claude-*"])
    (limit,) = (await each.ask("GET", "/orgs/a/limits", each.operator)).json["items"]
    assert limit["scope_id"] == row["id"]


async def test_a_key_that_a_rotation_replaces_is_in_no_document_and_ends_by_itself(each: World) -> None:
    await changes(each, "apply", DOCUMENT, SECRETS)
    rotated = await each.ask("POST", "/orgs/a/keys/000000000000/rotate", each.operator, {"overlap_seconds": 3600})
    assert rotated.status == 201
    assert await export(each) == DOCUMENT
    assert await changes(each, "apply", DOCUMENT) == []
    limits = (await each.ask("GET", "/orgs/a/limits", each.operator)).json["items"]
    assert [limit["scope_id"] for limit in limits] == [rotated.json["id"]]
    assert (await each.ask("GET", "/orgs/a/keys/000000000000", each.operator)).json["state"] == "active"


async def test_a_key_that_gets_another_value_is_replaced_and_one_that_is_not_named_is_revoked(api: World) -> None:
    await changes(api, "apply", {"keys": [KEY]}, SECRETS)
    again = {REFERENCE: TOKENS[1]}
    answer = await sent(api, "apply", {"keys": [KEY]}, again)
    assert [(change["action"], change["fields"]) for change in answer.json["changes"]] == [("update", ["secret"])]
    assert await changes(api, "plan", {"keys": [KEY]}, again) == []
    rows = (await api.ask("GET", "/orgs/a/keys", api.operator, query={"env": "live"})).json["items"]
    assert [(row["id"], row["state"]) for row in rows] == [("000000000000", "revoked"), ("000000000001", "active")]
    edited = {**KEY, "addresses": ["10.0.0.0/8"], "priority": "batch", "disabled": True}
    assert await changes(api, "apply", {"keys": [edited]}) == [("update", "key", "indexer")]
    assert (await export(api))["keys"] == [edited]
    assert await changes(api, "apply", {"keys": []}) == [("delete", "key", "indexer")]
    assert (await export(api))["keys"] == []
    used = await sent(api, "apply", {"keys": [KEY]}, again)
    assert (used.status, "another key's" in used.json["detail"]) == (409, True)


async def test_keys_of_other_gateways_come_by_a_document_too(api: World) -> None:
    foreign = {"name": "old", "owner_kind": "org"}
    await changes(api, "apply", {"keys": [foreign]}, {"env:TIDEGATE_KEY_OLD": "sk-0123456789abcdef-of-another"})
    (row,) = (await api.ask("GET", "/orgs/a/keys", api.operator, query={"env": "ext"})).json["items"]
    assert (row["name"], row["owner_kind"]) == ("old", "org")
    guessed = await sent(api, "apply", {"keys": [foreign, {"name": "b"}]}, {"env:TIDEGATE_KEY_B": "sk-1234"})
    assert "can be guessed" in guessed.json["errors"][0]["message"]


async def test_admin_keys_are_in_no_document_and_none_ends_them(api: World) -> None:
    token = await api.admin("a", "owner")
    assert await changes(api, "apply", {"keys": []}) == []
    assert (await api.ask("GET", "/me", token)).status == 200
    adm = format_token("adm", "9" * 12, "A" * 43)
    refused = await sent(api, "apply", {"keys": [{"name": "x"}]}, {"env:TIDEGATE_KEY_X": adm})
    assert refused.json["errors"][0]["field"] == "secrets"


async def test_what_is_wrong_changes_nothing(api: World) -> None:
    for document, field in (
        ({"keys": [KEY]}, "secrets"),
        ({"keys": [{**KEY, "owner": "nobody"}]}, "keys.indexer.owner"),
        ({"keys": [{**KEY, "models": ["a*b"]}]}, "models[0]"),
        ({"keys": [{**KEY, "value": "x"}]}, "keys[0].value"),
        ({"keys": [{**KEY, "expires_at": "2001-01-01T00:00:00Z"}]}, "keys.indexer.expires_at"),
        ({"limits": [LIMIT]}, "limits.calls.id"),
        ({"limits": [{**LIMIT, "scope": "model", "id": "", "per": "moment"}]}, "limits.calls.per"),
        ({"budgets": [{**BUDGET, "usd": "much"}]}, "budgets"),
        ({"providers": {}}, "providers"),
        ({"webhooks": [{**HOOK, "url": "env:ELSEWHERE"}]}, "secrets"),
        ({"webhooks": [{**HOOK, "url": "https://127.0.0.1/"}]}, "webhooks.on call.url"),
        ({"webhooks": [{**HOOK, "url": url} for url in (HOOK["url"], ADDRESS)]}, "webhooks.on call.url"),
        ({"webhooks": [{**HOOK, "shared": True}]}, "webhooks.on call.shared"),
    ):
        secrets = {} if field == "secrets" else {HOOK["url"]: ADDRESS} if "webhooks" in document else SECRETS
        answer = await sent(api, "apply", {"budgets": [], **document}, secrets)
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, field), answer.body
    assert await export(api) == EMPTY


async def test_nobody_gives_by_a_document_what_they_do_not_hold(api: World) -> None:
    developer = await api.admin("a", "developer")
    assert (await sent(api, "plan", {"keys": [KEY]}, SECRETS, developer)).status == 403
    admin = await api.admin("a", "admin")
    user = await api.user("a")
    await api.bind("a", user, "admin", "org/a")
    bound = (await api.key("a", user, models=["gpt-*"]))[1]
    wider = await sent(api, "apply", {"keys": [KEY]}, SECRETS, bound)
    assert (wider.status, wider.json["errors"][0]["field"]) == (403, "models")
    assert (await sent(api, "apply", {"keys": [KEY]}, SECRETS, admin)).status == 200
    seen = await api.ask("GET", "/orgs/a/configuration", await api.admin("a", "auditor"))
    assert sorted(seen.json) == ["budgets", "keys", "limits", "webhooks"]
    assert (await api.ask("GET", "/orgs/a/configuration", await api.admin("a", "key-custodian"))).status == 403


async def test_of_an_address_only_the_host_is_told(each: World) -> None:
    await changes(each, "apply", {"webhooks": [HOOK, {"name": "plain", "url": "https://plain.example.com"}]}, SECRETS)
    again = {HOOK["url"]: ADDRESS + "2"}
    (change,) = (await sent(each, "plan", {"webhooks": [HOOK, {"name": "plain", "url": "https://plain.example.com"}]}, again)).json[
        "changes"
    ]
    assert (change["fields"], change["before"], change["after"]["url"]) == (
        ["url"],
        {"name": "on call", "url": "https://hooks.example.com"},
        "https://hooks.example.com",
    )
    assert (await export(each))["webhooks"] == [HOOK, {"name": "plain", "url": "https://plain.example.com"}]
    # The address itself may stand in the document too; the row stays the one that it was.
    items = (await each.ask("GET", "/orgs/a/webhooks", each.operator)).json["items"]
    (before,) = (row for row in items if row["name"] == "on call")
    assert await changes(each, "plan", {"webhooks": [{**HOOK, "url": ADDRESS}]}) == [("delete", "webhook", "plain")]
    assert await changes(each, "apply", {"webhooks": [{**HOOK, "disabled": True}]}) == [
        ("delete", "webhook", "plain"),
        ("update", "webhook", "on call"),
    ]
    (after,) = (await each.ask("GET", "/orgs/a/webhooks", each.operator)).json["items"]
    assert (after["id"], after["url"], after["disabled"]) == (before["id"], ADDRESS, True)


async def test_a_document_makes_what_is_told_to_all_for_the_operator_only(api: World) -> None:
    document = {"webhooks": [{**HOOK, "shared": True}]}
    of_default = await api.admin("default", "owner", "org/default")
    refused = await sent(api, "apply", document, {HOOK["url"]: ADDRESS}, of_default, org="default")
    assert refused.status == 403
    assert await changes(api, "apply", document, {HOOK["url"]: ADDRESS}, org="default") == [("create", "webhook", "on call")]
    assert (await sent(api, "apply", {"webhooks": []}, {}, of_default, org="default")).status == 403


async def test_the_gateways_document_has_those_of_the_default_organisation(api: World) -> None:
    key = {**KEY, "owner_kind": "org"}
    del key["owner"]
    body = {"keys": [key], "routes": {"r": {"targets": ["sandbox/echo"]}}, "secrets": SECRETS}
    answer = await api.ask("POST", "/configuration/apply", api.operator, body)
    assert [(change["kind"], change["name"]) for change in answer.json["changes"]] == [("route", "r"), ("key", "indexer")]
    found = (await api.ask("GET", "/configuration", api.operator)).json
    assert [entry["name"] for entry in found["keys"]] == ["indexer"]
    assert (await api.ask("POST", "/configuration/plan", api.operator, found)).json == {"changes": []}


NAMES = st.sampled_from(["one", "two", "two words"])
MODES = st.sampled_from(["hard", "soft", "observe"])
SCOPES = st.sampled_from(
    [("organisation", ""), ("team", "x"), ("user", "ada@example.com"), ("end_user", ""), ("end_user", "ada"), ("route", "r"), ("tag", "t")]
)
PERIODS = {"requests": ["minute", "hour", "day"], "tokens": ["minute", "day"], "concurrent": ["moment"]}
OWNED = [{}, {"team": "y"}, {"owner_kind": "team", "owner": "x"}, {"owner_kind": "service_account", "owner": "robot"}]
OWNERS = st.sampled_from([*OWNED, {"owner_kind": "user", "owner": "ada@example.com", "team": "x"}])
TIMES = st.sampled_from([[], [{"days": ["mon"], "from": "08:00", "to": "18:00", "time_zone": "Europe/Berlin"}]])
ENDS = st.sampled_from([None, (datetime.fromtimestamp(START, UTC) + timedelta(days=9)).isoformat()])


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    scope, id = draw(SCOPES)
    measure = draw(st.sampled_from(sorted(PERIODS)))
    named = {"name": draw(NAMES), "scope": scope, "id": id, "measure": measure, "per": draw(st.sampled_from(PERIODS[measure]))}
    rest = {"amount": draw(st.integers(0, 10**12)), "mode": draw(st.sampled_from(["enforce", "observe"])), "disabled": draw(st.booleans())}
    return {**named, **rest, "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin"]))}


@st.composite
def budgets(draw: st.DrawFn) -> dict[str, Any]:
    scope, id = draw(SCOPES)
    amount = st.one_of(st.integers(0, 1000), st.sampled_from(["0.000000001", "12.50", "$3", 0.25]))
    named = {"name": draw(NAMES), "scope": scope, "id": id, "usd": draw(amount), "per": draw(st.sampled_from(["day", "month", "total"]))}
    alerts = draw(st.lists(st.integers(1, 1000), max_size=3))
    bounds = {"ceiling_usd": draw(st.none() | amount), "max_output_tokens": draw(st.none() | st.integers(1, 10**6))}
    reserve = draw(st.sampled_from(["strict", "estimate"]))
    return {**named, **bounds, "mode": draw(MODES), "alerts": alerts, "reserve": reserve, "disabled": draw(st.booleans())}


@st.composite
def key_entries(draw: st.DrawFn) -> dict[str, Any]:
    rules = {"models": draw(st.sampled_from([[], ["gpt-*"]])), "addresses": draw(st.sampled_from([[], ["10.0.0.0/8"]]))}
    more = {"times": draw(TIMES), "expires_at": draw(ENDS), "tags": draw(st.sampled_from([[], ["blue"]])), "disabled": draw(st.booleans())}
    more["priority"] = draw(st.sampled_from(["interactive", "background", "batch"]))
    return {"purpose": draw(st.sampled_from(["", "for tests"])), **rules, **more, **draw(OWNERS)}


@st.composite
def webhooks(draw: st.DrawFn) -> dict[str, Any]:
    return {"name": draw(NAMES), "disabled": draw(st.booleans()), "url": draw(st.sampled_from(["https://plain.example.com", "env:HOOK"]))}


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "keys": st.lists(key_entries(), max_size=4),
        "limits": st.lists(limits(), max_size=4),
        "budgets": st.lists(budgets(), max_size=4),
        "webhooks": st.lists(webhooks(), max_size=4),
    },
)


async def check(first: World, second: World, documents: list[dict[str, Any]], round: int) -> None:
    """Applied one after the other, each says nothing the second time; what is exported then makes another organisation the same."""
    org = f"o{round}"
    for api in (first, second):
        await made(api, org)
    secrets: dict[str, str] = {}
    for step, document in enumerate(documents):
        for place, entry in enumerate(document.get("keys", ())):
            entry["name"] = f"key {place}"
            secrets[f"env:TIDEGATE_KEY_KEY_{place}"] = format_token("live", f"{round:06}{step:03}{place:03}", "A" * 43)
        for place, entry in enumerate(document.get("webhooks", ())):
            address = f"https://{place}.example.com"
            if entry["url"].startswith("env:"):
                entry["url"] = f"env:HOOK_{step}_{place}"
                secrets[entry["url"]] = f"{address}/canary{step}{place}"
            else:
                entry["url"] = address
        await changes(first, "apply", document, secrets, org)
        assert await changes(first, "plan", document, secrets, org) == []
        assert await changes(first, "apply", document, secrets, org) == []
    found = await export(first, org)
    assert await changes(first, "plan", found, org=org) == []
    # Of webhooks with one name the reference names the id, which is another one elsewhere.
    for place, entry in enumerate(found["webhooks"]):
        entry["name"] = f"{entry['name']} {place}"
        if entry["url"].startswith("env:"):
            entry["url"] = f"env:TIDEGATE_WEBHOOK_{entry['name'].upper().replace(' ', '_')}"
            secrets[entry["url"]] = f"https://elsewhere.example.com/{place}"
    await changes(second, "apply", found, secrets, org)
    assert await export(second, org) == found
    assert await changes(second, "plan", found, org=org) == []


async def made(api: World, org: str) -> None:
    answer = await api.ask("POST", "/orgs", api.operator, {"name": org, "id": org})
    assert answer.status == 201, answer.body
    async with api.store.change(Tenant(org), ACTOR) as change:
        for name in ("x", "y"):
            await change.add(Team(id=api.name("team_"), name=name))
        await change.add(User(id=api.name("user_"), name="Ada", email="ada@example.com"))
        await change.add(ServiceAccount(id=api.name("sa_"), name="robot"))


async def test_what_a_document_can_say_is_said_by_the_export_of_it(api: World, tmp_path: Path) -> None:
    """By Hypothesis, over all that the three sections can say."""
    rounds = itertools.count()
    folder = tmp_path / "second"
    folder.mkdir()
    async with databases.sqlite_url(folder) as url:
        database = databases.opened(url)
        async with world(database) as second:

            async def one(documents: list[dict[str, Any]]) -> None:
                await check(api, second, msgspec.json.decode(msgspec.json.encode(documents)), next(rounds))

            await examples(st.lists(DOCUMENTS, min_size=1, max_size=3), EXAMPLES, one)
        await database.aclose()


@pytest.mark.parametrize("usd", ["0", 1, "1.000000001", 0.1])
async def test_an_amount_is_exact(api: World, usd: object) -> None:
    await changes(api, "apply", {"budgets": [{**BUDGET, "usd": usd}]})
    assert await changes(api, "plan", {"budgets": [{**BUDGET, "usd": usd}]}) == []


async def test_a_webhook_is_known_by_its_address_so_another_may_take_its_name(api: World) -> None:
    def hook(name: str, place: int) -> dict[str, str]:
        return {"name": name, "url": f"https://{place}.example.com"}

    await changes(api, "apply", {"webhooks": [hook("one", 0)]})
    wanted = {"webhooks": [hook("two", 0), hook("one", 1)]}
    assert await changes(api, "apply", wanted) == [("update", "webhook", "one"), ("create", "webhook", "one")]
    assert await changes(api, "plan", wanted) == []
    swapped = {"webhooks": [hook("one", 0), hook("two", 1)]}
    assert [change[0] for change in await changes(api, "apply", swapped)] == ["update", "update"]
    assert await changes(api, "plan", swapped) == []
    moved = {"webhooks": [hook("one", 2), hook("three", 0)]}
    assert [change[0] for change in await changes(api, "apply", moved)] == ["delete", "update", "create"]
    assert await changes(api, "plan", moved) == []
