"""Forms of texts that the control API takes, each with what it allows in words. Fields name a form here as their pattern, so that whoever
sends something else is told what is allowed and not the pattern.

They end with `\\Z`, since Python's `$` lets a line feed follow, and say `[0-9]`, since its `\\d` is any script's digit.
"""

from collections.abc import Mapping
from types import MappingProxyType

ONE_LINE = r"^[^\x00-\x1f\x7f]*\Z"
SOME_LINE = r"^[^\x00-\x1f\x7f]+\Z"
NO_NUL = r"^[^\x00]+\Z"
EMAIL = r"^[^\x00-\x20\x7f@]+@[^\x00-\x20\x7f@]+\Z"
ID = r"^[0-9A-Za-z_-]+\Z"
EXTERNAL_ID = r"^[0-9A-Za-z_.:-]*\Z"
ORG_ID = r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z"
TARGET = r"^[^/\x00-\x20\x7f]+/[^\x00-\x20\x7f]+\Z"
MONTH = r"^20[0-9][0-9]-(0[1-9]|1[0-2])\Z"
DAY = r"^20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]\Z"
REFERENCE = r"^(env|file):.+\Z"

WORDS: Mapping[str, str] = MappingProxyType(
    {
        ONE_LINE: "a text of one line, without control characters",
        SOME_LINE: "a text of one line, not empty, without control characters",
        NO_NUL: "a text that is not empty and has no NUL",
        EMAIL: "an e-mail address, like `name@example.com`",
        ID: "an id: letters, digits, `_` and `-`",
        EXTERNAL_ID: "an id of letters, digits, `_`, `.`, `:` and `-`",
        ORG_ID: "1 to 40 small letters, digits and dashes, with no dash at either end",
        TARGET: "a provider and a model without spaces, like `provider/model` or `provider/*`",
        MONTH: "a month, like `2026-06`",
        DAY: "a day, like `2026-06-01`",
        REFERENCE: "where a value is read from: `env:NAME` or `file:/path`",
    }
)
"""By the form: what a text of it is."""
