"""How the process logs: one line for each event on stderr, for people on a terminal and as JSON everywhere else. Set up once by `app`.

Tracebacks carry no local variables, because those hold bodies and credentials.
"""

import sys
from typing import Any, TextIO, cast

import structlog


class _Stderr:
    """Whatever `sys.stderr` is when a line is written: it may have been replaced, or closed, since the process began."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def set_up() -> None:
    """Configures structlog for the process."""
    terminal = sys.stderr.isatty()
    stream: TextIO = cast("Any", _Stderr())
    renderer = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
