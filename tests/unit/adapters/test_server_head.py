"""What is refused of a head; whole requests on both ports are in tests/faults/test_smuggling."""

import pytest

from tidegate.adapters.server_head import flaw_of_head, flaw_of_scheme
from tidegate.ports import RawHeaders

PLAIN: RawHeaders = [(b"host", b"gateway:8080"), (b"accept", b"a"), (b"accept", b"b")]


def flaw(headers: RawHeaders, version: str = "1.1") -> bytes:
    return flaw_of_head(headers, dict(headers), version)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        (PLAIN, "1.1"),
        (PLAIN, "1.0"),
        ([], "1.1"),
        ([(b"host", b"")], "1.1"),
        ([(b"host", b"[::1]:80")], "1.1"),
        ([*PLAIN, (b"transfer-encoding", b"Chunked ")], "1.1"),
        ([*PLAIN, (b"content-length", b"5")], "1.0"),
        ([*PLAIN, (b"session_id", b"5")], "1.1"),
        ([*PLAIN, *((b"x", b"") for _ in range(97))], "1.1"),
    ],
)
def test_what_everybody_reads_in_one_way(headers: RawHeaders, version: str) -> None:
    assert flaw(headers, version) == b""


@pytest.mark.parametrize(
    ("headers", "version", "word"),
    [
        ([*PLAIN, (b"host", b"gateway:8080")], "1.1", b"once each"),
        ([*PLAIN, (b"content-length", b"5"), (b"content-length", b"5")], "1.1", b"once each"),
        ([*PLAIN, (b"content_length", b"5")], "1.1", b"has `_`"),
        (PLAIN, "2.0", b"speaks"),
        (PLAIN, "0.9", b"speaks"),
        ([*PLAIN, (b"transfer-encoding", b"chunked")], "1.0", b"`chunked`"),
        ([*PLAIN, (b"transfer-encoding", b"gzip, chunked")], "1.1", b"`chunked`"),
        ([(b"host", b"a/b")], "1.1", b"`Host`"),
        ([(b"host", b"a, b")], "1.1", b"`Host`"),
        ([*PLAIN, *((b"x", b"") for _ in range(98))], "1.1", b"100 headers"),
    ],
)
def test_what_is_refused(headers: RawHeaders, version: str, word: bytes) -> None:
    assert word in flaw(headers, version)


def test_schemes() -> None:
    assert [bool(flaw_of_scheme(one)) for one in (None, b"http", b"https", b"gopher", b"")] == [False, False, False, True, True]
