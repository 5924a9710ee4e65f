"""Thresholds of budgets that this process has seen passed, until the database's part of the gateway tells them (`alerts`)."""

import asyncio
from collections import deque

from tidegate.logs import Log
from tidegate.policy.limits.rules import Alert
from tidegate.ports.limits import PassedThreshold

MOST = 1000
"""Kept while the database is away; what is beyond is found there later."""
_LOG = Log("tidegate")


class Noticed:
    """Called by counters, which do not wait."""

    def __init__(self) -> None:
        self.passed: deque[PassedThreshold] = deque(maxlen=MOST)
        self._some = asyncio.Event()

    def __call__(self, alert: Alert) -> None:
        charge = alert.charge
        _LOG.warning("budget threshold passed", budget=charge.limit.id, whose=charge.whose, percent=alert.percent, used_nano=alert.used)
        self.passed.append(PassedThreshold(charge.limit, charge.subject, charge.org, alert.percent, alert.used, alert.window))
        self._some.set()

    async def wait(self) -> None:
        """Until there is one."""
        await self._some.wait()
        self._some.clear()
