from tidegate.adapters.conversations_memory import MemoryConversations
from tidegate.ports import Kept


class _Time:
    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def _row(id: str, org: str = "a", expires: float = 200, body: bytes = b"{}") -> Kept:
    return Kept(org=org, id=id, key="k", kind="response", upstream="", at=100, expires=expires, body=body)


async def test_rows_are_of_their_tenant() -> None:
    kept = MemoryConversations(_Time())
    kept.put(_row("resp_1"))
    assert await kept.get("a", "resp_1") == _row("resp_1")
    assert await kept.get("b", "resp_1") is None
    kept.remove("b", "resp_1")
    kept.put(_row("resp_1", body=b"[]"))
    found = await kept.get("a", "resp_1")
    assert found is not None
    assert found.body == b"[]"
    kept.remove("a", "resp_1")
    assert await kept.get("a", "resp_1") is None


async def test_rows_expire_and_the_oldest_make_room() -> None:
    time = _Time()
    kept = MemoryConversations(time, limit=3000)
    for number in range(4):
        kept.put(_row(f"resp_{number}", body=b"x" * 500))
    assert [await kept.get("a", f"resp_{number}") is not None for number in range(4)] == [False, True, True, True]
    time.at = 200
    assert await kept.get("a", "resp_3") is None
