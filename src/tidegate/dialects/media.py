"""Images and files as the dialects of OpenAI's family write them: an address, or a `data:` URL that holds the content."""

from tidegate.ir.content import Base64Source, FileSource, MediaSource, UrlSource
from tidegate.ir.errors import unsupported


def media_source(url: str) -> UrlSource | Base64Source:
    """An address, or what a base64 `data:` URL holds. Parameters of its media type other than the type itself are not kept."""
    if url[:5].lower() != "data:":
        return UrlSource(url)
    header, comma, data = url[5:].partition(",")
    media_type, *parameters = header.split(";")
    if not comma or "base64" not in parameters:
        return UrlSource(url)
    return Base64Source(media_type, data)


def document_source(data: str) -> UrlSource | Base64Source:
    """OpenAI asks for a `data:` URL; OpenRouter also takes an address, and some clients send bare base64 of a PDF."""
    source = media_source(data)
    if isinstance(source, UrlSource) and ":" not in data:
        return Base64Source("application/pdf", data)
    return source


def media_url(source: MediaSource, path: str) -> str:
    if isinstance(source, Base64Source):
        return f"data:{source.media_type};base64,{source.data}"
    if isinstance(source, FileSource):
        raise unsupported(
            f"The file id {source.file_id!r} is known to the provider that issued it only; send the content.", f"{path}.source"
        )
    return source.url
