from typing import Any

import msgspec
import pytest
from tests.unit.policy.values import snapshot

from tidegate.dialects.table import DIALECTS
from tidegate.policy.route import Planner
from tidegate.proxy.call import Call
from tidegate.proxy.headers import header_value, outbound, outbound_query, own, returned


def call(dialect: str = "anthropic", query: bytes = b"", **headers: str) -> Call:
    return Call(
        id="abc",
        started=0.0,
        at=0.0,
        planner=Planner(snapshot()),
        dialect=DIALECTS[dialect],
        headers={name.replace("_", "-").encode(): value.encode() for name, value in headers.items()},
        path=b"/v1/messages",
        query=query,
    )


def test_outbound_headers_of_a_translation_are_the_dialect_s_own() -> None:
    made = outbound(call("openai_chat", anthropic_beta="x", cookie="c"), DIALECTS["anthropic"], identity=False)
    assert made == {
        "content-type": "application/json",
        "user-agent": "tidegate",
        "accept-encoding": "identity",
        "anthropic-version": "2023-06-01",
    }


def test_within_a_dialect_its_listed_headers_pass() -> None:
    sent = call(anthropic_beta="one,two", anthropic_version="2024-01-01", authorization="Bearer k", x_api_key="k", x_any="y")
    made = outbound(sent, DIALECTS["anthropic"], identity=True)
    assert (made["anthropic-beta"], made["anthropic-version"]) == ("one,two", "2024-01-01")
    assert made.keys() <= {"content-type", "user-agent", "accept-encoding", "anthropic-beta", "anthropic-version"}


@pytest.mark.parametrize(
    ("query", "identity", "sent"),
    [(b"beta=true", True, "beta=true"), (b"beta=true", False, ""), (b"x=1&beta=true&y", True, "beta=true"), (b"", True, "")],
)
def test_the_query(query: bytes, identity: bool, sent: str) -> None:
    assert outbound_query(call(query=query), DIALECTS["anthropic"], identity=identity) == sent


def test_what_the_provider_s_headers_become() -> None:
    upstream = {
        "retry-after": "3",
        "x-should-retry": "false",
        "x-ratelimit-limit-requests": "9",
        "anthropic-ratelimit-tokens-reset": "z",
        "request-id": "req_up",
        "set-cookie": "a=b",
        "server": "cloudflare",
        "openai-organization": "org-secret",
        "content-encoding": "gzip",
    }
    assert dict(returned(upstream)) == {
        b"retry-after": b"3",
        b"x-tidegate-upstream-retry-after": b"3",
        b"x-should-retry": b"false",
        b"x-tidegate-upstream-x-ratelimit-limit-requests": b"9",
        b"x-tidegate-upstream-anthropic-ratelimit-tokens-reset": b"z",
        b"x-tidegate-upstream-request-id": b"req_up",
    }


@pytest.mark.parametrize("text", ["a\r\nx-evil: 1", "Gr\u00fc\u00dfe", "a\x00b", "\ud800", "\x7f"])
def test_values_cannot_break_a_header(text: str) -> None:
    value = header_value(text)
    assert all(32 <= byte < 127 for byte in value)
    assert len(value) == len(text)


def test_own_headers() -> None:
    made: Any = dict(own(call("openai_chat")))
    assert made == {b"x-request-id": b"req_abc", b"x-tidegate-config-gen": b"1"}
    assert dict(own(call("anthropic")))[b"request-id"] == b"req_abc"
    later = msgspec.structs.replace(snapshot(), generation=7)
    assert dict(own(msgspec.structs.replace(call(), planner=Planner(later))))[b"x-tidegate-config-gen"] == b"7"


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("retry-after", "0", True),
        ("retry-after", "2.5", True),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", True),
        ("retry-after", "9999999999", False),
        ("retry-after", "-1", False),
        ("retry-after", "soon", False),
        ("retry-after-ms", "1500", True),
        ("retry-after-ms", "1e9", False),
        ("x-should-retry", "true", True),
        ("x-should-retry", "always", False),
    ],
)
def test_what_clients_act_on_passes_where_it_is_sane(name: str, value: str, passes: bool) -> None:
    made = dict(returned({name: value}))
    assert (made.get(name.encode()) == value.encode()) is passes
    assert (b"x-tidegate-upstream-" + name.encode() in made) is (name != "x-should-retry")
