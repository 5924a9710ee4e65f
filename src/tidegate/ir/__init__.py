"""The neutral model of a generation: what every dialect decodes into and encodes from.

Values only: no I/O, no clock, no wire format. Dialects import from the submodules here; nothing here knows a dialect.
"""
