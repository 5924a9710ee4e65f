"""Why a target gave no answer: a value that the pipeline weighs before it tries the next one or tells the client."""

import math

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.attempts import Stage
from tidegate.policy.snapshot import Target
from tidegate.ports import RawHeaders, UpstreamFailure

UNRECORDED = Error(
    kind=ErrorKind.UNAVAILABLE,
    message="The gateway cannot record usage, because its disk is full or failing, and so takes no new calls. Its log says more.",
    code="usage_storage_unavailable",
)

DRAINING = Error(
    kind=ErrorKind.UNAVAILABLE,
    message="This gateway is being restarted and could not wait any longer for the end of the call. Send it again.",
    code="gateway_draining",
    retry_after=1.0,
)

_SOONEST = ("targets_cooling", "rate_limit_exceeded")
_UNASKED = {"targets_cooling": "left alone", "target_drained": "drained"}
_STAGES = {"connect": Stage.CONNECTING, "send": Stage.CONNECTING, "headers": Stage.SENT}


class LimitError(GatewayError):
    """The call is refused for now. `headers` tell the client when to come back."""

    def __init__(self, error: Error, headers: RawHeaders) -> None:
        super().__init__(error)
        self.headers = headers


class BusyError(LimitError):
    """A limit of calls at one time is reached, which `line` names: the call may wait until one of them has ended."""

    def __init__(self, line: str, error: Error, headers: RawHeaders) -> None:
        super().__init__(error, headers)
        self.line = line


BROKEN = "upstream_broken"


class BrokenOff(Exception):
    """An answer that no event can end broke off under way: the client's connection is closed, so that it does not look complete."""


class Failure(msgspec.Struct, frozen=True):
    """`body` is the provider's own error body, where the client speaks its dialect and can have it as it came."""

    error: Error
    headers: RawHeaders = []
    body: bytes | None = None
    stage: Stage = Stage.HELD


def failure_of(broken: UpstreamFailure, target: Target) -> Failure:
    """The client's word for a failure below HTTP: 504 for silence, 502 for everything else."""
    name = target.upstream.name
    stage = _STAGES.get(broken.phase, Stage.HELD)
    if broken.timeout and broken.phase != "connect":
        return Failure(
            Error(kind=ErrorKind.TIMEOUT, message=f"{name} did not answer in time: {broken}", code="upstream_timeout"), stage=stage
        )
    if broken.phase == "connect":
        message = f"{name} cannot be reached: {broken}. Check its `base_url`, and that this machine may connect to it."
        return Failure(Error(kind=ErrorKind.UPSTREAM, message=message, code="upstream_unreachable"), stage=stage)
    return Failure(Error(kind=ErrorKind.UPSTREAM, message=f"{name} broke off: {broken}", code=BROKEN), stage=stage)


def no_content(target: Target, stage: Stage) -> Failure:
    """A stream that had no content in its time, while another attempt could follow."""
    message = f"{target.upstream.name} gave no content in time."
    return Failure(Error(kind=ErrorKind.TIMEOUT, message=message, code="upstream_timeout"), stage=stage)


def cooling(target: Target, seconds: float) -> Failure:
    """The target was not tried, because it lately failed or asked to be left alone for that long."""
    wait = max(1, math.ceil(seconds))
    message = (
        f"`{target.name}` failed or took no more calls and is left alone for {wait} s; the route has no other target that could answer."
    )
    error = Error(kind=ErrorKind.UNAVAILABLE, message=message, code="targets_cooling", retry_after=float(wait))
    return Failure(error, [(b"retry-after", b"%d" % wait)], stage=Stage.PLANNED)


def drained(target: Target) -> Failure:
    """An operator takes the target out of use."""
    message = f"`{target.name}` takes no calls now: its operator has drained it, and there is no other target that could answer."
    return Failure(Error(kind=ErrorKind.UNAVAILABLE, message=message, code="target_drained"), stage=Stage.PLANNED)


def passed(why: str, target: Target, failure: Failure) -> str:
    """What chose the targets of a call, with one more of which nothing came: what it said, or why it was not asked."""
    error = failure.error
    what = _UNASKED.get(error.code or "", error.code) if failure.stage is Stage.PLANNED else None
    said = f"{target.name} {what or error.http_status}"
    return f"{why}, {said}" if "; after " in why else f"{why or 'in_order'}; after {said}"


def told(old: Failure | None, new: Failure) -> Failure:
    """Which of two failures of a call the client is told: the later one, but what a provider answered before what was not even tried, and
    of targets that cool, or are at a limit, the one that may be tried soonest."""
    if old is None or new.stage is not Stage.PLANNED:
        return new
    if old.stage is not Stage.PLANNED:
        return old
    alike = old.error.code == new.error.code and old.error.code in _SOONEST
    return old if alike and _wait(old) < _wait(new) else new


def _wait(failure: Failure) -> float:
    return math.inf if failure.error.retry_after is None else failure.error.retry_after
