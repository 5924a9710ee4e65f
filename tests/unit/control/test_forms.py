"""No field of the control API has a pattern that has no words."""

import re
from typing import Any

from msgspec import inspect

from tidegate.control.api.routes import ROUTES
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


def test_every_pattern_has_words() -> None:
    used = patterns(list(inspect.multi_type_info([route.asked for route in ROUTES])), set())
    assert len(used) >= 8
    assert used <= WORDS.keys()
    assert all(re.compile(form) and words for form, words in WORDS.items())
