"""T-ST-7: calls with keys, each sent several times at once and again, also over a kill -9, by the provider's own log."""

import json
import signal
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.e2e.wire import Answer, Provider, call
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.faults.rig.sizes import sizes
from tests.support.gateway import GatewayProcess

AT_ONCE = 20
TIMES = 4
EACH = 4
"""Calls that are done before a kill, and calls that it cuts off."""
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-ST-7")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Generator[GatewayProcess]:
    config = {
        "providers": {"openai": {"base_url": f"{provider.url}/v1", "api_key": PROVIDER_KEY}},
        "routes": {"one": {"targets": ["openai/gpt-4o"], "single_flight": True, "retries": 0}},
    }
    with (
        GatewayProcess(tmp_path_factory.mktemp("once"), config) as started,
        judged_at_its_end([started], provider.port, secrets={"its key": PROVIDER_KEY}),
    ):
        started.admin()  # the database is there
        yield started


def ask(gateway: GatewayProcess, name: str | None, model: str = "openai/gpt-4o", *, stream: bool = False, **script: Any) -> Answer:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": json.dumps({"sandbox": script})}]}
    headers = {**gateway.headers, **({"idempotency-key": name} if name is not None else {})}
    return call(f"{gateway.url}/v1/chat/completions", "POST", headers, body)


def made(provider: Provider, seed: int) -> int:
    return sum(f'\\"seed\\": {seed}'.encode() in request.raw for request in provider.requests())


def test_each_key_is_one_call_however_often_it_is_sent(gateway: GatewayProcess, provider: Provider, record_property: Record) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, sizes().keys, AT_ONCE):
            at_once(pool, gateway, provider, range(first, first + AT_ONCE))
    assert ask(gateway, "key-1", seed=7).status == 422
    record_property(
        "verdict",
        f"{sizes().keys} idempotency keys, each sent {TIMES} times: {sizes().keys * TIMES} calls, {sizes().keys} attempts, one answer each",
    )


def at_once(pool: ThreadPoolExecutor, gateway: GatewayProcess, provider: Provider, keys: range) -> None:
    """The provider's log holds so many calls and no more."""
    provider.forget()

    def one(key: int) -> Answer:
        return ask(gateway, f"key-{key}", stream=key % 2 == 0, n=20, gap_ms=5, seed=10_000 + key)

    answers = list(pool.map(one, (*keys,) * TIMES))
    for place, key in enumerate(keys):
        same = answers[place :: len(keys)]
        assert {answer.status for answer in same} == {200}
        assert len({answer.body for answer in same}) == 1
        assert made(provider, 10_000 + key) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == len(keys) * (TIMES - 1)


def test_a_kill_makes_no_call_twice(gateway: GatewayProcess, provider: Provider, record_property: Record) -> None:
    for number in range(sizes().cut_keys):
        killed(gateway, provider, str(number))
    count = sizes().cut_keys * EACH
    record_property(
        "verdict",
        f"{sizes().cut_keys} kills between keyed calls: {count} that were done are replayed, {count} that were cut off are not made again",
    )


def killed(gateway: GatewayProcess, provider: Provider, name: str) -> None:
    provider.forget()
    before = [ask(gateway, f"done-{name}-{key}", stream=key % 2 == 0, n=5, seed=2000 + key) for key in range(EACH)]
    with ThreadPoolExecutor(EACH) as pool:
        running_calls = [
            pool.submit(ask, gateway, f"cut-{name}-{key}", n=1, header_delay_ms=30_000, seed=3000 + key) for key in range(EACH)
        ]
        while provider.open() < EACH:
            pass
        gateway.stop(signal.SIGKILL)
        assert all(broken.exception() is not None for broken in running_calls)
    gateway.start()
    gateway.admin()
    for key, first in enumerate(before):
        again = ask(gateway, f"done-{name}-{key}", stream=key % 2 == 0, n=5, seed=2000 + key)
        assert (again.status, again.body, again.headers["idempotency-replayed"]) == (200, first.body, "true")
        assert made(provider, 2000 + key) == 1
    for key in range(EACH):
        refused = ask(gateway, f"cut-{name}-{key}", n=1, header_delay_ms=30_000, seed=3000 + key)
        assert (refused.status, refused.json()["error"]["code"]) == (422, "idempotent_call_broken_off")
        assert made(provider, 3000 + key) == 1


def test_equal_calls_at_the_same_time_are_one(gateway: GatewayProcess, provider: Provider) -> None:
    provider.forget()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(gateway, None, "one", n=5, ttft_ms=3000, seed=4000), range(8)))
    assert len({answer.body for answer in answers}) == 1
    assert made(provider, 4000) == 1
