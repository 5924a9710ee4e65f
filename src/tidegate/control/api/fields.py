"""Types of fields that several resources share, and how times are told: RFC 3339 with an offset. What is stored is microseconds."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from tidegate.control import forms
from tidegate.control.api.problem import invalid_field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=forms.ONE_LINE, description="For people; not empty.")]
Text = Annotated[str, Meta(max_length=2000, pattern=forms.ONE_LINE)]
Short = Annotated[str, Meta(min_length=1, max_length=200, pattern=forms.ONE_LINE)]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=forms.EMAIL)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=forms.ID)]
Moment = Annotated[datetime, Meta(tz=True)]


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def moment_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment(microseconds)


def in_reach(field: str, at: datetime) -> datetime:
    """Raises `Problem` for a time that no calendar here needs; beyond, arithmetic with zones and offsets overflows."""
    if not 1970 <= at.year <= 2200:
        raise invalid_field(field, "it is not between the years 1970 and 2200")
    return at


def microseconds(at: datetime) -> int:
    """Exact, where a float of seconds would not be."""
    return (at - _EPOCH) // timedelta(microseconds=1)
