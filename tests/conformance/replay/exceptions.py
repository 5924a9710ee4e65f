"""Recordings that do not pass a leg of the suite, each with the reason. One that passes again fails the suite until it is taken off."""

EXCEPTIONS: dict[str, dict[str, str]] = {}
