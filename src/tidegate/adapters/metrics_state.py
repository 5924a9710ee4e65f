"""How the spool, the counting of limits and the process stand, on the page of `/metrics`. Looked at when the page is asked for; calls pay
nothing."""

from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.adapters.spool.spool import State

SEGMENTS = "*.seg"


class SpoolMetrics(Collector):
    """`state` of the spool in `folder`."""

    def __init__(self, state: Callable[[], State], folder: Path) -> None:
        self._state = state
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        state = self._state()
        sizes = [_size(path) for path in self._folder.glob(SEGMENTS)]
        yield _gauge("tidegate_spool_accepting", "1 while new billable work is taken", float(state.accepting))
        yield _gauge("tidegate_spool_waiting_records", "Records that the ledger does not have yet", state.written - state.drained)
        yield _gauge("tidegate_spool_unsynced_records", "Records that a power loss could take", state.written - state.synced)
        yield _gauge("tidegate_spool_segments", "Segment files", len(sizes))
        yield _gauge("tidegate_spool_bytes", "Bytes of the segment files", sum(sizes))
        yield _gauge("tidegate_spool_disk_used_ratio", "Of the spool's disk", state.used)
        yield _gauge("tidegate_spool_open_attempts", "Attempts that run and are not settled", state.open_attempts)
        yield _gauge("tidegate_spool_damaged", "1 while a harmed segment stops draining", float(state.damage is not None))
        yield _counter("tidegate_spool_posted_records", "Records that the ledger has, since the folder was made", state.drained)
        yield _counter("tidegate_spool_quarantined_records", "Records that no ledger takes, since the start", state.quarantined)
        yield _counter("tidegate_spool_write_failures", "Failures of the disk, since the start", state.failures)


class LimitMetrics(Collector):
    """`redis_up` says whether Redis counts for all processes; None where there is none."""

    def __init__(self, redis_up: Callable[[], bool | None]) -> None:
        self._redis_up = redis_up

    def collect(self) -> Iterable[Metric]:
        up = self._redis_up()
        if up is not None:
            yield _gauge("tidegate_redis_up", "1 while Redis counts rates for all gateways, 0 while each counts its share", float(up))


class ClockMetrics(Collector):
    """`offset` is by how many seconds the clock is ahead of the database's."""

    def __init__(self, offset: Callable[[], float]) -> None:
        self._offset = offset

    def collect(self) -> Iterable[Metric]:
        yield _gauge("tidegate_clock_offset_seconds", "How far this machine's clock is ahead of the database's", self._offset())


class TaskMetrics(Collector):
    """`tasks` is how many have not ended."""

    def __init__(self, tasks: Callable[[], int]) -> None:
        self._tasks = tasks

    def collect(self) -> Iterable[Metric]:
        yield _gauge("tidegate_tasks", "Tasks of the event loop: with the calls that run, and no more when they have ended", self._tasks())


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=value)


def _counter(name: str, told: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, told, value=value)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it was drained meanwhile
        return 0
