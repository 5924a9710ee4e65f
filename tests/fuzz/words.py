"""What is fuzzed of words that decide about access: keys, signatures, addresses of clients and of providers, and the configuration file."""

import contextlib
import ipaddress
import re
import socket
import zlib
from pathlib import Path

from tests.unit.policy.values import CATALOG, PEPPER, snapshot

from tidegate.control.compile import compile_snapshot
from tidegate.control.config import Config
from tidegate.control.document import read
from tidegate.control.problems import ConfigError, Problems
from tidegate.control.secrets import Secrets
from tidegate.control.shape import shape
from tidegate.ir.errors import GatewayError
from tidegate.policy.egress import Egress, Refused, place_of
from tidegate.policy.identify import Callers, identify, pick_token, refuse_query_key
from tidegate.policy.keys import ALPHABET, StoredKeys, flaw, token_id
from tidegate.policy.reach import client_address
from tidegate.policy.signed import claimed, is_signed, prove

SNAPSHOT = snapshot()
TRUSTED = ("10.0.0.0/8", "::1/128")


def key(data: bytes) -> None:
    """Headers of a caller, one on each line."""
    headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in data.split(b"\n"))]
    with contextlib.suppress(GatewayError):
        refuse_query_key(data)
    token = data.decode("latin-1")
    with contextlib.suppress(GatewayError):
        token = pick_token(headers)
        assert identify(SNAPSHOT, token).name
    found = token_id(token)
    assert (found is None) == (flaw(token) is not None)
    if found is not None:
        number = 0
        for digit in token[-6:]:
            number = number * 62 + ALPHABET.index(digit)
        assert number == zlib.crc32(token[:-6].encode())


def signature(data: bytes) -> None:
    fields = {b"authorization": data, b"host": b"x", b"x-amz-date": b"20231114T221320Z"}
    if not is_signed(data):
        return
    with contextlib.suppress(GatewayError):
        found = claimed(Callers(SNAPSHOT), fields, 1_700_000_000.0)
        prove(found, SNAPSHOT.pepper, method="POST", path=data[:20], query=data[20:40], headers=fields, body=b"")
        raise AssertionError("nobody has signed this")


def forwarded(data: bytes) -> None:
    """What a client writes itself, on the left, changes nothing where a proxy that is trusted wrote the rest."""
    peer = "10.0.0.1"
    found = client_address(peer, [(b"x-forwarded-for", data)], TRUSTED)
    ipaddress.ip_address(found.partition("%")[0])
    assert client_address("192.0.2.1", [(b"x-forwarded-for", data)], TRUSTED) == "192.0.2.1"
    assert client_address(peer, [(b"x-forwarded-for", data + b", 203.0.113.9")], TRUSTED) == "203.0.113.9"
    assert client_address(peer, [(b"x-forwarded-for", data), (b"x-forwarded-for", b"203.0.113.9, 10.1.1.1")], TRUSTED) == "203.0.113.9"


def url(data: bytes) -> None:
    text = data.decode("latin-1")
    try:
        place = place_of(text, Egress())
    except Refused:
        return
    assert (place.secure, place.port) == (True, 443)
    # A reader of its own, of what stands between the scheme and the path.
    found = re.fullmatch(r"(?i:https)://([^/?#@\\]*?)(?::0*443)?(?:[/?].*)?", text.strip(), re.DOTALL)
    assert found is not None
    assert found[1].rstrip(":").lower() in (place.host, f"[{place.host}]", place.authority) or place.address is not None
    assert not re.search(r"[\r\n\0 ]", place.authority + place.target)
    if place.address is None:
        with contextlib.suppress(OSError):
            raise AssertionError(f"{place.host} is a name here and {socket.inet_aton(place.host)!r} elsewhere")
    else:
        assert place.address.is_global


def configuration(data: bytes) -> None:
    """As `control.load` reads and compiles it, from text."""
    problems = Problems("tidegate.yaml")
    with contextlib.suppress(ConfigError):
        compile_snapshot(
            shape(read(data.decode("utf-8", "replace"), problems), Config, problems),
            catalogue=CATALOG,
            stored=StoredKeys(pepper=PEPPER),
            secrets=Secrets({}, Path("/nowhere")),
            problems=problems,
            generation=1,
            own_port=8080,
        )
