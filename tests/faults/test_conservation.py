"""T-LG-4: what the ledger says is what the provider's own truth log says, to the token and the nano-dollar: over calls that end well,
clients that leave, providers that fail and streams that are cut, with retries and fallbacks."""

import asyncio
import http.client
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, select
from tests.faults.rig.judging.ending import judged_at_its_end
from tests.faults.rig.sizes import sizes
from tests.support.databases import opened
from tests.support.gateway import GatewayProcess

from tidegate.adapters.sql.schema_usage import ledger
from tidegate.records import EVERYONE
from tidegate.sandbox.app import Settings
from tidegate.sandbox.server import running

CALLS = sizes().conservation
CLIENTS = 12
FIRST = 10_000
"""Prompt tokens that the first call's answer reports; each call has one more, so that both logs name it."""
PRICE_IN, PRICE_OUT = 3_000_000_000, 15_000_000_000
MODEL = "claude-sonnet-4-5"
TEXT = " the water and the wind turn grey as small old boats lean into the bread of a winter morning"
"""A token of the vocabulary for each word, which is a token of the sandbox, and a delta."""
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-LG-4")
KINDS = (*("whole",) * 9, *("stream",) * 6, *("leaves",) * 3, "refused", "cut")
"""Fifteen of a hundred clients leave, five of a hundred first attempts are refused, and as many streams are cut."""


def script(kind: str, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"n": 5 + number % 40, "input_tokens": FIRST + number, "seed": number}
    match kind:
        case "leaves":
            return {**made, "n": 4000, "gap_ms": 5, "text": TEXT}
        case "refused":
            return {**made, "status": (429, 500, 503)[number % 3], "times": 1}
        case "cut":
            return {**made, "n": 60, "mode": "rst", "die_at": 20, "text": TEXT}
        case _:
            return made


def one(gateway: GatewayProcess, number: int, got: dict[int, int]) -> None:
    """`got` learns how many deltas the client of a stream that was not whole has read."""
    kind = KINDS[number % len(KINDS)]
    body = {
        "model": "both",
        "max_tokens": 8000,
        "stream": kind in ("stream", "leaves", "cut"),
        "messages": [{"role": "user", "content": json.dumps({"sandbox": script(kind, number)})}],
    }
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    try:
        headers = {**gateway.headers, "anthropic-version": "2023-06-01"}
        connection.request("POST", "/v1/messages", json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        if kind == "leaves":
            read = random.Random(number).randrange(200, 3000)
            got[FIRST + number] = answer.read(read).count(b'"text_delta"')
        else:
            assert answer.status == 200, answer.read()
            body = answer.read()
            if kind == "cut":
                got[FIRST + number] = body.count(b'"text_delta"')
    finally:
        connection.close()


async def crowd(gateway: GatewayProcess) -> dict[int, int]:
    loop, numbers = asyncio.get_running_loop(), itertools.count()
    got: dict[int, int] = {}

    def client() -> None:
        while (number := next(numbers)) < CALLS:
            one(gateway, number, got)

    with ThreadPoolExecutor(CLIENTS) as threads:
        await asyncio.gather(*(loop.run_in_executor(threads, client) for _ in range(CLIENTS)))
    return got


async def rows_of(home: Path) -> list[Any]:
    database = opened(URL.create("sqlite", database=str(home / "tidegate.db")))
    async with database.read(EVERYONE) as connection:
        found = (await connection.execute(select(ledger))).all()
    await database.aclose()
    return list(found)


async def test_the_ledger_is_what_the_provider_did(tmp_path: Path, record_property: Record) -> None:
    truth = tmp_path / "truth.jsonl"
    with running(Settings(truth_log=truth, fsync=False)) as sandbox:
        provider = {"kind": "anthropic", "base_url": f"{sandbox.url}/v1", "api_key": "env:UPSTREAM_KEY"}
        setup = {
            "providers": {"one": provider, "two": provider},
            "prices": {f"{name}/{MODEL}": [{"input": 3, "output": 15}] for name in ("one", "two")},
            "routes": {"both": {"targets": [f"one/{MODEL}", f"two/{MODEL}"], "circuit_breaker": False}},
        }
        secrets = {"UPSTREAM_KEY": "upstream-secret-of-the-operator"}
        with (
            GatewayProcess(tmp_path / "gateway", setup, secrets) as gateway,
            judged_at_its_end([gateway], sandbox.port, truth, secrets),
        ):
            got = await crowd(gateway)
    attempts = [json.loads(line) for line in truth.read_bytes().splitlines()]
    rows = await rows_of(gateway.home)
    assert len(rows) == len({(row.request_id, row.attempt, row.entry) for row in rows}) == len(attempts), "an attempt without a row, or two"

    said = {attempt["input_tokens"]: attempt for attempt in attempts if attempt["status"] == 200}
    booked = {row.input_tokens: row for row in rows if row.input_tokens is not None}
    assert len(said) == CALLS
    assert booked.keys() == said.keys()
    ends: Counter[str] = Counter()
    for place, row in booked.items():
        attempt = said[place]
        ends[attempt["end"]] += 1
        assert row.cost_nano == -(-row.input_tokens * PRICE_IN // 10**6) + -(-row.output_tokens * PRICE_OUT // 10**6)
        if attempt["end"] == "complete" and row.status == 200:
            assert (row.output_tokens, row.estimated) == (attempt["tokens"], None)
        else:
            cut = attempt["end"] == "rst"
            assert row.estimated == ("stream_cut" if cut else "client_disconnect")
            # What left the gateway's socket and was not read by a client that went is delivered too.
            assert got[place] <= row.output_tokens <= attempt["tokens"], "less than was delivered, or more than was ever made"
            assert not cut or row.output_tokens == got[place]
    record_property(
        "verdict", f"{CALLS} mixed calls: {len(rows)} rows of {len(attempts)} attempts, {dict(ends)}, to the token and nano-dollar"
    )
    assert len(ends) == 3, ends
    assert ends["complete"] >= CALLS * 3 // 4
    refused = [row for row in rows if row.upstream_status in (429, 500, 503)]
    assert len(refused) == len(attempts) - CALLS == CALLS // len(KINDS)
    assert all(row.cost_nano in (None, 0) for row in refused)
