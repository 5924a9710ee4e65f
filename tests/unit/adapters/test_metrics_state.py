"""The spool, Redis and tasks on the page of `/metrics`."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from tidegate.adapters.metrics_state import LimitMetrics, SpoolMetrics, TaskMetrics
from tidegate.adapters.spool.spool import State
from tidegate.adapters.spool.watermark import Level

STATE = State(
    accepting=True,
    reason=None,
    level=Level.FINE,
    used=0.25,
    written=70,
    synced=65,
    drained=50,
    open_attempts=3,
    reserve=True,
    failures=2,
    quarantined=1,
    damage="00000001.seg at byte 5",
)


def test_the_spool(tmp_path: Path) -> None:
    (tmp_path / "00000001.seg").write_bytes(b"x" * 100)
    (tmp_path / "00000002.seg").write_bytes(b"x" * 28)
    (tmp_path / "lock").write_bytes(b"")
    registry = CollectorRegistry()
    registry.register(SpoolMetrics(lambda: STATE, tmp_path))
    page = generate_latest(registry).decode()
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert {name.removeprefix("tidegate_spool_"): float(value) for name, value in values.items()} == {
        "accepting": 1,
        "waiting_records": 20,
        "unsynced_records": 5,
        "segments": 2,
        "bytes": 128,
        "disk_used_ratio": 0.25,
        "open_attempts": 3,
        "damaged": 1,
        "posted_records_total": 50,
        "quarantined_records_total": 1,
        "write_failures_total": 2,
    }


@pytest.mark.parametrize(("up", "line"), [(True, "tidegate_redis_up 1.0"), (False, "tidegate_redis_up 0.0"), (None, "")])
def test_redis(up: bool | None, line: str) -> None:
    registry = CollectorRegistry()
    registry.register(LimitMetrics(lambda: up))
    lines = [found for found in generate_latest(registry).decode().splitlines() if not found.startswith("#")]
    assert lines == ([line] if line else [])


def test_tasks() -> None:
    registry, running = CollectorRegistry(), [3, 4]
    registry.register(TaskMetrics(lambda: len(running)))
    running.append(5)
    assert "\ntidegate_tasks 3.0\n" in generate_latest(registry).decode()
