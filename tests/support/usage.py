"""Usage events for tests."""

from typing import Any

from tidegate.ports import UsageEvent

NOON = 1_780_315_200.0
"""2026-06-01 12:00 UTC."""


def usage_event(number: int = 0, **changes: Any) -> UsageEvent:
    """A plain successful call, `number` seconds after `NOON`; every field can be given."""
    fields: dict[str, Any] = {
        "request_id": f"r{number:06}",
        "attempt": 1,
        "at": NOON + number,
        "key": "4fGh71kLmN0p",
        "key_name": "laptop",
        "surface": "chat",
        "route": "smart",
        "target": "openai/gpt-5",
        "provider": "openai",
        "model": "gpt-5",
        "stream": False,
        "identity": True,
        "status": 200,
        "upstream_status": 200,
        "error": None,
        "usage": {"input": 10, "output": 5},
        "estimated": None,
        "cost_nano": 100,
        "price_source": "catalogue 2026-05-01",
        "duration_ms": 120.0,
        "first_byte_ms": 30.0,
        "receipt": [],
    }
    return UsageEvent(**(fields | changes))
