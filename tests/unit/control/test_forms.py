"""No field of the control API has a pattern that has no words."""

import re
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import inspect

from tidegate.control import forms
from tidegate.control.api.routes import ROUTES
from tidegate.control.billing import NoPeriod, month
from tidegate.control.forms import WORDS


def patterns(found: Any, seen: set[int]) -> set[str]:
    if id(found) in seen:
        return set()
    seen.add(id(found))
    if isinstance(found, list | tuple):
        return {pattern for one in found for pattern in patterns(one, seen)}
    if isinstance(found, inspect.StrType):
        return {found.pattern} if found.pattern else set()
    if not isinstance(found, inspect.Type | inspect.Field):
        return set()
    return {pattern for name in found.__struct_fields__ for pattern in patterns(getattr(found, name), seen)}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (forms.ONE_LINE, "a name"),
        (forms.SOME_LINE, "a name"),
        (forms.EMAIL, "name@example.com"),
        (forms.ID, "team_1"),
        (forms.EXTERNAL_ID, "cus_1"),
        (forms.ORG_ID, "acme"),
        (forms.TARGET, "openai/gpt-5"),
        (forms.MONTH, "2026-06"),
        (forms.DAY, "2026-06-01"),
        (forms.REFERENCE, "env:KEY"),
    ],
)
def test_a_line_feed_at_the_end_is_no_part_of_a_form(form: str, text: str) -> None:
    kind = Annotated[str, msgspec.Meta(pattern=form)]
    assert msgspec.convert(text, kind) == text
    for other in (text + "\n", "\n" + text):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(other, kind)


@pytest.mark.parametrize("text", ["20\u0662\u0666-06", "2026-\u09666", "\uff12\uff1026-06"])
def test_a_month_is_written_in_one_way(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Annotated[str, msgspec.Meta(pattern=forms.MONTH)])
    with pytest.raises(NoPeriod):
        month(text)


def test_every_pattern_has_words() -> None:
    used = patterns(list(inspect.multi_type_info([route.asked for route in ROUTES])), set())
    assert len(used) >= 8
    assert used <= WORDS.keys()
    assert all(re.compile(form) and words for form, words in WORDS.items())
