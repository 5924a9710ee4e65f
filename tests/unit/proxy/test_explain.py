"""Choosing and explaining over one gateway in memory: what explain says is what a call does."""

from typing import Any

import msgspec
import pytest
from tests.unit.policy.values import key, row, snapshot, upstream
from tests.unit.proxy.values import GPT, KEY, WHOLE, Given, Memory

from tidegate.ir.target import Capabilities
from tidegate.policy.attempts import Rules
from tidegate.policy.credentials import with_accounts
from tidegate.policy.pace import Hedge
from tidegate.policy.route import Planner
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, Route, RouteChoice, RouteGroup
from tidegate.policy.when import When
from tidegate.providers.spec import OperationRow
from tidegate.proxy.explainable import EXPLAINABLE
from tidegate.proxy.facts import GENERATIONS
from tidegate.proxy.paths import Surface
from tidegate.proxy.surfaces import SURFACES

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
SEEING = [{"role": "user", "content": [IMAGE]}]


def choice(provider: str, model: str = "gpt-9", **more: Any) -> RouteChoice:
    return RouteChoice(provider=provider, model=model, **more)


ROUTES = (
    Route(name="plain", targets=(("openai", "blind"), ("second", "gpt-9"))),
    Route(
        name="groups",
        targets=(("openai", "gpt-9"), ("second", "gpt-9")),
        groups=(
            RouteGroup(choices=(choice("openai", when=When(tags=("eu",))),)),
            RouteGroup(choices=(choice("second"), choice("openai", canary=0.0001)), strategy="weighted"),
        ),
        rules=Rules(guarded=True, retries=1),
    ),
    Route(name="guarded", targets=(("openai", "gpt-9"), ("second", "gpt-9")), rules=Rules(guarded=True)),
    Route(name="hedged", targets=(("openai", "gpt-9"), ("second", "gpt-9")), rules=Rules(hedge=Hedge(share=0.05))),
    Route(name="keyless", targets=(("anthropic", "claude-big"), ("openai", "gpt-9"))),
)


def memory(*given: Given) -> Memory:
    made = Memory(*given)
    upstreams = (upstream("openai"), upstream("second", "openai"), upstream("anthropic", missing="set `A`"))
    taken = snapshot(*upstreams, routes=ROUTES, keys=(key("tests", token=KEY),))
    blind = msgspec.structs.replace(row("openai", "blind"), capabilities=Capabilities(vision=False, context=1000))
    models = {**taken.models, "openai": {**taken.models["openai"], "blind": blind}}
    made.app.live.current = Planner(msgspec.structs.replace(taken, models=models))
    return made


async def explained(made: Memory, model: str, **fields: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    got = await made.call("/v1/tidegate/explain", body)
    assert got.status == 200, got.body
    return got.json()


def decisions(found: Any) -> list[tuple[str, str]]:
    return [(row["target"], row["decision"]) for row in found["targets"]]


async def test_what_cannot_do_what_is_asked_is_left_out_and_the_header_says_so() -> None:
    made = memory(Given(WHOLE), Given(WHOLE))
    got = await made.chat("plain")
    assert (got.headers["x-tidegate-target"], got.headers["x-tidegate-route"]) == ("openai/blind", "plain; in_order")
    got = await made.chat("plain", messages=SEEING)
    assert got.headers["x-tidegate-target"] == "second/gpt-9"
    assert got.headers["x-tidegate-route"] == "plain; in_order; without openai/blind takes no images"
    found = await explained(made, "plain", messages=SEEING)
    assert decisions(found) == [("second/gpt-9", "first"), ("openai/blind", "skipped")]
    assert found["targets"][1]["reason"] == "takes no images"
    assert len(made.provider.sent) == 2


async def test_a_later_attempt_says_which_it_is_and_what_came_before() -> None:
    made = memory(Given(b"{}", status=500), Given(WHOLE))
    assert (await made.chat("plain")).headers["x-tidegate-route"] == "plain; in_order; after openai/blind 500; attempt 2"


async def test_an_error_says_too_what_was_tried_and_passed_over() -> None:
    made = memory(Given(b"{}", status=400), Given(b"{}", status=503))
    assert (await made.chat("guarded")).headers["x-tidegate-route"] == "guarded; in_order; after openai/gpt-9 400"
    first, second = made.app.live.current.plan(key(), "guarded").targets
    made.app.live.health.place(first).circuit.limited(1e6, 50.0, 0.0)
    got = await made.chat("guarded")
    assert (got.status, got.headers["x-tidegate-route"]) == (503, "guarded; in_order; after openai/gpt-9 left alone, second/gpt-9 503")
    made.app.live.health.place(second).circuit.limited(1e6, 50.0, 0.0)
    got = await made.chat("guarded")
    assert got.headers["x-tidegate-route"] == "guarded; in_order; after openai/gpt-9 left alone, second/gpt-9 left alone"


async def test_a_long_prompt_goes_to_no_target_that_it_does_not_fit() -> None:
    made = memory(Given(WHOLE))
    got = await made.chat("plain", messages=[{"role": "user", "content": "word " * 2000}])
    assert got.status == 200  # both take 1000 tokens by the catalogue: the providers have the last word
    assert got.headers["x-tidegate-target"] == "openai/blind"


async def test_where_nothing_is_left_the_client_is_told_why() -> None:
    made = memory()
    sound = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]}]
    got = await made.chat("plain", messages=sound)
    assert (got.status, got.json()["error"]["code"]) == (400, "no_capable_target")
    assert "openai/blind takes no audio; second/gpt-9 takes no audio" in got.json()["error"]["message"]
    assert made.provider.sent == []


async def test_groups_conditions_and_canaries() -> None:
    made = memory(Given(WHOLE))
    got = await made.chat("groups")
    assert got.headers["x-tidegate-target"] == "second/gpt-9"
    assert got.headers["x-tidegate-route"].startswith("groups; weighted; without openai/gpt-9 is for other tags")
    found = await explained(made, "groups")
    assert (found["route"], found["why"], found["retries"]) == ("groups", "weighted", 1)
    assert [row["reason"] for row in found["targets"]][1:] == ["is for other tags", "is a canary for 0.0001 % of calls"]


async def test_explain_tells_of_a_second_attempt_beside_the_first() -> None:
    made = memory()
    assert (await explained(made, "hedged"))["hedge"] == {"after": "p95", "budget": 5.0}
    assert (await explained(made, "hedged", store=True))["hedge"] is None
    assert (await explained(made, "plain"))["hedge"] is None


async def test_explain_tells_of_keys_circuits_and_drained_targets_and_changes_nothing() -> None:
    made = memory()
    found = await explained(made, "keyless")
    assert decisions(found) == [("openai/gpt-9", "first"), ("anthropic/claude-big", "skipped")]
    assert found["targets"][1]["reason"] == "no credential: set `A`"
    target = made.app.live.current.plan(key(), "groups").targets[1]
    made.app.live.health.place(target).circuit.limited(1e6, 50.0, 0.0)
    found = await explained(made, "groups")
    assert found["targets"][-1]["state"] == "open"
    assert "left alone for" in found["targets"][-1]["reason"]
    made.app.live.health.drained.add("openai/*")
    found = await explained(made, GPT)
    assert (found["route"], found["targets"][0]["reason"]) == (None, "drained by its operator")
    assert (made.provider.sent, made.ledger.events) == ([], [])


CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
INVOKE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def all_surfaces() -> dict[str, Surface]:
    found: dict[str, Surface] = {}
    for path in SURFACES.paths:
        for surface in (SURFACES.find(path.replace("{model}", "m").encode()) or ({}, {}))[0].values():
            found[surface.name] = surface
    return found


async def test_explain_names_a_credential_to_the_organisation_whose_it_is() -> None:
    made = memory()
    taken = made.app.live.current.snapshot
    accounts = tuple(Account(id=f"cred_{org}", name=f"of {org}", secret=Secret("s"), org=org) for org in ("default", "other"))
    upstreams = {**taken.upstreams, "openai": with_accounts(taken.upstreams["openai"], accounts)}
    made.app.live.current = Planner(msgspec.structs.replace(taken, upstreams=upstreams))
    found = await explained(made, GPT)
    assert sorted(str(row.get("credential")) for row in found["targets"]) == ["None", "of default"]
    assert "of other" not in str(found)


def test_every_surface_that_generates_or_embeds_can_be_explained() -> None:
    surfaces = all_surfaces()
    assert GENERATIONS | {"embeddings", "embed_content", "batch_embed"} <= EXPLAINABLE.keys() <= surfaces.keys()
    for name, kind in EXPLAINABLE.items():
        assert (kind.dialect, kind.stream) == (surfaces[name].dialect, surfaces[name].stream), name
        assert (kind.head is None) == (kind.stream is not None), name


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("generate_content", CONTENTS),
        ("stream_content", CONTENTS),
        ("stream_content&alt=sse", CONTENTS),
        ("converse", CONVERSE),
        ("converse_stream", CONVERSE),
        ("invoke", INVOKE),
        ("invoke_stream", INVOKE),
    ],
)
async def test_explain_of_an_api_that_has_the_model_in_its_url(surface: str, body: Any) -> None:
    made = memory()
    got = await made.call(f"/v1/tidegate/explain?surface={surface}&model=plain", body)
    found = got.json()
    assert (got.status, found["model"], found["route"]) == (200, "plain", "plain"), got.body
    assert decisions(found) == [("openai/blind", "first"), ("second/gpt-9", "next")]
    assert (found["targets"][0]["identity"], found["targets"][0]["dialect"]) == (False, "openai_chat")
    named = surface.partition("&")[0]
    for query in ("", "&model=", "&model=plain&model=groups"):
        got = await made.call(f"/v1/tidegate/explain?surface={named}{query}", body)
        assert (got.status, "&model=NAME" in got.body.decode()) == (400, True)
    assert made.provider.sent == []


async def test_explain_reads_pictures_of_every_api() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    body = {"contents": [{"role": "user", "parts": [picture]}]}
    got = await memory().call("/v1/tidegate/explain?surface=generate_content&model=plain", body)
    assert decisions(got.json()) == [("second/gpt-9", "first"), ("openai/blind", "skipped")]


def embedding(made: Memory) -> Memory:
    base = upstream("openai")
    spec = msgspec.structs.replace(base.spec, operations={"embeddings": (OperationRow(shape="titan"),)})
    cloud = msgspec.structs.replace(base, name="cloud", spec=spec)
    routes = (Route(name="both", targets=(("cloud", "c"), ("openai", "e"))), Route(name="none", targets=(("anthropic", "claude-big"),)))
    made.app.live.current = Planner(snapshot(base, cloud, upstream("anthropic"), routes=routes, keys=(key("tests", token=KEY),)))
    return made


async def test_explain_of_embeddings() -> None:
    made = embedding(Memory())
    google = {"requests": [{"content": {"parts": [{"text": text}]}} for text in ("a", "b")]}
    for surface, one, many in (
        ("embeddings", {"model": "both", "input": "a"}, {"model": "both", "input": ["a", "b"]}),
        ("batch_embed&model=both", {"requests": google["requests"][:1]}, google),
    ):
        found = (await made.call(f"/v1/tidegate/explain?surface={surface}", one)).json()
        assert decisions(found) == [("cloud/c", "first"), ("openai/e", "next")]
        found = (await made.call(f"/v1/tidegate/explain?surface={surface}", many)).json()
        assert decisions(found) == [("cloud/c", "first")]  # vectors of two models cannot be compared
        assert [loss["kind"] for loss in found["targets"][0]["receipt"]] == ["emulated"]
    got = await made.call("/v1/tidegate/explain?surface=embed_content&model=both", google["requests"][0])
    assert decisions(got.json())[0] == ("cloud/c", "first")
    found = (await made.call("/v1/tidegate/explain?surface=embeddings", {"model": "none", "input": "a"})).json()
    assert found["targets"][0]["reason"].startswith("`anthropic/claude-big` has no embeddings")
    assert (made.provider.sent, made.ledger.events) == ([], [])


async def test_what_cannot_be_explained_is_refused_with_what_can() -> None:
    made = memory()
    for surface in ("count_tokens", "files", "", "what"):
        got = await made.call(f"/v1/tidegate/explain?surface={surface}", {})
        assert got.status == 400
        assert got.json()["error"]["message"].startswith("`surface` is one of chat_completions, responses, messages, generate_content")
    got = await made.call("/v1/tidegate/explain?surface=messages&model=plain", {"model": "plain", "max_tokens": 5, "messages": []})
    assert (got.status, "leave `model` out of the query" in got.body.decode()) == (400, True)
    assert (await made.call("/v1/tidegate/explain?surface=converse&model=no-such", CONVERSE)).status == 404
    assert (await made.call("/v1/tidegate/explain?surface=embed_content&model=plain", {})).status == 400


async def test_explain_of_other_apis_and_of_what_would_be_refused() -> None:
    made = memory()
    body = {"model": "plain", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    got = await made.call("/v1/tidegate/explain?surface=messages", body)
    assert got.json()["targets"][0]["identity"] is False
    assert (await made.call("/v1/tidegate/explain?surface=what", body)).status == 400
    assert (await made.call("/v1/tidegate/explain", {"model": "no-such-model", "messages": []})).status == 404
    assert (await made.call("/v1/tidegate/explain", b"{")).status == 400
