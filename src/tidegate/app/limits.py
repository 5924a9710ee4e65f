"""The counters of limits and budgets, and what happens when a budget passes a threshold."""

import structlog

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.policy.limits.rules import Alert
from tidegate.ports import Clock, Counters

_LOG = structlog.get_logger("tidegate")


def counters(clock: Clock) -> Counters:
    return MemoryCounters(clock, on_alert=_alert)


def _alert(alert: Alert) -> None:
    _LOG.warning(
        "budget threshold passed", budget=alert.charge.limit.id, whose=alert.charge.whose, percent=alert.percent, used_nano=alert.used
    )
