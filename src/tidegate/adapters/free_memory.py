"""The `FreeQuota` port in memory: counted by each process for itself, as the limits are. Bounded by the free tiers that there are."""

from collections.abc import Mapping

from tidegate.policy.free import Used, closed_until, has_room, tier_of, turned
from tidegate.policy.snapshot import Target
from tidegate.ports import Clock

_MOST = 4096


class MemoryFreeQuota:
    """One count for each free tier of a configured provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: dict[str, Used] = {}

    def take(self, target: Target) -> bool:
        """See `ports.FreeQuota`."""
        tier = target.free
        if tier is None:
            return True
        if not self.has_room(target):
            return False
        used = turned(self._used.get(tier_of(target, tier), Used()), self._clock.now())
        used.minute_requests += 1
        used.day_requests += 1
        self._keep(target, used)
        return True

    def has_room(self, target: Target) -> bool:
        """See `ports.FreeQuota`."""
        tier = target.free
        return tier is None or has_room(tier, self._used.get(tier_of(target, tier), Used()), self._clock.now())

    def settle(self, target: Target, tokens: int, status: int, headers: Mapping[str, str]) -> None:
        """See `ports.FreeQuota`."""
        tier = target.free
        if tier is None:
            return
        now = self._clock.now()
        used = turned(self._used.get(tier_of(target, tier), Used()), now)
        used.minute_tokens += tokens
        used.day_tokens += tokens
        used.closed = max(used.closed, closed_until(status, headers, now))
        self._keep(target, used)

    def _keep(self, target: Target, used: Used) -> None:
        tier = target.free
        if tier is None:
            return
        name = tier_of(target, tier)
        if name not in self._used and len(self._used) >= _MOST:
            self._used.pop(next(iter(self._used)))
        self._used[name] = used
