"""T-OV-3: a provider that refuses everything is not asked more than it would be without retries, is left alone for as
long as it asks, and is tried by one call at a time when it comes back."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.e2e.wire import Answer, Provider, call
from tests.faults.rig.calls import FIRST_NUMBER, Call, Transcript, load
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.faults.rig.sizes import sizes
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.server import running

CLIENTS = 8
CALLS = 200
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-OV-3")


@pytest.fixture
def provider() -> Generator[Provider]:
    with running() as sandbox:
        yield Provider(sandbox)


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Generator[GatewayProcess]:
    config = {
        "providers": {"openai": {"base_url": f"{provider.url}/v1", "api_key": PROVIDER_KEY}},
        "routes": {"only": {"targets": ["openai/gpt-4o"]}, "once": {"targets": ["openai/gpt-4o"], "retries": 0}},
    }
    with (
        GatewayProcess(tmp_path_factory.mktemp("storm"), config) as started,
        judged_at_its_end([started], provider.port, secrets={"its key": PROVIDER_KEY}),
    ):
        yield started


def ask(gateway: GatewayProcess, model: str, **script: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": json.dumps({"sandbox": script})}]}
    return call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body)


def storm(gateway: GatewayProcess, model: str, count: int, **script: Any) -> Counter[int]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(answer.status for answer in pool.map(lambda _: ask(gateway, model, **script), range(count)))


def test_a_provider_that_fails_everything_is_asked_no_more_than_without_retries(gateway: GatewayProcess, provider: Provider) -> None:
    statuses = storm(gateway, "only", CALLS, status=503)
    assert statuses == {503: CALLS}
    asked = len(provider.attempts())
    assert 3 <= asked <= 1.2 * CALLS + 3
    # Its circuit was open for most of the time.
    assert asked < CALLS / 2


def test_a_provider_that_asks_to_be_left_alone_is_and_comes_back_by_one_call(gateway: GatewayProcess, provider: Provider) -> None:
    began = time.monotonic()
    assert ask(gateway, "once", status=429, retry_after=4).status == 429
    statuses = storm(gateway, "once", 50)
    if time.monotonic() - began < 4:
        assert statuses == {503: 50}
        assert len(provider.attempts()) == 1
    # What is tested is that time passes: a fifth is the most by which a wait is drawn longer.
    time.sleep(max(0.0, began + 4 * 1.2 + 0.1 - time.monotonic()))
    # While the one call that tries it is under way, all others are turned away.
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "once", n=1, ttft_ms=1500), range(CLIENTS)))
    assert Counter(answer.status for answer in answers) in ({200: 1, 503: CLIENTS - 1}, {200: 2, 503: CLIENTS - 2})
    assert ask(gateway, "once").status == 200


async def open_loop(gateway: GatewayProcess, model: str, **script: Any) -> list[Transcript]:
    """Calls at a fixed rate, whatever becomes of them, for as long as the storm lasts."""
    count = round(sizes().storm_rate * sizes().storm)
    calls = [Call(FIRST_NUMBER + place, model=model, script=script, stream=False, patience=120.0) for place in range(count)]
    return await load(gateway.port, gateway.key, calls, sizes().storm_rate)


async def test_in_a_storm_of_429_nobody_comes_before_the_provider_said(
    gateway: GatewayProcess, provider: Provider, record_property: Record
) -> None:
    wait = sizes().retry_after
    transcripts = await open_loop(gateway, "once", status=429, retry_after=wait)
    times = sorted(attempt["time"] for attempt in provider.attempts())
    under_way = [at for at in times if at - times[0] < 0.2]
    after = times[len(under_way) - 1 :]
    assert all(later - earlier >= wait for earlier, later in itertools.pairwise(after)), times
    assert {transcript.status for transcript in transcripts} == {429, 503}
    assert all(transcript.refused and "retry-after" in transcript.headers for transcript in transcripts)
    record_property(
        "verdict",
        f"storm of 429 with a `retry-after` of {wait} s for {sizes().storm:.0f} s: {len(transcripts)} calls, {len(times)} attempts, "
        "none before its time",
    )


async def test_in_a_storm_of_503_attempts_stay_few_and_do_not_come_together(
    gateway: GatewayProcess, provider: Provider, record_property: Record
) -> None:
    transcripts = await open_loop(gateway, "only", status=503)
    times = sorted(attempt["time"] for attempt in provider.attempts())
    # Those of the first second came, or were under way, before enough failures had come back for the circuit to open.
    opening = [at for at in times if at - times[0] < 1]
    in_one_second = Counter(int(at - times[0]) for at in times[len(opening) :])
    assert {transcript.status for transcript in transcripts} == {503}
    assert len(times) <= 1.2 * len(transcripts) + 3
    # Once it is open, one call at a time tries it.
    assert max(in_one_second.values(), default=0) <= 2
    record_property(
        "verdict",
        f"storm of 503 for {sizes().storm:.0f} s: {len(transcripts)} calls, {len(times)} attempts, {len(opening)} of them in the first "
        f"second, at most {max(in_one_second.values(), default=0)} in a second once the circuit had opened",
    )
