"""What the data plane holds of a key's row."""

import pytest

from tidegate.control.directory import listed
from tidegate.records import ApiKey

SECOND = 1_000_000


@pytest.mark.parametrize(("expires", "replaced", "ends"), [(None, None, None), (5, None, 5), (None, 7, 7), (5, 7, 5), (7, 5, 5)])
def test_a_key_ends_with_its_time_or_its_overlap_whichever_comes_first(expires: int | None, replaced: int | None, ends: int | None) -> None:
    times = (None if at is None else at * SECOND for at in (expires, replaced))
    row = ApiKey(id="k", name="k", digest=b"d", expires_at=next(times), overlap_until=next(times))
    reach = listed("acme", row).key.reach
    assert reach is not None
    assert reach.ends_at == ends
