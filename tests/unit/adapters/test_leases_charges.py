"""Charges as one process among several counts them."""

from tidegate.adapters.leases_charges import Sorter
from tidegate.policy.limits.rules import Charge, Limit, charge

BUDGET = charge(Limit(id="b", kind="key", what="spend", per="day", amount=10**12), "k1", org="acme")
EACH = Limit(id="e", kind="end_user", what="requests", per="minute", amount=60)


def of_a_call(end_user: str) -> tuple[Charge, ...]:
    return (BUDGET, charge(EACH, f"acme/{end_user}", org="acme"))


def test_what_is_counted_here_is_the_same_tuple_for_every_end_user() -> None:
    """Counters remember by the tuple: one for each call would fill them."""
    sorter = Sorter(earns=False)
    calls = [sorter.sort(of_a_call(f"user {number}"), apart=True) for number in range(3)]
    assert {id(found.local) for found in calls} == {id(calls[0].local)}
    assert calls[0].local == (BUDGET,)
    assert len({found.rates[0].key for found in calls}) == 3


def test_charges_that_the_book_made_once_are_sorted_once() -> None:
    sorter, own = Sorter(earns=False), (BUDGET,)
    assert sorter.sort(own, apart=False) is sorter.sort(own, apart=False)
    assert sorter.sort(own, apart=False).local is own
