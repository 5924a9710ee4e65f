"""How hard pressed the gateway is and who waits, on the page of `/metrics`. Looked at when the page is asked for; calls pay nothing."""

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.policy.overload.figures import BOUNDS, Figures, Standing


class OverloadMetrics(Collector):
    def __init__(self, standing: Callable[[], Standing]) -> None:
        self._standing = standing

    def collect(self) -> Iterable[Metric]:
        found = self._standing()
        yield GaugeMetricFamily("tidegate_pressure", "How hard pressed the gateway is: 1 and above is overload", value=found.pressure)
        if found.rate is not None:
            yield GaugeMetricFamily("tidegate_admitted_per_second", "Calls that come in at most, under overload", value=found.rate)
        waiting = GaugeMetricFamily("tidegate_queue_length", "Calls that wait for their turn, by what is short", labels=("short",))
        for short, count in found.waiting.items():
            waiting.add_metric((short,), count)
        yield waiting
        away = CounterMetricFamily(
            "tidegate_turned_away", "Calls whose turn did not come in time, or for which there was no room", labels=("short", "priority")
        )
        for (short, priority), count in found.figures.turned_away.items():
            away.add_metric((short, priority), count)
        yield away
        yield _waits(found.figures)


class DrainMetrics(Collector):
    """`counts` are those that run, that were begun, and for which there was no room."""

    def __init__(self, counts: Callable[[], tuple[int, int, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        running, begun, refused = self._counts()
        yield GaugeMetricFamily("tidegate_drains_open", "Answers that are read on without their client", value=running)
        yield CounterMetricFamily("tidegate_drains", "Answers that were read on without their client", value=begun)
        yield CounterMetricFamily("tidegate_drains_refused", "Answers that were not, because there were too many", value=refused)


def _waits(figures: Figures) -> Metric:
    family = HistogramMetricFamily("tidegate_queue_wait_seconds", "Of calls that had their turn")
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), figures.waits, strict=True):
        below += count
        buckets.append((bound, below))
    family.add_metric((), buckets, figures.waited)
    return family
