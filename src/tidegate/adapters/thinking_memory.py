"""The `ThinkingCache` port in memory: the least recently used entry goes first, by count and by bytes."""

from collections import OrderedDict

MAX_ENTRIES = 10_000
MAX_BYTES = 32 << 20


class MemoryThinkingCache:
    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0

    def put(self, tenant: str, tool_id: str, blocks: bytes) -> None:
        """Keeps `blocks`; what alone is over the bound is not kept."""
        old = self._kept.pop((tenant, tool_id), None)
        self._bytes -= len(old) if old is not None else 0
        if len(blocks) > self._max_bytes:
            return
        self._kept[tenant, tool_id] = blocks
        self._bytes += len(blocks)
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)

    def get(self, tenant: str, tool_id: str) -> bytes | None:
        kept = self._kept.get((tenant, tool_id))
        if kept is not None:
            self._kept.move_to_end((tenant, tool_id))
        return kept
