"""What the files of this dialect share: its name, and where its own reasoning was made when nobody says where."""

from tidegate.ir.content import Origin

NAME = "openai_responses"
OWN = Origin(NAME)
DONE = "completed"
"""The status that says nothing: items of a finished answer have it, and clients send it back."""
