"""The drills that both gateways go through, one after the other, in the order of the page.

What is judged is what any gateway promises by being one; what LiteLLM does not claim without a database stands as not applicable.
"""

from tests.faults.versus.common import Drill
from tests.faults.versus.outages import ends, kills, redis
from tests.faults.versus.streams import deaths, disconnects, memory, waits

DRILLS: dict[str, Drill] = {
    "deaths": deaths,
    "disconnects": disconnects,
    "waits": waits,
    "memory": memory,
    "ends": ends,
    "kills": kills,
    "redis": redis,
}
