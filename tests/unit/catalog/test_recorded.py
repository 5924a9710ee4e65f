"""What providers have accepted, against the catalogue: quirks take nothing from such requests, and capabilities allow them."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import tidegate.catalog
from tidegate.ir.target import Capabilities
from tidegate.providers.catalog import decode
from tidegate.providers.quirks import apply_quirks
from tidegate.wire.splice import scan

DATA = Path(tidegate.catalog.__file__).parent
CATALOG = decode(*((DATA / f"{name}.json").read_bytes() for name in ("providers", "models", "prices", "tiers")))

# Sonnet 4.6 takes both styles of thinking; the catalogue names the newer one.
BOTH_STYLES = {"claude-sonnet-4-6", "claude-opus-4-6"}


def accepted(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(id, provider, request) of every recorded generation that was answered 200."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path) as lines:
            for line in lines:
                record = msgspec.json.decode(line)
                request = record.get("request_body")
                if (
                    record.get("api") in ("openai.chat", "anthropic.messages")
                    and record.get("status") == 200
                    and record.get("provider") in CATALOG.providers
                    and isinstance(request, dict)
                    and isinstance(request.get("model"), str)
                ):
                    yield record["id"], record["provider"], request


def contradictions(request: dict[str, Any], can: Capabilities) -> Iterator[str]:
    """What the request does that its model could not do by the catalogue's word."""
    effort = request.get("reasoning_effort")
    if effort is not None and (can.thinking != "effort" or (can.efforts is not None and effort not in can.efforts)):
        yield f"reasoning_effort {effort}"
    thinking = request.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) and "messages" in request and can.thinking in ("budget", "adaptive") else None
    if (kind == "adaptive" and can.thinking != "adaptive") or (kind == "enabled" and can.thinking != "budget"):
        yield f"thinking {kind}"
    if kind == "disabled" and can.thinking_off != "disabled":
        yield "thinking disabled"
    output = request.get("output_config") or {}
    schema = output.get("format") or (request.get("response_format") or {}).get("json_schema")
    if schema and can.structured != "native":
        yield "a JSON schema"
    if output.get("effort") and output["effort"] not in (can.efforts or ()):
        yield f"effort {output['effort']}"
    if request.get("temperature") not in (None, 1) and not can.sampling:
        yield "temperature"
    cap = request.get("max_tokens") or request.get("max_completion_tokens") or 0
    if can.max_output is not None and cap > can.max_output:
        yield f"max_tokens {cap}"
    choice = request.get("tool_choice")
    if (choice == "required" or (isinstance(choice, dict) and choice.get("type") in ("any", "tool", "function"))) and not can.forced_tools:
        yield "a forced tool"
    if request.get("tools") and not can.tools:
        yield "tools"
    if request.get("tools") and effort not in (None, "none") and not can.tools_while_thinking:
        yield f"tools with reasoning_effort {effort}"
    if request.get("web_search_options") is not None and not can.web_search:
        yield "web search"


def test_quirks_take_nothing_from_requests_that_the_provider_has_accepted(recordings_dir: Path):
    seen = 0
    for name, provider, request in accepted(recordings_dir):
        body = msgspec.json.encode(request)
        out, losses = apply_quirks(scan(body), CATALOG.providers[provider].quirks)
        assert losses == [], (name, losses)
        assert out == body, name
        seen += 1
    assert seen > 2_000


def test_capabilities_allow_what_the_provider_has_accepted(recordings_dir: Path):
    found = {
        (provider, request["model"], what, name)
        for name, provider, request in accepted(recordings_dir)
        for what in contradictions(request, CATALOG.capabilities(provider, request["model"]))
        if not (what == "thinking enabled" and request["model"] in BOTH_STYLES)
    }
    assert found == set()
