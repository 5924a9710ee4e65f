"""The `limits` and `budget` settings become the snapshot's limits: amounts in integers, time zones looked up, every mistake told."""

import datetime
import zoneinfo
from collections.abc import Collection, Sequence
from decimal import Decimal, InvalidOperation

from tidegate.control.config import BudgetEntry, LimitsEntry, ScopeEntry
from tidegate.control.problems import Path, Problems
from tidegate.policy.limits.rules import Limit, Per, ScopeKind, What
from tidegate.policy.near import did_you_mean

_NANO = 1_000_000_000
_MOST_USD = 9_000_000
"""Nano-dollars of a window stay below 2^53, so that every store that counts with doubles is exact."""
_MOST = 10**12
RATES: tuple[tuple[str, What, Per], ...] = (
    ("requests_per_minute", "requests", "minute"),
    ("requests_per_hour", "requests", "hour"),
    ("requests_per_day", "requests", "day"),
    ("tokens_per_minute", "tokens", "minute"),
    ("tokens_per_hour", "tokens", "hour"),
    ("tokens_per_day", "tokens", "day"),
    ("concurrent", "concurrent", "moment"),
)
"""Each setting, of what it is and per which time."""


class Limits:
    """Builds limits; `problems` learns what is wrong with them."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def of(
        self,
        kind: ScopeKind,
        subject: str,
        where: Path,
        limits: LimitsEntry | None,
        budgets: Sequence[tuple[Path, BudgetEntry]],
        prefix: str = "",
    ) -> tuple[Limit, ...]:
        """The limits of one subject (empty = of each one of its kind), and its budgets, each with where it stands."""
        name = f"{prefix}{kind}:{subject or '*'}"
        made = [] if limits is None else self._rates(kind, subject, name, (*where, "limits"), limits)
        ids: set[str] = set()
        for path, budget in budgets:
            limit = self._budget(kind, subject, name, path, budget)
            if limit.id in ids:
                self._problems.error(path, f"there is another {budget.mode} budget per {budget.per} here: one of a kind is enough")
            ids.add(limit.id)
            made.append(limit)
        return tuple(made)

    def by_scope(self, entries: Sequence[ScopeEntry], routes: Collection[str]) -> tuple[Limit, ...]:
        """The `limits` section."""
        made: list[Limit] = []
        seen: dict[tuple[str, str], int] = {}
        for index, entry in enumerate(entries):
            where: Path = ("limits", index)
            first = seen.setdefault((entry.scope, entry.id), index)
            if first != index:
                self._problems.error(where, f"limits[{first}] is for the same: put both together")
            if entry.scope == "route" and entry.id and entry.id not in routes:
                self._problems.error((*where, "id"), f"there is no route `{entry.id}`.{did_you_mean(entry.id, routes)}")
            if entry.limits is None and entry.budget is None and not entry.budgets:
                self._problems.error(where, "nothing is limited here: add `limits` or `budget`")
            made += self.of(entry.scope, entry.id, where, entry.limits, budgets_of(where, entry.budget, entry.budgets), "limits/")
        return tuple(made)

    def _rates(self, kind: ScopeKind, subject: str, name: str, where: Path, entry: LimitsEntry) -> list[Limit]:
        zone = self._zone(entry.time_zone, where)
        made: list[Limit] = []
        for field, what, per in RATES:
            amount: int | None = getattr(entry, field)
            if amount is None:
                continue
            if not 0 <= amount <= _MOST:
                self._problems.error((*where, field), "a limit is a whole number from 0 to a million millions")
            made.append(
                Limit(id=f"{name}/{field}", kind=kind, subject=subject, what=what, per=per, amount=amount, mode=entry.mode, zone=zone)
            )
        if not made:
            self._problems.error(where, "nothing is limited here: " + ", ".join(f"`{field}`" for field, _, _ in RATES) + " can be")
        return made

    def _budget(self, kind: ScopeKind, subject: str, name: str, where: Path, entry: BudgetEntry) -> Limit:
        alerts = tuple(sorted(set(entry.alerts)))
        if any(not 1 <= percent <= 1000 for percent in alerts):
            self._problems.error((*where, "alerts"), "an alert is a percentage of the budget from 1 to 1000, like `[50, 80, 100]`")
        if entry.max_output_tokens is not None and not 1 <= entry.max_output_tokens <= _MOST:
            self._problems.error((*where, "max_output_tokens"), "a cap is a whole number of at least 1")
        return Limit(
            id=f"{name}/spend_per_{entry.per}_{entry.mode}",
            kind=kind,
            subject=subject,
            what="spend",
            per=entry.per,
            amount=self._usd(entry.usd, (*where, "usd")),
            mode="observe" if entry.mode == "observe" else "enforce",
            hard=entry.mode != "soft",
            strict=entry.reserve == "strict",
            alerts=alerts,
            ceiling=None if entry.ceiling_usd is None else self._usd(entry.ceiling_usd, (*where, "ceiling_usd")),
            output_cap=entry.max_output_tokens,
            zone=self._zone(entry.time_zone, where),
        )

    def _usd(self, value: float | str, where: Path) -> int:
        """Nano-dollars; what YAML made a float is read as it was written."""
        try:
            nano = Decimal(str(value).strip().removeprefix("$")) * _NANO
        except InvalidOperation:
            nano = Decimal("NaN")
        if not nano.is_finite() or not 0 <= nano <= _MOST_USD * _NANO or nano != nano.to_integral_value():
            self._problems.error(where, f"an amount is in dollars, from 0 to {_MOST_USD}, with at most nine decimals, like `25` or `0.50`")
            return 0
        return int(nano)

    def _zone(self, name: str, where: Path) -> datetime.tzinfo:
        if name == "UTC":
            return datetime.UTC
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            known = zoneinfo.available_timezones()
            hint = did_you_mean(name, sorted(known)) if known else " This system has no time zones: install its package `tzdata`."
            self._problems.error((*where, "time_zone"), f"there is no time zone `{name}`; they are called like `Europe/Berlin`.{hint}")
            return datetime.UTC


def budgets_of(where: Path, budget: BudgetEntry | None, budgets: Sequence[BudgetEntry]) -> list[tuple[Path, BudgetEntry]]:
    """One budget and a list of them, each with where it stands."""
    one: list[tuple[Path, BudgetEntry]] = [] if budget is None else [((*where, "budget"), budget)]
    return one + [((*where, "budgets", index), entry) for index, entry in enumerate(budgets)]
