"""Limits and budgets as pure functions and values: what is limited, what a call claims, and what became of it."""
