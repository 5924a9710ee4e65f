from tidegate.adapters.thinking_memory import MemoryThinkingCache


def test_tenants_are_apart() -> None:
    cache = MemoryThinkingCache()
    cache.put("a", "call_1", b"A")
    assert cache.get("a", "call_1") == b"A"
    assert cache.get("b", "call_1") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = MemoryThinkingCache(max_entries=2)
    cache.put("a", "1", b"1")
    cache.put("a", "2", b"2")
    assert cache.get("a", "1") == b"1"
    cache.put("a", "3", b"3")
    assert [cache.get("a", name) for name in "123"] == [b"1", None, b"3"]


def test_bytes_are_bounded_too_and_replaced_entries_count_once() -> None:
    cache = MemoryThinkingCache(max_bytes=10)
    for _ in range(5):
        cache.put("a", "1", b"123456")
    cache.put("a", "2", b"1234")
    assert cache.get("a", "1") == b"123456"
    cache.put("a", "3", b"1")
    assert [cache.get("a", name) for name in "123"] == [b"123456", None, b"1"]


def test_what_is_over_the_bound_alone_is_not_kept_and_replaces_the_old() -> None:
    cache = MemoryThinkingCache(max_bytes=4)
    cache.put("a", "1", b"1234")
    cache.put("a", "1", b"12345")
    assert cache.get("a", "1") is None
    cache.put("a", "2", b"1234")
    assert cache.get("a", "2") == b"1234"
