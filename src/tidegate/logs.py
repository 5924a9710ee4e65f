"""How the process logs: one line for each event on stderr, for people on a terminal and as JSON everywhere else.

There is nothing to set up: `stderr` says by itself who reads it. Tracebacks carry no local variables,
because those hold bodies and credentials.
"""

import json
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Literal

Level = Literal["info", "warning", "error"]


class Log:
    """The lines of one part of the gateway. An event is a sentence that does not change; what does is in the fields."""

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, event: str, /, **fields: object) -> None:
        self._say("info", event, fields, None)

    def warning(self, event: str, /, **fields: object) -> None:
        self._say("warning", event, fields, None)

    def error(self, event: str, /, *, exc_info: BaseException | None = None, **fields: object) -> None:
        """With the traceback of `exc_info`, where that is given."""
        self._say("error", event, fields, exc_info)

    def exception(self, event: str, /, **fields: object) -> None:
        """An error, with the traceback of the exception that is being handled."""
        self._say("error", event, fields, sys.exc_info()[1])

    def _say(self, level: Level, event: str, fields: dict[str, object], error: BaseException | None) -> None:
        # Whatever it is now: it may have been replaced, or closed, since the process began.
        stream = sys.stderr
        at = datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
        trace = "".join(traceback.format_exception(error)).rstrip() if error is not None else ""
        if stream.isatty():
            shown = "".join(f" {name}={_json(value)}" for name, value in fields.items())
            line = f"{at} [{level:<7}] {event}{shown}" + (f"\n{trace}" if trace else "")
        else:
            more = {"exception": trace} if trace else {}
            line = _json({**fields, "event": event, "level": level, "logger": self._name, "timestamp": at, **more})
        stream.write(line + "\n")
        stream.flush()


def _json(value: object) -> str:
    return json.dumps(value, default=repr)
