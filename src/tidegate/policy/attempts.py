"""The one state machine of a call's attempts, which retries, fallbacks and streams share: after an attempt that failed before it committed,
which target is tried next, and after what wait, or that it ends here.

    PLANNED → CONNECTING → SENT → ANSWERED → HELD → COMMITTED → DONE | FAILED | CANCELLED

An attempt commits with the first content that its client gets; one that has committed never comes here. Pure: the proxy asks `Course` after
each failure, and tells it the time and what was drawn. Nothing is made for a call whose first attempt succeeds.
"""

import enum

import msgspec

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.overload.queue import Priority
from tidegate.policy.pace import Hedge
from tidegate.policy.retry import may_repeat, may_try_next

FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0
"""Seconds of backoff before a retry, doubled each time; the wait itself is drawn between nothing and that (full jitter)."""
LONGEST_ASKED = 60.0
"""Seconds: a provider that asks to wait for longer is not waited for."""
_REFUSED = (ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED)
"""What a provider answers before it has begun anything."""


class Stage(enum.IntEnum):
    """How far an attempt had come when it failed."""

    PLANNED = 0
    """Nothing was done with its target: it is cooling, used up, not able, or a limit refused the call."""
    CONNECTING = 1
    """Nothing was sent."""
    SENT = 2
    """The request is out, and no answer came: the provider may have done it, and may charge for it."""
    ANSWERED = 3
    """The provider answered with an error status."""
    HELD = 4
    """A good status, and then an error or the end before any content."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a route allows when attempts fail. `retries` are of targets that were tried before, once no other is left; moving on to the next
    target is none. `seconds` is for the whole call, and no retry begins that would wait past it. `guarded`: targets that are cooling are
    passed over."""

    retries: int = 0
    seconds: float = 900.0
    first_token: float | None = None
    """Seconds that a stream may be without content where another attempt can follow; None for what its model mostly needs."""
    on_context_length: bool = False
    on_content_filter: bool = False
    guarded: bool = False
    single_flight: bool = False
    """Equal calls of one key at the same time are one."""
    hedge: Hedge | None = None
    priority: Priority = Priority.INTERACTIVE
    drains: bool | None = None
    """Whether an answer is read on when its client leaves; None for as its provider has it."""


NO_RULES = Rules()
FIRST_TOKEN, FIRST_TOKEN_THINKING = 30.0, 120.0
"""Seconds until the first content of a stream, of models that do not think and that do."""


class Step(msgspec.Struct, frozen=True):
    """Try `targets[at]` after `wait` seconds. `again`: it was tried before, so that it is a retry."""

    at: int
    wait: float = 0.0
    again: bool = False


def may_have_begun(error: Error, stage: Stage) -> bool:
    """Whether the provider may have done something of what an attempt asked, or may charge for it."""
    return stage is Stage.SENT or (stage >= Stage.ANSWERED and error.kind not in _REFUSED)


def goes_on(rules: Rules, error: Error) -> bool:
    """Whether the route has another target asked after such an error of one."""
    if error.kind is ErrorKind.CONTEXT_LENGTH:
        return rules.on_context_length
    if error.kind is ErrorKind.CONTENT_FILTER:
        return rules.on_content_filter
    return may_try_next(error)


class Course:
    """What was tried of one call's targets. `effects`: the call does something at its provider that may not happen twice. `retried_above`:
    the client itself is retrying, so that own retries are halved."""

    def __init__(self, rules: Rules, targets: int, *, effects: bool = False, retried_above: bool = False) -> None:
        self._rules = rules
        self._untried = list(range(targets))
        self._retries = rules.retries // 2 if retried_above else rules.retries
        self._effects = effects
        self._ready: dict[int, float] = {}
        self._unanswered = 0
        self._repeated = 0
        self.is_exhausted = False
        """It ended because nothing was left to try, so that trying again at once would not help."""

    def is_last(self, at: int) -> bool:
        """Whether no attempt can follow one at `targets[at]`, so that nothing need be held back for one."""
        return self._effects or (not self._retries and not [place for place in self._untried if place != at])

    def has_others(self, at: int) -> bool:
        """Whether a target other than `targets[at]` was not tried yet."""
        return any(place != at for place in self._untried)

    def after(self, at: int, error: Error, stage: Stage, *, waited: float | None, elapsed: float, draw: float) -> Step | None:
        """What follows a failure at `targets[at]`; None where nothing does. `waited` is what the provider asks to wait, in seconds,
        `elapsed` the seconds since the call began, `draw` from [0, 1)."""
        if at in self._untried:
            self._untried.remove(at)
        self._ready.pop(at, None)
        if elapsed >= self._rules.seconds or not self._goes_on(error, stage):
            return None
        if may_repeat(error) and stage is not Stage.PLANNED and (waited or 0.0) <= LONGEST_ASKED:
            self._ready[at] = elapsed + (waited or 0.0)
        if self._untried:
            return Step(self._untried[0])
        return self._retry(elapsed, draw)

    def _goes_on(self, error: Error, stage: Stage) -> bool:
        if stage is Stage.PLANNED:
            return may_try_next(error)
        if self._effects and may_have_begun(error, stage):
            return False
        if stage is Stage.SENT:
            self._unanswered += 1
            if self._unanswered > 1:
                return False  # money may be spent already, twice
        return goes_on(self._rules, error)

    def _retry(self, elapsed: float, draw: float) -> Step | None:
        self.is_exhausted = True
        if not self._retries or not self._ready:
            return None
        at = min(self._ready, key=lambda place: (self._ready[place], place))
        wait = max(0.0, self._ready[at] - elapsed) + draw * min(LONGEST_WAIT, FIRST_WAIT * 2**self._repeated)
        if elapsed + wait >= self._rules.seconds:
            return None
        self._retries -= 1
        self._repeated += 1
        self.is_exhausted = False
        return Step(at, wait, again=True)
