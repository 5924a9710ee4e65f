"""Names that are taken: the database says so, and what is in them decides nothing."""

import pytest
from tests.support.control import World


@pytest.mark.parametrize("name", ["n", "O'Brien", "x'); DROP TABLE team; --", '"%s', "a\\'b"])
async def test_a_name_that_is_taken_is_told_so_whatever_is_in_it(each: World, name: str) -> None:
    statuses = [(await each.ask("POST", "/orgs/a/teams", each.operator, {"name": name})).status for _ in range(2)]
    assert statuses == [201, 409]
