import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.multipart import FIELD_LIMIT, HEAD_LIMIT, PARTS_LIMIT, FormError, FormReader, Part, boundary_of

B = b"xBOUNDARYx"
FORM = (
    b"--xBOUNDARYx\r\n"
    b'Content-Disposition: form-data; name="model"\r\n\r\n'
    b"openai/whisper-1\r\n"
    b"--xBOUNDARYx\r\n"
    b'content-disposition: form-data; name="file"; filename="a \\"b\\".wav"\r\n'
    b"content-type: audio/wav\r\n\r\n"
    b"RIFF\r\n--xBOUND\x00\xff\r\n\r\n"
    b"\r\n--xBOUNDARYx--\r\n"
)


def read(body: bytes, *cuts: int) -> list[Part]:
    reader = FormReader(B)
    at = 0
    for cut in sorted({*(cut % (len(body) + 1) for cut in cuts), len(body)}):
        reader.feed(body[at:cut])
        at = cut
    return reader.end()


def form(*heads: bytes) -> bytes:
    return b"".join(b"--" + B + b"\r\n" + head + b"\r\n\r\nv\r\n" for head in heads) + b"--" + B + b"--"


def test_parts_and_where_they_stand():
    model, file = read(FORM)
    assert (model.name, model.filename, model.value) == ("model", None, b"openai/whisper-1")
    assert FORM[model.start : model.end] == b"openai/whisper-1"
    assert (file.name, file.filename, file.content_type, file.value) == ("file", 'a "b".wav', "audio/wav", b"")
    assert FORM[file.start : file.end] == b"RIFF\r\n--xBOUND\x00\xff\r\n\r\n"


def test_any_split_gives_the_same_parts():
    whole = read(FORM)
    for cut in range(len(FORM)):
        assert read(FORM, cut) == whole
    assert read(FORM, *range(len(FORM))) == whole


@given(st.lists(st.tuples(st.binary(max_size=60), st.booleans()), max_size=5), st.lists(st.integers(0, 1000), max_size=8))
def test_what_is_written_is_read(values: list[tuple[bytes, bool]], cuts: list[int]):
    body = b""
    for index, (value, is_file) in enumerate(values):
        name = b'form-data; name="n%d"' % index + (b'; filename="f"' if is_file else b"")
        body += b"--" + B + b"\r\nContent-Disposition: " + name + b"\r\n\r\n" + value + b"\r\n"
    body += b"--" + B + b"--\r\n"
    if any(b"--" + B in value for value, _ in values):
        return
    parts = read(body, *cuts)
    assert [(part.name, body[part.start : part.end]) for part in parts] == [(f"n{i}", value) for i, (value, _) in enumerate(values)]
    assert all(part.value == (b"" if is_file else value) for part, (value, is_file) in zip(parts, values, strict=True))


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=4))
def test_rubbish_is_refused_and_nothing_worse(rubbish: bytes, cuts: list[int]):
    for body in (rubbish, FORM[:40] + rubbish + FORM[40:]):
        with contextlib.suppress(FormError):
            read(body, *cuts)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"preamble" + FORM,
        FORM[:-4],
        FORM.replace(b"\r\n", b"\n"),
        form(b"Content-Disposition: attachment; name=a"),
        form(b"Content-Disposition: form-data"),
        form(b'Content-Disposition: form-data; name="a"; name="b"'),
        form(b'Content-Disposition: form-data; name="a"\r\ncontent-disposition: form-data; name="b"'),
        form(b'Content-Disposition : form-data; name="a"'),
        form(b'Content-Disposition: form-data; name="a"\r\n folded'),
        form(b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64'),
        form(b'Content-Disposition: form-data; name="\xff"'),
        form(b'Content-Disposition: form-data; name="a"\r\n--' + B + b"--x: y"),
        form(b'Content-Disposition: form-data; name="a"\r\n\r\n--' + B),
        form(b"--" + B + b'--x: y\r\nContent-Disposition: form-data; name="a"'),
        form(b'Content-Disposition: form-data; name="a"\r\nx: ' + b"y" * HEAD_LIMIT),
        form(*[b'Content-Disposition: form-data; name="a"'] * (PARTS_LIMIT + 1)),
        b"--" + B + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"v" * (FIELD_LIMIT + 99) + b"\r\n--" + B + b"--",
        b"--" + B + b"x\r\n\r\n",
    ],
)
def test_what_readers_could_take_differently_is_refused(body: bytes):
    with pytest.raises(FormError):
        read(body)


def test_a_file_may_be_longer_than_a_field():
    head = b'Content-Disposition: form-data; name="a"; filename=""'
    body = b"--" + B + b"\r\n" + head + b"\r\n\r\n" + b"v" * (FIELD_LIMIT + 99) + b"\r\n--" + B + b"--"
    assert read(body, *range(0, len(body), 65536))[0].end - read(body)[0].start == FIELD_LIMIT + 99


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b:c"', b"a b:c"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary="' + "x" * 71 + '"', None),
        ('multipart/form-data; boundary="a\\r"; boundary=b', None),
        ("application/json; boundary=abc", None),
        ("", None),
    ],
)
def test_the_boundary(header: str, boundary: bytes | None):
    if boundary is None:
        with pytest.raises(FormError):
            boundary_of(header)
    else:
        assert boundary_of(header) == boundary
