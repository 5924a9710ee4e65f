"""Names that are taken: the database says so, and what is in them decides nothing."""

import pytest
from tests.support.control import World


@pytest.mark.parametrize("name", ["n", "O'Brien", "x'); DROP TABLE team; --", '"%s', "a\\'b"])
async def test_a_name_that_is_taken_is_told_so_whatever_is_in_it(each: World, name: str) -> None:
    statuses = [(await each.ask("POST", "/orgs/a/teams", each.operator, {"name": name})).status for _ in range(2)]
    assert statuses == [201, 409]


async def test_what_is_there_already_is_told_by_what_makes_it_the_same(each: World) -> None:
    customer = {"name": "u", "kind": "end_user", "subject": "u1"}
    made = (await each.ask("POST", "/orgs/a/customers", each.operator, customer)).json
    price = {"name": "openai/gpt-5", "from": "2027-03-01", "entry": {"input": 1, "output": 2}}
    for path, body, words in (
        ("/orgs/a/users", {"name": "Ada", "email": "ada@example.com"}, "the e-mail address is taken"),
        ("/orgs/a/customers", {**customer, "name": "v"}, "a customer with this `kind` and `subject`"),
        ("/orgs/a/invoices", {"customer_id": made["id"], "period": "2026-06"}, "an invoice of this customer and month"),
        ("/orgs", {"id": "again", "name": "Again"}, "the id is taken"),
        ("/prices", price, "from this day"),
    ):
        await each.ask("POST", path, each.operator, body)
        again = await each.ask("POST", path, each.operator, body)
        assert (again.status, words in again.json["detail"]) == (409, True), again.body
