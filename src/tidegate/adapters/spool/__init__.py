"""The usage spool: every usage event is in a file of ours before `emit` returns, and in the ledger exactly once after.

`app` makes a `Spool` (spool.py) and a `Drainer` (drainer.py) with the ledger as its sink; nobody else looks inside. How the files look is
in format.py, what is promised in `docs/spool.md`.
"""
