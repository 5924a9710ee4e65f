"""The `Metrics` port in the text format of Prometheus. Counting is plain arithmetic, because every call pays for it; prometheus-client puts
the page together when it is asked for.

Label values are bounded: the proxy gives names that the operator or the catalogue knows, and past `MAX_SERIES` different ones the rest is
counted under `other`.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from tidegate.ports import UsageEvent

MAX_SERIES = 500
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_FIRST = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
_OTHER = "other"
_MOST_ODD = 40


class _Times:
    """A histogram over fixed bounds, in seconds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        result: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip((*(str(bound) for bound in self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            result.append((bound, below))
        return result


class _Place:
    """What was counted for one route and target."""

    __slots__ = ("content", "cost_nano", "duration", "first", "odd", "statuses", "tokens", "unpriced")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.tokens = dict.fromkeys(_KINDS, 0)
        self.cost_nano = 0
        self.unpriced = 0
        self.odd: dict[str, int] = {}
        self.duration = _Times(_SECONDS)
        self.first = _Times(_FIRST)
        self.content = _Times(_FIRST)


class _OfWorker(Collector):
    """The same families with the number of the process on each sample."""

    def __init__(self, one: Collector, worker: int) -> None:
        self._one = one
        self._labels = {"worker": str(worker)}

    def collect(self) -> Iterable[Metric]:
        for family in self._one.collect():
            family.samples = [sample._replace(labels={**self._labels, **sample.labels}) for sample in family.samples]
            yield family


class PrometheusMetrics(Collector):
    """A registry of its own, so that two gateways can live in one process. `others` stand on the page besides. `worker` is on every sample
    where there is one."""

    def __init__(self, *others: Collector, worker: int | None = None) -> None:
        self._places: dict[tuple[str, str], _Place] = {}
        self._refused: dict[tuple[str, int], int] = {}
        self._in_flight: dict[tuple[str, str], int] = {}
        self._registry = CollectorRegistry()
        for collector in (self, *others):
            self._registry.register(collector if worker is None else _OfWorker(collector, worker))

    def begun(self, surface: str, route: str) -> None:
        """Counts an attempt that begins."""
        key = (surface, route)
        self._in_flight[key] = self._in_flight.get(key, 0) + 1

    def attempt(self, event: UsageEvent, route: str, target: str, first_content: float | None) -> None:
        """Counts one attempt, which has ended."""
        self._in_flight[event.surface, route] -= 1
        place = self._places.get((route, target)) or self._new(route, target)
        place.statuses[event.status] = place.statuses.get(event.status, 0) + 1
        place.duration.add(event.duration_ms / 1000)
        if event.first_byte_ms is not None:
            place.first.add(event.first_byte_ms / 1000)
        if first_content is not None:
            place.content.add(first_content)
        if event.cost_nano:
            place.cost_nano += event.cost_nano
        if event.usage is not None:
            tokens = place.tokens
            for kind, value in event.usage.items():
                if kind in tokens and type(value) is int:
                    tokens[kind] += value
            if event.cost_nano is None:
                place.unpriced += 1
            odd = event.usage.get("odd")
            if odd:
                _count_odd(place.odd, odd)

    def _new(self, route: str, target: str) -> _Place:
        key = (route, target) if len(self._places) < MAX_SERIES else (_OTHER, _OTHER)
        return self._places.setdefault(key, _Place())

    def refused(self, surface: str, status: int) -> None:
        """Counts a call that the gateway answered with an error of its own."""
        key = (surface or "none", status)
        self._refused[key] = self._refused.get(key, 0) + 1

    def render(self) -> tuple[bytes, str]:
        """The page of `/metrics` and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterable[Metric]:
        """prometheus-client asks for the families here."""
        attempts = CounterMetricFamily("tidegate_attempts", "Attempts at a target", labels=("route", "target", "status"))
        errors = CounterMetricFamily("tidegate_errors", "Attempts that failed", labels=("route", "target", "status"))
        tokens = CounterMetricFamily("tidegate_tokens", "Tokens by kind", labels=("route", "target", "kind"))
        odd = CounterMetricFamily(
            "tidegate_usage_odd", "Usage counters beyond all sense, clamped or left out", labels=("route", "target", "counter")
        )
        unpriced = CounterMetricFamily("tidegate_unpriced", "Attempts with usage whose price is not known", labels=("route", "target"))
        cost = CounterMetricFamily("tidegate_cost_dollars", "Cost where the price is known", labels=("route", "target"))
        duration = HistogramMetricFamily("tidegate_duration_seconds", "From the attempt's start to its end", labels=("route", "target"))
        first = HistogramMetricFamily(
            "tidegate_time_to_first_byte_seconds", "From the attempt's start to the first byte for the client", labels=("route", "target")
        )
        content = HistogramMetricFamily(
            "tidegate_time_to_first_token_seconds",
            "From the attempt's start to the first content",
            labels=("route", "target"),
        )
        for (route, target), place in self._places.items():
            for status, count in place.statuses.items():
                attempts.add_metric((route, target, str(status)), count)
                if status >= 400:
                    errors.add_metric((route, target, str(status)), count)
            for kind, count in place.tokens.items():
                if count:
                    tokens.add_metric((route, target, kind), count)
            for counter, count in place.odd.items():
                odd.add_metric((route, target, counter), count)
            unpriced.add_metric((route, target), place.unpriced)
            cost.add_metric((route, target), place.cost_nano / 1e9)
            duration.add_metric((route, target), place.duration.buckets(), place.duration.total)
            first.add_metric((route, target), place.first.buckets(), place.first.total)
            content.add_metric((route, target), place.content.buckets(), place.content.total)
        refused = CounterMetricFamily("tidegate_refused", "Calls answered with an error of the gateway's own", labels=("surface", "status"))
        for (surface, status), count in self._refused.items():
            refused.add_metric((surface, str(status)), count)
        in_flight = GaugeMetricFamily("tidegate_in_flight", "Attempts that run now", labels=("surface", "route"))
        for (surface, route), count in self._in_flight.items():
            in_flight.add_metric((surface, route), count)
        return (attempts, errors, tokens, odd, unpriced, cost, duration, first, content, refused, in_flight)


def _count_odd(counts: dict[str, int], names: Any) -> None:
    """The names are our own, but for parts of a provider's cache counters: few, and bounded here."""
    for name in cast("list[str]", names) if isinstance(names, list | tuple) else ():
        key = name if name in counts or len(counts) < _MOST_ODD else _OTHER
        counts[key] = counts.get(key, 0) + 1
