import pytest

from tidegate.dialects.media import document_source, media_source, media_url
from tidegate.ir.content import Base64Source, FileSource, UrlSource
from tidegate.ir.errors import GatewayError


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("DATA:image/png;base64,AA", Base64Source("image/png", "AA")),
        ("data:image/png;charset=x;base64,AA", Base64Source("image/png", "AA")),
        ("data:text/plain,hello", UrlSource("data:text/plain,hello")),
        ("data:", UrlSource("data:")),
        ("gs://b/x", UrlSource("gs://b/x")),
    ],
)
def test_media_sources(url: str, source: UrlSource | Base64Source) -> None:
    assert media_source(url) == source


def test_a_document_may_be_bare_base64_of_a_pdf() -> None:
    assert document_source("JVBERi0=") == Base64Source("application/pdf", "JVBERi0=")
    assert document_source("https://example.org/a.pdf") == UrlSource("https://example.org/a.pdf")


def test_an_id_has_no_address() -> None:
    assert media_url(Base64Source("image/png", "AA=="), "p") == "data:image/png;base64,AA=="
    with pytest.raises(GatewayError) as refused:
        media_url(FileSource("file_1"), "p")
    assert refused.value.error.param == "p.source"
