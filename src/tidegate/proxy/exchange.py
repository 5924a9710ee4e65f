"""One exchange with a provider: send, weigh the status, and hand the answer to the client, or say why not.

Every attempt that reached for a provider leaves one usage event, on every path out, also when the client leaves: the task is cancelled
then, and the provider's connection closed at once.
"""

import asyncio
from collections.abc import Mapping

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.attempts import Stage
from tidegate.ports import Unsent, UpstreamAnswer, UpstreamFailure
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.failure import DRAINING, BrokenOff, Failure, failure_of, no_content
from tidegate.proxy.headers import returned, without_secrets
from tidegate.proxy.relay import is_object, passed, streamed, whole

ERROR_LIMIT = 1 << 20
"""Bytes of a provider's error body."""


async def run(attempt: Attempt) -> Failure | None:
    """None once the client has an answer; a `Failure` where it has seen nothing yet."""
    prepared, stream = attempt.prepared, attempt.call.head.stream
    answer: UpstreamAnswer | None = None
    failure: Failure | None = None
    attempt.begin()
    try:
        body = prepared.body if prepared.upload is None else prepared.upload
        answer = await attempt.app.upstream.open(
            attempt.target.upstream,
            prepared.url,
            prepared.headers,
            body,
            stream=stream,
            within=attempt.within,
            may_repeat=attempt.may_repeat,
        )
        attempt.upstream_status = answer.status
        if not 200 <= answer.status < 300:
            failure = await _refused(attempt, answer)
        else:
            deliver = passed if prepared.media else streamed if stream else whole
            failure = await deliver(attempt, answer)
    except UpstreamFailure as broken:
        failure = failure_of(broken, attempt.target)
    except GatewayError as unreadable:
        attempt.error = unreadable.error
        if attempt.reply.status:
            raise
        failure = Failure(unreadable.error)
    except asyncio.CancelledError as cancelled:
        attempt.was_sent = not isinstance(cancelled, Unsent)
        failure = _too_slow(attempt, Stage.SENT if answer is None else Stage.HELD)
        if failure is None:
            raise
    except BrokenOff:
        raise
    except Exception as bug:
        attempt.error = Error(kind=ErrorKind.INTERNAL, message=f"the gateway failed: {type(bug).__name__}")
        raise
    finally:
        _let_go(attempt, answer)
        try:
            if attempt.is_cut:
                await attempt.count()
        finally:
            _settled(attempt, answer, failure)
    return failure


def _let_go(attempt: Attempt, answer: UpstreamAnswer | None) -> None:
    """The way out of every attempt begins with its provider, whatever comes then."""
    if answer is not None:
        answer.close()
    if attempt.timer is not None:
        attempt.timer.cancel()  # it ends what has not begun its answer, and not the counting of one that has ended


def _settled(attempt: Attempt, answer: UpstreamAnswer | None, failure: Failure | None) -> None:
    if failure is not None:
        attempt.error = failure.error
    if attempt.target.free is not None:
        usage = attempt.usage
        tokens = 0 if usage is None else usage.prompt + (usage.output or 0)
        headers: Mapping[str, str] = {} if answer is None else answer.headers
        attempt.app.free.settle(attempt.target, tokens, attempt.upstream_status or 0, headers)
    attempt.settle()


def _too_slow(attempt: Attempt, stage: Stage) -> Failure | None:
    """Of a task that was cancelled: the failure where that was because the attempt gave no content in its time, and for nothing else."""
    task = asyncio.current_task()
    if attempt.has_expired and task is not None and task.uncancel() == 0:
        return no_content(attempt.target, stage)
    if attempt.app.live.cuts and not attempt.has_lost:
        attempt.error = DRAINING
    else:
        attempt.gone = True
    return None


async def _refused(attempt: Attempt, answer: UpstreamAnswer) -> Failure:
    prepared = attempt.prepared
    if not 400 <= answer.status < 600:
        return Failure(
            Error(
                kind=ErrorKind.UPSTREAM,
                message=f"{attempt.target.upstream.name} answered with status {answer.status}, which is neither an answer nor an error. "
                "Check its `base_url`: redirects are not followed.",
                code="upstream_invalid_status",
            ),
            stage=Stage.ANSWERED,
        )
    body = without_secrets(await answer.read(ERROR_LIMIT), prepared.headers)
    error = prepared.dialect.decode_error(answer.status, body)
    same = prepared.identity and prepared.convert is None and prepared.framing == attempt.call.dialect.framing
    return Failure(error, returned(answer.headers), body if same and is_object(body) else None, Stage.ANSWERED)
