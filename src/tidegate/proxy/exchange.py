"""One exchange with a provider: send, weigh the status, and hand the answer to the client, or say why not.

Every attempt that reached for a provider leaves one usage event, on every path out, also when the client leaves: the task is cancelled
then, and the provider's connection closed at once.
"""

import asyncio

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ports import UpstreamAnswer, UpstreamFailure
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.failure import Failure, failure_of
from tidegate.proxy.headers import returned
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.relay import is_object, streamed, whole

ERROR_LIMIT = 1 << 20
"""Bytes of a provider's error body."""


async def run(attempt: Attempt) -> Failure | None:
    """None once the client has an answer; a `Failure` where it has seen nothing yet."""
    prepared, stream = attempt.prepared, attempt.call.head.stream
    answer: UpstreamAnswer | None = None
    failure: Failure | None = None
    try:
        answer = await attempt.app.upstream.open(attempt.target.upstream, prepared.url, prepared.headers, prepared.body, stream=stream)
        attempt.upstream_status = answer.status
        if answer.status != 200:
            failure = await _refused(prepared, answer)
        else:
            failure = await (streamed if stream else whole)(attempt, answer)
    except UpstreamFailure as broken:
        failure = failure_of(broken, attempt.target)
    except GatewayError as unreadable:
        attempt.error = unreadable.error
        if attempt.reply.status:
            raise
        failure = Failure(unreadable.error)
    except asyncio.CancelledError:
        attempt.gone = True
        raise
    except Exception as bug:
        attempt.error = Error(kind=ErrorKind.INTERNAL, message=f"the gateway failed: {type(bug).__name__}")
        raise
    finally:
        if answer is not None:
            answer.close()
        if failure is not None:
            attempt.error = failure.error
        attempt.settle()
    return failure


async def _refused(prepared: Prepared, answer: UpstreamAnswer) -> Failure:
    body = await answer.read(ERROR_LIMIT)
    error = prepared.dialect.decode_error(answer.status, body)
    return Failure(error, returned(answer.headers), body if prepared.identity and is_object(body) else None)
