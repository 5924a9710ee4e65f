"""Every parser that reads what others wrote, by name, and the inputs that are kept for it: `corpus/<name>.jsonl`, one JSON text a line
whose characters are the bytes. `make fuzz` looks for more; whatever it finds stays there and is tried in every run of the tests."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import framing, meaning, words

from tidegate.dialects.table import SPOKEN

CORPUS = Path(__file__).parent / "corpus"
TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": framing.sse,
    "event_stream": framing.event_stream,
    "invoke": framing.invoke,
    "json_array": framing.json_array,
    "top_level": framing.top_level,
    "nested": framing.nested,
    "multipart": framing.multipart,
    "boundary": framing.boundary,
    "compressed": framing.compressed,
    "head": framing.head,
    "segment": framing.segment,
    "key": words.key,
    "signature": words.signature,
    "forwarded": words.forwarded,
    "url": words.url,
    "configuration": words.configuration,
    **{f"request_{name}": meaning.request_of(dialect) for name, dialect in SPOKEN.items()},
    **{f"answer_{name}": meaning.answer_of(dialect) for name, dialect in SPOKEN.items()},
    **{f"stream_{name}": meaning.stream_of(dialect) for name, dialect in SPOKEN.items()},
}


def corpus(name: str) -> list[bytes]:
    file = CORPUS / f"{name}.jsonl"
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    return [json.loads(line).encode("latin-1") for line in lines]


def keep(name: str, inputs: list[bytes]) -> None:
    """Adds those that are not there yet."""
    CORPUS.mkdir(exist_ok=True)
    found = dict.fromkeys([*corpus(name), *inputs])
    (CORPUS / f"{name}.jsonl").write_text("".join(json.dumps(data.decode("latin-1")) + "\n" for data in found), encoding="ascii")
