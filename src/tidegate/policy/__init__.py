"""Decisions as functions of values: who calls, which target, whether to try again, what it costs."""
