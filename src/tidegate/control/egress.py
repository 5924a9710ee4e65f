"""The `egress_allow` section becomes the rules of the guarded client."""

import ipaddress
import re
from collections.abc import Sequence

from tidegate.control.config import EgressEntry
from tidegate.control.problems import Path, Problems
from tidegate.policy.egress import Allowed, Egress

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def read_egress(entries: Sequence[EgressEntry], problems: Problems) -> Egress:
    """Mistakes are in `problems`."""
    allow: list[Allowed] = []
    for index, entry in enumerate(entries):
        where: Path = ("egress_allow", index)
        if (entry.cidr is None) == (entry.host is None):
            problems.error(where, "give `cidr`, like `10.0.0.0/8`, or `host`, like `models.internal`: one of them")
            continue
        if not entry.ports or not all(1 <= port <= 65535 for port in entry.ports):
            problems.error((*where, "ports"), "ports are numbers from 1 to 65535, like `[443, 8000]`")
            continue
        if entry.host is not None:
            if not _HOST.fullmatch(entry.host.lower()):
                problems.error((*where, "host"), "a host is a whole name without `*`, scheme or port, like `models.internal`")
            allow.append(Allowed(host=entry.host.lower(), ports=tuple(entry.ports)))
            continue
        try:
            network = ipaddress.ip_network(entry.cidr or "")
        except ValueError as error:
            problems.error((*where, "cidr"), f"this is no network: {error}")
            continue
        if network.prefixlen == 0:
            problems.error((*where, "cidr"), "this would allow everything: name the networks that your servers are in")
        allow.append(Allowed(network=network, ports=tuple(entry.ports)))
    return Egress(allow=tuple(allow))
