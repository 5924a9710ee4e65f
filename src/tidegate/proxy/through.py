"""Drives the attempts of one call: one target after the other until the client has an answer, as `policy.attempts` decides.

Called by everything that reaches a provider through a plan. What a call costs whose first attempt succeeds is counted here: nothing is made
before something fails.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeAlias

from tidegate.dialects.references import mentions
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.attempts import FIRST_TOKEN, FIRST_TOKEN_THINKING, LONGEST_WAIT, Course, Stage, Step, may_have_begun
from tidegate.policy.circuit import SPREAD
from tidegate.policy.credentials import spread
from tidegate.policy.health import Place
from tidegate.policy.overload.slots import Slots
from tidegate.policy.pace import Hedge
from tidegate.policy.retry import asked_to_wait, is_overload
from tidegate.policy.route import Plan
from tidegate.policy.select import Selection, select
from tidegate.policy.snapshot import Target
from tidegate.proxy.access import authorize
from tidegate.proxy.admission import admit
from tidegate.proxy.app import App
from tidegate.proxy.attempt import Attempt, Race, way
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import CALLER_KEY
from tidegate.proxy.effects import has_effects
from tidegate.proxy.exchange import run
from tidegate.proxy.facts import facts, may_ask, tokens_about
from tidegate.proxy.failure import DRAINING, UNRECORDED, BusyError, Failure, LimitError, cooling, drained, passed, told
from tidegate.proxy.given import note
from tidegate.proxy.headers import header_value
from tidegate.proxy.leave import lasting
from tidegate.proxy.named import resolved
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.race import hedged
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.waiting import Waiter

Prepare: TypeAlias = Callable[[App, Call, Plan, Target], Prepared]
_RETRIES_ABOVE = b"x-stainless-retry-count"
"""What the SDKs of OpenAI and Anthropic send: how often they have tried this call already."""
_SHOULD_RETRY = b"x-should-retry"
_EARLY = 0.002
"""Seconds by which uvloop, whose timers count whole milliseconds, may wake a task too early."""


async def through(app: App, call: Call, plan: Plan, reply: Reply, prepare: Prepare) -> None:
    """Answers the client. `prepare` makes what goes to a target."""
    if app.door.is_busy:
        await app.door.enter(_weighed(call, plan))
    if mentions(call.fields, call.dialect.name):
        plan = await resolved(app, call, plan)
    note(app, call, reply)
    targets = _ordered(app, call, plan)
    if plan.rules.hedge is None or len(targets) == 1 or has_effects(call):
        alone = len(targets) == 1
        failure = await _try(app, call, plan, targets[0], reply, prepare, last=alone and not plan.rules.retries, waits=alone)
        failed = [] if failure is None else [(0, failure)]
    else:
        failed = await _hedged(app, call, plan, targets, reply, prepare, plan.rules.hedge)
    if failed:
        await _go_on(app, call, plan, targets, reply, prepare, failed)


async def _hedged(
    app: App, call: Call, plan: Plan, targets: Sequence[Target], reply: Reply, prepare: Prepare, hedge: Hedge
) -> list[tuple[int, Failure]]:
    def try_at(at: int, race: Race) -> Coroutine[Any, Any, Failure | None]:
        return _try(app, call, plan, targets[at], reply, prepare, last=False, race=race)

    return await hedged(try_at, hedge, app.live.health.pace(plan.route), plan.rules)


async def _go_on(
    app: App,
    call: Call,
    plan: Plan,
    targets: Sequence[Target],
    reply: Reply,
    prepare: Prepare,
    failed: list[tuple[int, Failure]],
) -> None:
    """What follows the first attempts, which have failed."""
    above = call.headers.get(_RETRIES_ABOVE, b"0") != b"0"
    course = Course(plan.rules, len(targets), effects=has_effects(call), retried_above=above)
    at, shown = failed[0]
    place = targets[at]
    step: Step | None = None
    for at, failure in failed:
        if told(shown, failure) is failure:
            shown, place = failure, targets[at]
        call.why = passed(call.why, targets[at], failure)
        step = _after(app, call, plan, course, targets, at, failure)
    while step is not None:
        at = step.at
        try:
            if step.wait:
                await asyncio.sleep(step.wait)
            failure = await _try(app, call, plan, targets[at], reply, prepare, last=course.is_last(at), waits=not course.has_others(at))
        finally:
            if step.again:
                app.live.health.place(targets[at]).retried()
        if failure is None:
            return
        if told(shown, failure) is failure:
            shown, place = failure, targets[at]
        call.why = passed(call.why, targets[at], failure)
        step = _after(app, call, plan, course, targets, at, failure)
    if not call.attempts:
        app.metrics.refused(call.surface, shown.error.http_status)
    await _refuse(call, plan, reply, place, shown, retries=not (course.is_exhausted and plan.rules.retries))


def _after(app: App, call: Call, plan: Plan, course: Course, targets: Sequence[Target], at: int, failure: Failure) -> Step | None:
    """The next step, with its retry taken from the budget of its place and no sooner than that may be tried. A place that is left alone for
    longer than a retry waits, or than its provider asks this call to, is not waited for."""
    now = app.clock.monotonic()
    waited = asked_to_wait(failure.error, failure.headers, app.clock.now())
    step = course.after(at, failure.error, failure.stage, waited=waited, elapsed=now - call.started, draw=_drawn(call))
    if step is None or not step.again:
        return step
    place = app.live.health.place(targets[step.at])
    rest = place.circuit.rest(now) if plan.rules.guarded else 0.0
    if rest > max(LONGEST_WAIT, step.wait * (1 + SPREAD)) or not place.may_retry(now):
        return None
    return Step(step.at, max(step.wait, rest + _EARLY if rest else 0.0), again=True)


def _drawn(call: Call) -> float:
    """From [0, 1), another one for each attempt of each call."""
    digest = hashlib.blake2b(f"{call.id}/{call.attempts}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32


def _ordered(app: App, call: Call, plan: Plan) -> Sequence[Target]:
    """The targets in the order in which they are tried. Raises `GatewayError` where none can take the call. Of targets that differ in their
    accounts only, one is enough where the caller brings the credential."""
    targets = plan.targets
    if plan.chooses or (plan.context is not None and (tokens_about(call) > plan.context or may_ask(call, plan.lacking))):
        targets = _chosen(app, call, plan)
    if not plan.spread:
        return targets
    if CALLER_KEY in call.headers:
        return tuple({target.name: target for target in targets}.values())
    return targets if plan.chooses else spread(targets, call.id)


def _chosen(app: App, call: Call, plan: Plan) -> list[Target]:
    selection = choice(app, call, plan)
    left_out = "; ".join(f"{skip.name} {skip.reason}" for skip in selection.skipped)
    if not selection.targets:
        message = f"No target of the route `{plan.route}` can take this call: {left_out}."
        raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=message, code="no_capable_target", param="model"))
    call.why = f"{selection.why}; without {left_out}" if left_out else selection.why
    return selection.targets


def choice(app: App, call: Call, plan: Plan) -> Selection:
    """What the groups of the plan choose for the call."""
    found = facts(call, plan.asks, is_sticky=plan.is_sticky)
    return select(plan.groups, found, app.live.health, salt=call.id, now=app.clock.monotonic())


async def _try(
    app: App,
    call: Call,
    plan: Plan,
    target: Target,
    reply: Reply,
    prepare: Prepare,
    *,
    last: bool,
    race: Race | None = None,
    waits: bool = True,
) -> Failure | None:
    """One attempt, if its target may be tried now. It `waits` for a target that has enough to do."""
    # What happens with a caller's own key says nothing of how others fare.
    own = plan.caller_keys and CALLER_KEY in call.headers
    place = Place(target) if own else app.live.health.place(target)
    probes_at = app.clock.monotonic() if place.circuit.until and plan.rules.guarded else None
    closed = _closed(app, target, place, probes_at)
    if closed is not None:
        return closed
    slots: Slots[Waiter] | None = None
    attempt: Attempt | None = None
    try:
        if target.free is not None and not app.free.take(target) and plan.free_first:
            return Failure(_used_up(target), stage=Stage.PLANNED)
        if target.upstream.concurrency is not None:
            slots = await app.door.slot(target, _weighed(call, plan), waits=waits)
        prepared = prepare(app, call, plan, target)
        if prepared.exchange:
            await authorize(app, target, prepared)
        try:
            prepared, admitted = await admit(app, call, plan, target, prepared)
        except BusyError as busy:
            again = partial(admit, app, _weighed(call, plan), plan, target, prepared, has_turn=True)
            prepared, admitted = await app.door.in_line(call, busy, again)
        call.attempts += 1
        call.target = target
        attempt = Attempt(app, call, plan, target, prepared, admitted, reply, last=last)
        if not last:
            _watched(attempt, plan, race, alone=waits and race is None)
        failure = await _run(attempt, place)
        if slots is not None:
            _learn(slots, attempt)
        return failure
    except GatewayError as refused:
        if attempt is not None:
            raise
        return Failure(refused.error, refused.headers if isinstance(refused, LimitError) else [], stage=Stage.PLANNED)
    finally:
        if attempt is None and probes_at is not None:
            place.circuit.left(probes_at)
        if slots is not None:
            app.door.give_back(slots)


def _closed(app: App, target: Target, place: Place, probes_at: float | None) -> Failure | None:
    """Why no call may go to the target now."""
    health = app.live.health
    if not app.events.accepting:
        return Failure(UNRECORDED, [(b"retry-after", b"5")], stage=Stage.PLANNED)
    if health.drained and health.is_drained(target):
        return drained(target)
    if probes_at is not None and not place.circuit.allows(probes_at):
        return cooling(target, place.circuit.rest(probes_at))
    return None


def _learn(slots: Slots[Waiter], attempt: Attempt) -> None:
    """How the attempt fared says how many the target can have."""
    if attempt.error is None:
        slots.answered(attempt.ended, attempt.latency if attempt.call.head.stream else None)
    elif is_overload(attempt.error):
        slots.overloaded(attempt.ended)


def _weighed(call: Call, plan: Plan) -> Call:
    """The call, as important as the least important of what it is, its key and its route."""
    call.priority = max(call.priority, call.key.priority, plan.rules.priority)
    return call


def _watched(attempt: Attempt, plan: Plan, race: Race | None, *, alone: bool) -> None:
    """One that another attempt can follow, or run beside. `alone`: at no other target."""
    attempt.diverts = plan.rules.on_content_filter and not alone and not has_effects(attempt.call)
    if race is not None:
        attempt.race = race
        race.entered(attempt)
    if attempt.call.head.stream:
        thinks = attempt.target.profile.capabilities.thinking != "none"
        _expires(attempt, plan.rules.first_token or (FIRST_TOKEN_THINKING if thinks else FIRST_TOKEN))


def _expires(attempt: Attempt, seconds: float) -> None:
    """Cancels the task that runs the attempt where that has given no content by then."""
    task = asyncio.current_task()

    def expire() -> None:
        attempt.has_expired = True
        if task is not None:
            task.cancel()

    attempt.timer = asyncio.get_running_loop().call_later(seconds, expire)


async def _run(attempt: Attempt, place: Place) -> Failure | None:
    """Runs the attempt, and notes how its place fared."""
    place.begun(attempt.started)
    attempt.circuit = place.circuit
    known = False
    failure: Failure | None = None
    try:
        failure = await (lasting(attempt, run(attempt)) if attempt.lasts else run(attempt))
        known = True
    finally:
        if attempt.timer is not None:
            attempt.timer.cancel()
        if failure is None or may_have_begun(failure.error, failure.stage):
            attempt.call.was_sent = True
        error = attempt.error
        if (not known and (attempt.gone or error is None or error.kind is ErrorKind.INTERNAL)) or error in (UNRECORDED, DRAINING):
            place.left(attempt.started)
        elif error is None:
            place.succeeded(attempt.started, attempt.ended, attempt.latency)
        else:
            waited = asked_to_wait(error, failure.headers if failure is not None else (), attempt.app.clock.now())
            place.ended_badly(attempt.started, attempt.ended, error, waited, _drawn(attempt.call))
    return failure


def _used_up(target: Target) -> Error:
    return Error(
        kind=ErrorKind.RATE_LIMIT,
        message=f"The free tier of `{target.name}` is used up for now, and the route has no other target that could answer.",
        code="free_tier_used_up",
        retry_after=60,
    )


async def _refuse(call: Call, plan: Plan, reply: Reply, target: Target, failure: Failure, *, retries: bool) -> None:
    """The error of the target: its own bytes where the client speaks its dialect, else in the client's. `retries`: the client may try
    again; where not, the gateway has done so for it."""
    error = failure.error
    body = failure.body if failure.body is not None else call.dialect.encode_error(error, call.request_id)
    headers = [(b"x-tidegate-target", header_value(target.name)), *failure.headers]
    if plan.by_route:
        headers.append((b"x-tidegate-route", way(plan.route, call.why, call.attempts)))
    if not retries and not any(name == _SHOULD_RETRY for name, _ in headers):
        headers.append((_SHOULD_RETRY, b"false"))
    await reply.whole(error.http_status, JSON, body, headers)
