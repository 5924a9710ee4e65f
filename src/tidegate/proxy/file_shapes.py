"""What is known of a file, and how it is told in the APIs that have files: OpenAI's, Anthropic's and Google's. Values only.

Shapes: https://platform.openai.com/docs/api-reference/files/object and https://docs.anthropic.com/en/api/files-metadata.
"""

import time
from calendar import timegm

import msgspec

from tidegate.dialects.values import object_or_empty, parse, text_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ports.kept import Kept

PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
"""What OpenAI takes of a client."""
MADE = ("assistants_output", "batch_output", "fine-tune-results")
"""What is made for one."""
USUAL = "user_data"
WITHOUT_BATCHES = tuple(name for name in (*PURPOSES, *MADE) if not name.startswith("batch"))
"""What Anthropic's clients and Google's are shown: their batches have no files."""
UNFINISHED = "uploading"
"""The state of a file that is not whole; that of all others is their purpose."""
_UNKNOWN = "application/octet-stream"
_BY_ENDING = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
}


class Facts(msgspec.Struct):
    """What is known of a file besides its bytes. `media` is its media type as the client told it, `created` in Unix seconds."""

    filename: str
    purpose: str
    bytes: int
    created: int
    media: str = ""

    @property
    def media_type(self) -> str:
        """Many clients send every file as a stream of bytes: then its name tells more."""
        told = self.media.partition(";")[0].strip().lower()
        return told if told and told != _UNKNOWN else _BY_ENDING.get(self.filename.rpartition(".")[2].lower(), _UNKNOWN)


def facts_of(row: Kept) -> Facts:
    return msgspec.convert(object_or_empty(parse(row.body)), Facts)


def facts_told(told: JsonObject, filename: str, purpose: str, at: int) -> Facts:
    """What a provider says of a file that it took, in either shape; `filename`, `purpose` and `at` where it does not."""
    size = told.get("bytes", told.get("size_bytes"))
    return Facts(
        text_or_empty(told.get("filename")) or filename,
        text_or_empty(told.get("purpose")) or purpose,
        size if type(size) is int else 0,
        _moment(told.get("created_at")) or at,
        text_or_empty(told.get("mime_type")),
    )


def _moment(value: Json) -> int:
    """Unix seconds of a number of them, or of a date as Anthropic writes it; 0 for anything else."""
    if type(value) is int:
        return value
    try:
        return timegm(time.strptime(text_or_empty(value)[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0


def shown(row: Kept, dialect: str, at: str = "") -> JsonObject:
    """`at` is where the client finds the gateway."""
    if dialect == "gemini":
        return shown_by_google(row, at)
    facts = facts_of(row)
    if dialect == "anthropic":
        return {
            "id": row.id,
            "type": "file",
            "filename": facts.filename,
            "mime_type": facts.media_type,
            "size_bytes": facts.bytes,
            "created_at": _date(facts.created),
            "downloadable": not row.upstream,
        }
    told: JsonObject = {
        "id": row.id,
        "object": "file",
        "bytes": facts.bytes,
        "created_at": facts.created,
        "filename": facts.filename,
        "purpose": facts.purpose,
        "status": "processed",
    }
    if row.expires is not None:
        told["expires_at"] = int(row.expires)
    return told


def shown_by_google(row: Kept, at: str) -> JsonObject:
    """Shape: https://ai.google.dev/api/files#File."""
    facts = facts_of(row)
    told: JsonObject = {
        "name": f"files/{row.id}",
        "displayName": facts.filename,
        "mimeType": facts.media_type,
        "sizeBytes": str(facts.bytes),
        "createTime": _date(facts.created),
        "updateTime": _date(facts.created),
        "uri": f"{at}/v1beta/files/{row.id}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }
    if row.expires is not None:
        told["expirationTime"] = _date(int(row.expires))
    return told


def _date(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def deleted(id: str, dialect: str) -> JsonObject:
    if dialect == "gemini":
        return {}
    return {"id": id, "type": "file_deleted"} if dialect == "anthropic" else {"id": id, "object": "file", "deleted": True}
