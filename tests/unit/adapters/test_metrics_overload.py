"""Overload on the page of `/metrics`."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from tidegate.adapters.metrics_overload import OverloadMetrics
from tidegate.policy.overload.figures import Figures, Standing


def values(standing: Standing) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(OverloadMetrics(lambda: standing))
    page = generate_latest(registry).decode()
    pairs = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {name.removeprefix("tidegate_"): float(value) for name, value in pairs if "_created" not in name}


def test_what_is_told() -> None:
    figures = Figures()
    figures.turned_away["target", "batch"] += 3
    for seconds in (0.004, 0.2, 7.0):
        figures.had_turn(seconds)
    found = values(Standing(1.5, 40.0, {"gateway": 2, "target": 0, "limit": 5}, figures))
    assert found["pressure"] == 1.5
    assert found["admitted_per_second"] == 40
    assert found['queue_length{short="gateway"}'] == 2
    assert found['queue_length{short="limit"}'] == 5
    assert found['turned_away_total{priority="batch",short="target"}'] == 3
    assert found['queue_wait_seconds_bucket{le="0.01"}'] == 1
    assert found['queue_wait_seconds_bucket{le="0.25"}'] == 2
    assert found["queue_wait_seconds_count"] == 3
    assert found["queue_wait_seconds_sum"] == 7.204


def test_there_is_no_rate_while_it_does_not_bound() -> None:
    assert "admitted_per_second" not in values(Standing(0.0, None, {}, Figures()))
