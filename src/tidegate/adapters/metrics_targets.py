"""How the targets are, on the page of `/metrics`: read from the health that the proxy keeps when the page is asked for."""

from collections.abc import Callable, Iterable
from itertools import islice

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.policy.health import Health

MOST_SHOWN = 500
_LABELS = ("target", "credential")
_STATES = {"closed": 0, "open": 1, "half_open": 2}


class TargetMetrics(Collector):
    """`now` is monotonic, in seconds. Models that only callers name are left out."""

    def __init__(self, health: Health, now: Callable[[], float]) -> None:
        self._health = health
        self._now = now

    def collect(self) -> Iterable[Metric]:
        state = GaugeMetricFamily("tidegate_target_state", "0 is tried, 1 is left alone, 2 is tried by one call", labels=_LABELS)
        running = GaugeMetricFamily("tidegate_target_in_flight", "Attempts that run now", labels=_LABELS)
        latency = GaugeMetricFamily("tidegate_target_first_token_seconds", "Mean time to the first content, which forgets", labels=_LABELS)
        failed = CounterMetricFamily("tidegate_target_failures", "Attempts that said that the target is not well", labels=_LABELS)
        drained = GaugeMetricFamily("tidegate_drained", "Targets that were taken out of use by hand", value=len(self._health.drained))
        now = self._now()
        for place in islice((place for place in self._health.places() if place.is_known), MOST_SHOWN):
            labels = (place.name, place.account)
            state.add_metric(labels, _STATES[place.circuit.state(now)])
            running.add_metric(labels, place.in_flight)
            latency.add_metric(labels, place.latency(now))
            failed.add_metric(labels, place.failed)
        return (state, running, latency, failed, drained)
