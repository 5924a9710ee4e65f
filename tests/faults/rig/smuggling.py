"""Requests that two servers in a row may read differently (T-NET-1): what this gateway must refuse, and close the connection after, and
what it may take as exactly one request. `@KEY@` stands for a gateway key. A request that got in behind another carries `SMUGGLED` tokens.
"""

import json
from collections.abc import Iterator
from typing import Literal

import msgspec

SMUGGLED = 666_666
"""The number of a call that nobody made on its own (see `calls`)."""
OPEN = 4_242
"""The number of the calls that are made in the open."""
_PATH = b"/v1/chat/completions"
_HOST = b"host: gateway"
_KEY = b"authorization: Bearer @KEY@"


class Case(msgspec.Struct, frozen=True):
    """`expect`: `refuse` is 400 and the end of the connection; `one` and `two` are so many requests that every server reads in the same
    way, and `safe` is one of both: what the request is for is odd, but not where it ends."""

    name: str
    sent: bytes
    expect: Literal["refuse", "one", "two", "safe"]


def call(number: int) -> bytes:
    order = json.dumps({"sandbox": {"n": 1, "input_tokens": number}})
    return json.dumps({"model": "openai/gpt-4o", "messages": [{"role": "user", "content": order}]}).encode()


def request(
    *lines: bytes, body: bytes = b"", first: bytes = b"POST " + _PATH + b" HTTP/1.1", host: bytes | None = _HOST, end: bytes = b"\r\n"
) -> bytes:
    """`lines` are headers as they stand; nothing about the body's length is added."""
    head = [first, *([host] if host is not None else []), _KEY, *lines]
    return end.join(head) + end + end + body


def sized(*lines: bytes, number: int = OPEN, **more: bytes) -> bytes:
    body = call(number)
    return request(*lines, b"content-length: %d" % len(body), body=body, **more)


def chunked(body: bytes, size: bytes | None = None) -> bytes:
    return (size if size is not None else b"%x" % len(body)) + b"\r\n" + body + b"\r\n0\r\n\r\n"


def cases() -> list[Case]:
    """All; no name twice."""
    return [
        *_both(),
        *_encodings(),
        *_hidden_encodings(),
        *_lengths(),
        *_control_bytes(),
        *_line_ends(),
        *_hosts(),
        *_chunks(),
        *_first_lines(),
        *_in_a_row(),
    ]


_STRANGE = (
    b"identity",
    b"gzip",
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, identity",
    b"identity, chunked",
    b"chunked, chunked",
    b"chunked,",
    b",chunked",
    b"xchunked",
    b"chunkedx",
    b"chunked;q=1",
    b'"chunked"',
    b"chunked x",
    b"chunk ed",
    b"\x0bchunked",
    b"chunked\x0b",
    b"chunked\x0c",
    b"cow",
    b"",
    b"c\xc4\xa5unked",
    b"chunked\xa0",
)
_PLAIN = (b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"  chunked", b"\tchunked")


def _both() -> Iterator[Case]:
    """A length and an encoding: one server believes the one, the next the other."""
    hidden = chunked(call(OPEN)) + sized(number=SMUGGLED)
    for value in (*_PLAIN, *_STRANGE):
        coding, length = b"transfer-encoding: " + value, b"content-length: %d" % len(hidden)
        yield Case(f"CL.TE {value!r}", request(length, coding, body=hidden), "refuse")
        yield Case(f"TE.CL {value!r}", request(coding, length, body=hidden), "refuse")
    short = b"1\r\nZ\r\n0\r\n\r\n"
    yield Case("CL shorter than the chunks", request(b"content-length: 4", b"transfer-encoding: chunked", body=short), "refuse")
    yield Case("CL of 0 and chunks", request(b"content-length: 0", b"transfer-encoding: chunked", body=hidden), "refuse")


def _encodings() -> Iterator[Case]:
    for value in _PLAIN:
        yield Case(f"TE {value!r}", request(b"transfer-encoding: " + value, body=chunked(call(OPEN))), "one")
    for value in _STRANGE:
        body = chunked(call(OPEN)) + sized(number=SMUGGLED)
        yield Case(f"TE {value!r}", request(b"transfer-encoding: " + value, body=body), "refuse")
    for one, other in ((b"chunked", b"chunked"), (b"identity", b"chunked"), (b"chunked", b"identity"), (b"gzip", b"chunked")):
        lines = (b"transfer-encoding: " + one, b"transfer-encoding: " + other)
        yield Case(f"TE twice {one!r} {other!r}", request(*lines, body=chunked(call(OPEN))), "refuse")
    first = b"POST " + _PATH + b" HTTP/1.0"
    yield Case("TE in HTTP/1.0", request(b"transfer-encoding: chunked", body=chunked(call(OPEN)), first=first), "refuse")
    kept = (b"connection: keep-alive", b"transfer-encoding: chunked")
    yield Case("TE in a kept HTTP/1.0", request(*kept, body=chunked(call(OPEN)), first=first), "refuse")


def _hidden_encodings() -> Iterator[Case]:
    """An encoding that some servers see and others do not, beside a length."""
    for line in (
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding\t: chunked",
        b" Transfer-Encoding: chunked",
        b"\tTransfer-Encoding: chunked",
        b"Transfer_Encoding: chunked",
        b"Transfer-Encoding\x00: chunked",
        b"Transfer\x00-Encoding: chunked",
        b"Transfer-Encoding;: chunked",
        b"Transfer-Encoding",
        b": chunked",
        b"x: y\nTransfer-Encoding: chunked",
        b"x: y\rTransfer-Encoding: chunked",
        b"x: y\r\r\nTransfer-Encoding: chunked",
        b"x\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding\r\n : chunked",
        b"Transfer-Encoding: x\r\n chunked",
        b"x: y\r\n Transfer-Encoding: chunked",
        b"x: y\r\n\tTransfer-Encoding: chunked",
        b"x: y\x00\r\nTransfer-Encoding: chunked",
        b"\x0bTransfer-Encoding: chunked",
        b"Transfer-Encoding\x85: chunked",
        b"Transfer Encoding: chunked",
        b"Transfer-Encoding: chunked\r\n\r",
    ):
        body = chunked(call(OPEN)) + sized(number=SMUGGLED)
        yield Case(f"TE hidden as {line!r}", request(line, b"content-length: %d" % len(body), body=body), "refuse")


def _lengths() -> Iterator[Case]:
    body = call(OPEN)
    size = len(body)
    tail = sized(number=SMUGGLED)
    texts = (
        b"+%d",
        b"-%d",
        b"%d,%d",
        b"%d, %d",
        b"%d,",
        b",%d",
        b"0x%d",
        b"%d_",
        b"%d;",
        b"%d.0",
        b"%de0",
        b"%d x",
        b"'%d'",
        b"\x0b%d",
        b"%d\x0c",
        b"%d\xa0",
        b"",
        b"x",
        b"\xd9\xa5",
        b"9" * 20,
        b"18446744073709551617",
    )
    for text in texts:
        value = text.replace(b"%d", b"%d" % size)
        yield Case(f"CL {text!r}", request(b"content-length: " + value, body=body + tail), "refuse")
    yield Case("CL of more than 32 bits", request(b"content-length: 4294967296%d" % size, body=body + tail), "safe")
    yield Case("CL and a tab", request(b"content-length: %d\t" % size, body=body), "safe")
    for text in (b"%d", b" %d", b"\t%d", b"%d ", b"0%d", b"000%d"):
        value = text.replace(b"%d", b"%d" % size)
        yield Case(f"CL plain {text!r}", request(b"content-length:" + value, body=body), "one")
    for one, other in ((size, size), (size, 0), (0, size), (size, size + 5), (size + len(tail), size)):
        lines = (b"content-length: %d" % one, b"content-length: %d" % other)
        yield Case(f"CL twice {one - size:+d} {other - size:+d}", request(*lines, body=body + tail), "refuse")
    three = (b"content-length: %d" % size,) * 3
    yield Case("CL three times", request(*three, body=body), "refuse")
    for line in (
        b"Content-Length : %d",
        b"Content-Length\t: %d",
        b"Content_Length: %d",
        b" Content-Length: %d",
        b"Content-Length\x00: %d",
        b"x: y\nContent-Length: %d",
        b"x: y\rContent-Length: %d",
        b"Content-Length:\r\n %d",
        b"Content-Length\xa0: %d",
    ):
        yield Case(f"CL hidden as {line!r}", request(line % size, body=body + tail), "refuse")
        yield Case(f"CL of 0 and hidden {line!r}", request(line % size, b"content-length: 0", body=tail), "refuse")


def _control_bytes() -> Iterator[Case]:
    for byte in (*range(0x20), 0x7F):
        at = bytes([byte])
        yield Case(f"{at!r} in a name", sized(b"x-a" + at + b"b: y"), "refuse")
        if byte != 0x09:
            yield Case(f"{at!r} in a value", sized(b"x-a: y" + at + b"z"), "refuse")
        yield Case(f"{at!r} in the target", sized(first=b"POST " + _PATH + at + b" HTTP/1.1"), "refuse")
    for sign in b'(),/:;<=>?@[\\]{}" ':
        if sign != ord(":"):
            yield Case(f"{chr(sign)!r} in a name", sized(b"x-a" + bytes([sign]) + b"b: y"), "refuse")
    yield Case("_ in a name", sized(b"x_a: y"), "one")
    yield Case("_ in a name that counts", sized(b"x_api_key: y"), "refuse")
    yield Case("an empty name", sized(b": y"), "refuse")
    yield Case("a tab in a value", sized(b"x-a: y\tz"), "one")
    yield Case("an empty value", sized(b"x-a:"), "one")
    yield Case("high bytes in a value", sized(b"x-a: \xe9\xff"), "one")


def _line_ends() -> Iterator[Case]:
    whole = sized()
    yield Case("bare LF everywhere", whole.replace(b"\r\n", b"\n"), "refuse")
    yield Case("bare CR everywhere", whole.replace(b"\r\n", b"\r"), "refuse")
    head, _, body = whole.partition(b"\r\n\r\n")
    for name, end in (("LF LF", b"\n\n"), ("CRLF LF", b"\r\n\n"), ("LF CRLF", b"\n\r\n"), ("CR CR", b"\r\r"), ("CRLF CR", b"\r\n\r")):
        yield Case(f"the head ends with {name}", head + end + body, "refuse")
    first, _, rest = whole.partition(b"\r\n")
    yield Case("the first line ends with LF", first + b"\n" + rest, "refuse")
    yield Case("the first line ends with CR", first + b"\r" + rest, "refuse")
    yield Case("a line ends with LF", sized(b"x: y\nz: a"), "refuse")
    yield Case("a line ends with CR CRLF", sized(b"x: y\r"), "refuse")
    yield Case("a folded line", sized(b"x: y\r\n z"), "refuse")
    yield Case("a folded line with a tab", sized(b"x: y\r\n\tz"), "refuse")
    yield Case("a folded first line", sized(first=b"POST " + _PATH + b" HTTP/1.1\r\n x: y"), "refuse")
    yield Case("a folded key", sized(b"x-api-key:\r\n @KEY@"), "refuse")
    yield Case("an empty line before the first", b"\r\n" + whole, "one")


def _hosts() -> Iterator[Case]:
    yield Case("Host twice, the same", sized(_HOST), "refuse")
    yield Case("Host twice", sized(b"host: other"), "refuse")
    yield Case("Host twice, one empty", sized(b"host:"), "refuse")
    for value in (b"a b", b"a,b", b"a/b", b"a@b", b"a?b", b"a#b", b"a\\b", b"http://a", b"a:b:c", b"a:99999999", b"[::1"):
        yield Case(f"Host {value!r}", sized(host=b"host: " + value), "refuse")
    for value in (b"a", b"a:80", b"A.b-c.", b"[::1]:80", b"127.0.0.1:8080", b"a_b"):
        yield Case(f"Host {value!r}", sized(host=b"host: " + value), "one")
    absolute = b"POST http://inside/%b HTTP/1.1" % _PATH[1:]
    yield Case("absolute form and another Host", sized(first=absolute), "one")
    for target in (b"http:///x", b"gopher://a%b" % _PATH, b"http://a b%b" % _PATH, b"http:" + _PATH):
        yield Case(f"target {target!r}", sized(first=b"POST " + target + b" HTTP/1.1"), "refuse")
    yield Case("a target of two slashes", sized(first=b"POST //a%b HTTP/1.1" % _PATH), "safe")


def _chunks() -> Iterator[Case]:
    body = call(OPEN)
    te = b"transfer-encoding: chunked"
    tail = sized(number=SMUGGLED)
    size = b"%x" % len(body)
    for text in (b"%s", b"0%s", b"0000%s", b"%s;a", b"%s;a=b", b'%s;a="b c"', b"%s;a;b=c"):
        yield Case(f"chunk size {text!r}", request(te, body=chunked(body, text.replace(b"%s", size))), "one")
    for text in (
        b" %s",
        b"%s ",
        b"\t%s",
        b"+%s",
        b"-%s",
        b"0x%s",
        b"%s,",
        b"%s x",
        b"%s;a\n",
        b"%s;a\x00",
        b'%s;a="\n"',
        b"%s;\r",
        b"%s\r",
        b"",
        b"g",
        b"\xd9\xa5",
        b"F" * 17,
        b"10000000000000000%s",
        b"%s\x0b",
        b"_%s",
    ):
        yield Case(f"chunk size {text!r}", request(te, body=chunked(body, text.replace(b"%s", size)) + tail), "refuse")
    for name, framed in (
        ("a size ends with LF", size + b"\n" + body + b"\r\n0\r\n\r\n"),
        ("the data ends with LF", size + b"\r\n" + body + b"\n0\r\n\r\n"),
        ("the data ends with nothing", size + b"\r\n" + body + b"0\r\n\r\n"),
        ("the data ends with two letters", size + b"\r\n" + body + b"xx0\r\n\r\n"),
        ("a size that is too small", b"1\r\n" + body + b"\r\n0\r\n\r\n"),
        ("the last size ends with LF", size + b"\r\n" + body + b"\r\n0\n\r\n"),
        ("the end is LF", size + b"\r\n" + body + b"\r\n0\r\n\n"),
        ("a trailer that is folded", size + b"\r\n" + body + b"\r\n0\r\nx: y\r\n z\r\n\r\n"),
        ("a trailer with LF", size + b"\r\n" + body + b"\r\n0\r\nx: y\n\r\n"),
        ("a trailer with NUL", size + b"\r\n" + body + b"\r\n0\r\nx: \x00\r\n\r\n"),
    ):
        yield Case(name, request(te, body=framed + tail), "refuse")
    ending = size + b"\r\n" + body + b"\r\n0\r\n"
    for trailer in (b"x: y", b"host: other", b"authorization: Bearer other"):
        yield Case(f"trailer {trailer!r}", request(te, body=ending + trailer + b"\r\n\r\n"), "one")
    for trailer in (b"content-length: 5", b"transfer-encoding: chunked"):
        yield Case(f"trailer {trailer!r}", request(te, body=ending + trailer + b"\r\n\r\n"), "safe")


def _first_lines() -> Iterator[Case]:
    for first in (
        b"POST %b" % _PATH,
        b"POST %b HTTP/1.1 x" % _PATH,
        b"POST\t%b HTTP/1.1" % _PATH,
        b" POST %b HTTP/1.1" % _PATH,
        b"POST %b HTTP/1.2" % _PATH,
        b"POST %b HTTP/1.10" % _PATH,
        b"POST %b HTTP/1" % _PATH,
        b"POST %b HTTP/2.0" % _PATH,
        b"POST %b HTTP/0.9" % _PATH,
        b"POST %b HTTP/9.9" % _PATH,
        b"POST %b HTTP/-1.1" % _PATH,
        b"POST %b http/1.1" % _PATH,
        b"POST %b HTTPS/1.1" % _PATH,
        b"POST %b ICE/1.1" % _PATH,
        b"PRI * HTTP/2.0",
        b"PO ST %b HTTP/1.1" % _PATH,
        b"P\x00ST %b HTTP/1.1" % _PATH,
        b"POST HTTP/1.1",
        b"HTTP/1.1 200 OK",
    ):
        yield Case(f"first line {first!r}", sized(first=first), "refuse")
    for first in (
        b"POST %b RTSP/1.0" % _PATH,
        b"ANNOUNCE %b RTSP/1.0" % _PATH,
        b"SOURCE %b ICE/1.0" % _PATH,
        b"POST  %b HTTP/1.1" % _PATH,
        b"POST %b  HTTP/1.1" % _PATH,
        b"post %b HTTP/1.1" % _PATH,
        b"TRACE %b HTTP/1.1" % _PATH,
        b"CONNECT gateway:80 HTTP/1.1",
        b"POST %b#x HTTP/1.1" % _PATH,
        b"POST * HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET %b HTTP/1.1" % _PATH,
    ):
        yield Case(f"first line {first!r}", sized(first=first), "safe")


def _in_a_row() -> Iterator[Case]:
    yield Case("two in a row", sized() + sized(), "two")
    yield Case("two in chunks", request(b"transfer-encoding: chunked", body=chunked(call(OPEN))) * 2, "two")
    for line in (
        b"upgrade: h2c",
        b"upgrade: websocket",
        b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
    ):
        yield Case(f"an offer: {line!r}", sized(line), "one")
    yield Case("an offer, and another request in the body", sized(b"upgrade: h2c", b"connection: upgrade") + sized(), "two")
    old = b"POST %b HTTP/1.0" % _PATH
    yield Case("HTTP/1.0 is answered once", sized(first=old) + sized(number=SMUGGLED), "one")
    yield Case("a kept HTTP/1.0 is answered once", sized(b"connection: keep-alive", first=old) + sized(number=SMUGGLED), "one")
    yield Case("closed, and more", sized(b"connection: close") + sized(number=SMUGGLED), "one")
    yield Case("refused, and more", sized(b"x_api_key: z") + sized(number=SMUGGLED), "refuse")
    yield Case("expects something else", sized(b"expect: 200-maybe"), "one")
