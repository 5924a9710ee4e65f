"""The `Metrics` port with prometheus-client. Label values are bounded: route and target names come from clients, so that past `MAX_SERIES`
different ones the rest is counted under `other`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tidegate.ports import UsageEvent

MAX_SERIES = 500
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_FIRST = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
_OTHER = "other"


class _Series:
    """The children of one (route, target, status): resolved once, because `.labels()` costs more than the counting."""

    def __init__(self, metrics: "PrometheusMetrics", route: str, target: str, status: str) -> None:
        self.calls = metrics.calls.labels(route, target, status)
        self.duration = metrics.duration.labels(route, target)
        self.first = metrics.first.labels(route, target)
        self.cost = metrics.cost.labels(route, target)
        self.tokens = {kind: metrics.tokens.labels(route, target, kind) for kind in _KINDS}
        self.failed = metrics.errors.labels(route, target, status) if status[0] in "45" else None


class PrometheusMetrics:
    """A registry of its own, so that two gateways can live in one process."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.calls = Counter("tidegate_attempts", "Attempts at a target", ("route", "target", "status"), registry=registry)
        self.errors = Counter("tidegate_errors", "Attempts that failed", ("route", "target", "status"), registry=registry)
        self.tokens = Counter("tidegate_tokens", "Tokens by kind", ("route", "target", "kind"), registry=registry)
        self.cost = Counter("tidegate_cost_dollars", "Cost where the price is known", ("route", "target"), registry=registry)
        self.duration = Histogram(
            "tidegate_duration_seconds", "From the attempt's start to its end", ("route", "target"), registry=registry, buckets=_SECONDS
        )
        self.first = Histogram(
            "tidegate_time_to_first_byte_seconds",
            "From the attempt's start to the first byte for the client",
            ("route", "target"),
            registry=registry,
            buckets=_FIRST,
        )
        self._refused = Counter(
            "tidegate_refused", "Calls answered with an error of the gateway's own", ("surface", "status"), registry=registry
        )
        self._in_flight = Gauge("tidegate_in_flight", "Calls that run now", registry=registry)
        self._count = 0
        self._in_flight.set_function(lambda: self._count)
        self._series: dict[tuple[str, str, int], _Series] = {}

    def attempt(self, event: UsageEvent) -> None:
        """Counts one attempt."""
        series = self._series.get((event.route, event.target, event.status)) or self._new(event)
        series.calls.inc()
        if series.failed is not None:
            series.failed.inc()
        series.duration.observe(event.duration_ms / 1000)
        if event.first_byte_ms is not None:
            series.first.observe(event.first_byte_ms / 1000)
        if event.cost_nano:
            series.cost.inc(event.cost_nano / 1e9)
        for kind, value in (event.usage or {}).items():
            if type(value) is int and value and kind in series.tokens:
                series.tokens[kind].inc(value)

    def _new(self, event: UsageEvent) -> _Series:
        key = (event.route, event.target, event.status)
        if len(self._series) >= MAX_SERIES:
            key = (_OTHER, _OTHER, event.status)
            known = self._series.get(key)
            if known is not None:
                return known
        series = self._series[key] = _Series(self, key[0], key[1], str(event.status))
        return series

    def refused(self, surface: str, status: int) -> None:
        """Counts a call that the gateway answered with an error of its own."""
        self._refused.labels(surface or "none", str(status)).inc()

    def in_flight(self, change: int) -> None:
        self._count += change

    def render(self) -> tuple[bytes, str]:
        """The page of `/metrics` and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
