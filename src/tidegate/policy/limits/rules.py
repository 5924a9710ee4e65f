"""What a limit is: whose, of what, how much, per which time. `control` compiles them, `book` finds those of a call, counters hold them.

Money is in integer nano-dollars, like everywhere.
"""

import datetime
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

ScopeKind: TypeAlias = Literal["organisation", "team", "user", "key", "end_user", "route", "model", "tag", "credential"]
What: TypeAlias = Literal["requests", "tokens", "spend", "concurrent"]
Per: TypeAlias = Literal["minute", "hour", "day", "week", "month", "total", "moment"]
"""`moment` is that of calls which run at the same time."""

_TRIED = frozenset[str]({"model", "credential"})

OPEN_SCOPES = frozenset[str]({"end_user", "model"})
"""Scopes whose names come from callers, so that counters bound their number."""

SHARED_SCOPES = frozenset[str]({"route", "model"})
"""Scopes that belong to no organisation, unless the limit does."""

REQUESTS, TOKENS, SPEND, CONCURRENT, TRIES = range(5)
"""Places in the amounts of a claim. `TRIES` are the requests of a scope that every attempt reaches anew (a model, a credential), where the
others count a call once."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of one subject, or of each subject of its kind where `subject` is empty.

    `id` is stable over edits: it is what counters are kept under. `org` is the only organisation whose calls it counts; empty = of all.
    `amount` is in requests, tokens, calls at once or nano-dollars. `mode`
    `observe` counts and never refuses. For spend: `hard` refuses what could pass the amount, soft only tells `alerts` (in percent of the
    amount); `strict` says that a call reserves what it cannot exceed, else what is likely; `ceiling` is what a call may cost at most
    where nothing else bounds it, in nano-dollars, and `output_cap` the most output tokens of one. `zone` is that of days, weeks and months.
    Where `amount` is this process's part of the limit, `whole` is that of all.
    """

    id: str
    kind: ScopeKind
    subject: str = ""
    org: str = ""
    what: What
    per: Per
    amount: int
    mode: Literal["enforce", "observe"] = "enforce"
    hard: bool = True
    strict: bool = True
    alerts: tuple[int, ...] = ()
    ceiling: int | None = None
    output_cap: int | None = None
    zone: datetime.tzinfo = datetime.UTC
    whole: int | None = None

    @property
    def enforced(self) -> bool:
        """Whether it can refuse a call."""
        return self.mode == "enforce" and self.hard

    @property
    def measure(self) -> int:
        """Which of the amounts of a claim it counts."""
        return _MEASURES[self.what] if self.what != "requests" or self.kind not in _TRIED else TRIES


MEASURE_NAMES = ("requests", "tokens", "spend", "concurrent", "tries")
"""Of the places in a claim's amounts."""

_MEASURES: dict[What, int] = {"requests": REQUESTS, "tokens": TOKENS, "spend": SPEND, "concurrent": CONCURRENT}


class Charge(msgspec.Struct, frozen=True, gc=False):
    """A limit as it applies to one call: to `subject`, whom people know as `whose`. `key` names its counter; `open` says that callers
    choose the names of such subjects. `org` is whose counter it is; empty where calls of several organisations share it. `shown`: clients
    are told how it stands, which they are not of the gateway's own credentials."""

    limit: Limit
    subject: str
    whose: str
    key: str
    measure: int
    enforced: bool
    open: bool
    org: str = ""
    shown: bool = False

    @property
    def scope(self) -> str:
        """Whose usage counts: `kind:subject`, and a star before it where that is of all organisations."""
        return f"{'' if self.org else '*'}{self.limit.kind}:{self.subject}"


def charge(limit: Limit, subject: str, whose: str = "", org: str = "") -> Charge:
    """`limit` applied to `subject`, for a call of `org`."""
    is_open = not limit.subject and limit.kind in OPEN_SCOPES
    own = limit.org or ("" if limit.kind in SHARED_SCOPES else org)
    enforced = limit.enforced
    shown = enforced and limit.kind != "credential"
    return Charge(limit, subject, whose or subject, f"{limit.id}|{subject}", limit.measure, enforced, is_open, own, shown)


def are_lasting(charges: Iterable[Charge]) -> bool:
    """Whether other calls get the same tuple of charges, by which things are remembered: those of an end user are put together for each."""
    return all(one.limit.kind != "end_user" for one in charges)


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What one attempt claims of its limits, all or nothing. `amounts` are by measure (see `claim`); `least_tokens` are those that it
    uses in any case (see `asked`)."""

    request_id: str
    attempt: int
    charges: tuple[Charge, ...]
    amounts: tuple[int, int, int, int, int]
    least_tokens: int = 0


def claim(request_id: str, attempt: int, charges: tuple[Charge, ...], *, tokens: int = 0, least_tokens: int = 0, nano: int = 0) -> Claim:
    """The claim of an attempt (from 1): one request where it is the first, so many tokens and nano-dollars at most."""
    return Claim(request_id, attempt, charges, (1 if attempt == 1 else 0, tokens, nano, 1, 1), least_tokens)


def asked(claim: Claim, charge: Charge) -> int:
    """What `claim` asks of one of its limits. A limit of tokens that the call alone would exceed is asked for all it has, so that the call
    goes when nothing else was used; what the call needs in any case must fit."""
    amount = claim.amounts[charge.measure]
    if charge.measure == TOKENS and amount > charge.limit.amount:
        whole = charge.limit.amount if charge.limit.whole is None else charge.limit.whole
        return max(claim.least_tokens, whole) if amount > whole else amount
    return amount


class Left(msgspec.Struct, frozen=True, gc=False):
    """How a limit stands: what is left of it (negative in debt) and the seconds until it is whole again (None = never by itself)."""

    charge: Charge
    left: int
    reset: float | None


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """A claim that was granted. `requests` and `tokens` are the tightest limits of that kind; `observed` are limits in mode `observe`,
    and soft budgets, that it passed."""

    request_id: str
    attempt: int
    requests: Left | None = None
    tokens: Left | None = None
    observed: tuple[Charge, ...] = ()


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A claim that was not granted: nothing was taken. `charge` is the limit that opens last, `used` and `reserved` how it stands, `wanted`
    what the call asked of it. `wait` is in seconds; None = this call never fits. `busy` = only calls in flight stand in the way.
    `opens` is Unix time, where a window decides."""

    charge: Charge
    used: int
    reserved: int
    wanted: int
    wait: float | None
    opens: float | None = None
    busy: bool = False
    requests: Left | None = None
    tokens: Left | None = None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How one limit stands, for people. `opens` is Unix time: when the window ends, or when everything is free again."""

    charge: Charge
    used: int
    reserved: int
    opens: float | None


class Actual(msgspec.Struct, frozen=True, gc=False):
    """What an attempt used in the end."""

    tokens: int
    nano: int


class Alert(msgspec.Struct, frozen=True):
    """A budget passed a threshold: told once for each window. `used` is in nano-dollars, `at` Unix time, `window` the start of the
    window in Unix time."""

    charge: Charge
    percent: int
    used: int
    window: int
    at: float


class Past(msgspec.Struct, frozen=True, gc=False):
    """What a counter had seen before this process began: `amount` used at Unix time `at`, as the ledger sums it."""

    charge: Charge
    at: float
    amount: int
