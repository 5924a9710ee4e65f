"""One line of a batch as a call: by the key that made the batch, again where the provider is busy. Called by `batch_runner`."""

import asyncio

from tidegate.dialects.table import SPOKEN
from tidegate.dialects.values import dump
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.logs import Log
from tidegate.policy.overload.queue import Priority
from tidegate.ports.kept import Kept
from tidegate.proxy.app import App
from tidegate.proxy.batch_lines import Line, Outcome
from tidegate.proxy.inside import Told, ask, our_call
from tidegate.proxy.paths import Paths, Surface

TRIES = 6
_LONGEST_WAIT = 60.0
_AGAIN = frozenset((408, 409, 429, 500, 502, 503, 504, 529))
_LOG = Log("tidegate.batches")
_BROKEN = Error(kind=ErrorKind.INTERNAL, message="The gateway failed on this request; its log has the details under this request id.")


class LineCaller:
    """`paths` are the surfaces that a line may name."""

    def __init__(self, app: App, paths: Paths) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, row: Kept, line: Line) -> Outcome:
        """Raises nothing but what ends the process."""
        surface, _ = self._paths.match("POST", line.url.encode())
        wait = 1.0
        for left in range(TRIES - 1, -1, -1):
            told = await self._once(row, line, surface)
            if told.status not in _AGAIN or not left:
                return Outcome.of(told)
            await asyncio.sleep(min(max(wait, told.retry_after or 0), _LONGEST_WAIT))
            wait *= 2
        raise AssertionError("a line is tried at least once")

    async def _once(self, row: Kept, line: Line, surface: Surface) -> Told:
        app = self._app
        headers = {b"anthropic-version": b"2023-06-01"} if surface.dialect == "anthropic" else None
        try:
            key = app.live.current.callers.named(row.key, row.org, app.clock.now())
            call = our_call(app, key, surface, dump(line.body), headers, Priority.BATCH)
        except GatewayError as gone:
            return Told(gone.error.http_status, SPOKEN[surface.dialect].encode_error(gone.error, ""), "")
        try:
            return await ask(app, call, surface)
        except Exception:
            _LOG.exception("a line of a batch failed", request_id=call.request_id, batch=row.id)
            return Told(_BROKEN.http_status, call.dialect.encode_error(_BROKEN, call.request_id), call.request_id)
