import msgspec
import pytest
from tests.unit.adapters.values import EVENT

from tidegate.adapters import metrics_prometheus
from tidegate.adapters.metrics_prometheus import PrometheusMetrics
from tidegate.ports import UsageEvent


def lines(metrics: PrometheusMetrics) -> dict[str, float]:
    page, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    found = (line.rpartition(" ") for line in page.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in found}


def ended(metrics: PrometheusMetrics, event: UsageEvent = EVENT, route: str = "r", first_content: float | None = None) -> None:
    metrics.begun(event.surface, route)
    metrics.attempt(event, route, "a/b", first_content)


def test_an_attempt_is_counted_by_route_target_and_status() -> None:
    metrics = PrometheusMetrics()
    event = msgspec.structs.replace(EVENT, usage={"input": 3, "output": 5, "odd": "x"}, cost_nano=2_000_000_000, duration_ms=300.0)
    ended(metrics, event)
    ended(metrics, msgspec.structs.replace(event, status=529, usage=None, cost_nano=None, first_byte_ms=20.0), first_content=0.4)
    seen = lines(metrics)
    place = 'route="r",target="a/b"'
    assert seen['tidegate_attempts_total{route="r",status="200",target="a/b"}'] == 1
    assert seen['tidegate_errors_total{route="r",status="529",target="a/b"}'] == 1
    assert 'tidegate_errors_total{route="r",status="200",target="a/b"}' not in seen
    assert seen[f'tidegate_tokens_total{{kind="output",{place}}}'] == 5
    assert seen[f"tidegate_cost_dollars_total{{{place}}}"] == 2
    assert seen[f'tidegate_duration_seconds_bucket{{le="0.5",{place}}}'] == 2
    assert seen[f"tidegate_time_to_first_byte_seconds_count{{{place}}}"] == 1
    assert seen[f'tidegate_time_to_first_token_seconds_bucket{{le="0.25",{place}}}'] == 0
    assert seen[f'tidegate_time_to_first_token_seconds_bucket{{le="0.5",{place}}}'] == 1


def test_refusals_and_attempts_in_flight() -> None:
    metrics = PrometheusMetrics()
    metrics.refused("messages", 401)
    metrics.refused("", 404)
    for route in ("r", "r", "s"):
        metrics.begun("messages", route)
    metrics.attempt(EVENT, "r", "a/b", None)
    seen = lines(metrics)
    assert seen['tidegate_refused_total{status="401",surface="messages"}'] == 1
    assert seen['tidegate_refused_total{status="404",surface="none"}'] == 1
    assert seen['tidegate_in_flight{route="r",surface="messages"}'] == 1
    assert seen['tidegate_in_flight{route="s",surface="messages"}'] == 1


def test_names_that_clients_invent_do_not_grow_the_page_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_prometheus, "MAX_SERIES", 3)
    metrics = PrometheusMetrics()
    for number in range(50):
        ended(metrics, route=f"route-{number}")
    attempts = {name: value for name, value in lines(metrics).items() if name.startswith("tidegate_attempts_total")}
    assert len(attempts) == 4
    assert attempts['tidegate_attempts_total{route="other",status="200",target="other"}'] == 47
    assert sum(attempts.values()) == 50


def test_two_gateways_in_one_process_count_apart() -> None:
    one, two = PrometheusMetrics(), PrometheusMetrics()
    ended(one)
    assert any(name.startswith("tidegate_attempts_total{") for name in lines(one))
    assert not any(name.startswith("tidegate_attempts_total{") for name in lines(two))


def test_the_number_of_a_worker_is_on_every_sample() -> None:
    metrics = PrometheusMetrics(worker=2)
    metrics.refused("chat", 429)
    page = metrics.render()[0].decode()
    assert 'tidegate_refused_total{status="429",surface="chat",worker="2"} 1.0' in page
    assert all('worker="2"' in line for line in page.splitlines() if not line.startswith("#"))
