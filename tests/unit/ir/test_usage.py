"""Usage: the disjoint kinds of input."""

from tidegate.ir.usage import Usage


def test_the_prompt_is_all_that_went_in() -> None:
    assert Usage(input=1, cache_read=20, cache_write=300, cache_write_1h=100, output=9).prompt == 321
    assert Usage().prompt == 0
