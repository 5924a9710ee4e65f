"""Files and batches with the official clients, on a gateway that is killed in the middle."""

import json
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import CLAUDE, GPT, configuration
from tests.e2e.wire import Provider
from tests.support import fake_files
from tests.support.gateway import GatewayProcess
from tests.support.waiting import until

LINES = 30


@pytest.fixture
def own(tmp_path: Path, sandbox_provider: Provider) -> Generator[GatewayProcess]:
    sandbox_provider.forget()
    setup = {**configuration(sandbox_provider.url), "keys": []}
    with GatewayProcess(tmp_path, setup, {"UPSTREAM_KEY": "x"}) as started:
        yield started


def clients(own: GatewayProcess) -> tuple[openai.OpenAI, anthropic.Anthropic]:
    return (
        openai.OpenAI(base_url=f"{own.url}/v1", api_key=own.key, max_retries=5, timeout=60),
        anthropic.Anthropic(base_url=own.url, api_key=own.key, max_retries=5, timeout=60),
    )


def line(number: int, model: str) -> str:
    script = json.dumps({"sandbox": {"text": f"answer {number}", "header_delay_ms": 100}})
    body = {"model": model, "messages": [{"role": "user", "content": f"line {number}: {script}"}]}
    return json.dumps({"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body})


def test_a_batch_outlives_a_gateway_that_is_killed(own: GatewayProcess, sandbox_provider: Provider) -> None:
    client, _ = clients(own)
    data = "\n".join(line(number, (GPT, CLAUDE)[number % 2]) for number in range(LINES)).encode()
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    assert client.files.content(file.id).read() == data
    facts: Any = {"filename": "in.jsonl", "bytes": len(data), "mime_type": "application/jsonl", "purpose": "batch"}
    again = client.uploads.upload_file_chunked(file=data, **facts)
    assert again.file is not None
    assert client.files.content(again.file.id).read() == data
    made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"})

    def look() -> Any:
        return client.batches.retrieve(made.id)

    before = until(look, lambda batch: batch.request_counts.completed >= 5).request_counts.completed
    own.stop(signal.SIGKILL)
    asked_before = len(sandbox_provider.requests())
    own.start()
    done = until(look, lambda batch: batch.status == "completed")
    assert (done.request_counts.completed, done.request_counts.failed, done.metadata) == (LINES, 0, {"a": "b"})
    answers = [json.loads(found) for found in client.files.content(done.output_file_id).text.splitlines()]
    texts = {one["custom_id"]: one["response"]["body"]["choices"][0]["message"]["content"] for one in answers}
    assert len(answers) == LINES
    assert texts == {f"c{number}": f"answer {number}" for number in range(LINES)}
    asked = sandbox_provider.requests()
    assert len(asked) - asked_before <= LINES - before
    assert len(asked) <= LINES + 4  # those that ran when it was killed
    assert client.batches.list().data[0].id == made.id
    client.files.delete(file.id)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    # The calls that ran when it was killed have rows too.
    events = until(lambda: own.usage(LINES, within=30), lambda found: sum(event["status"] == 200 for event in found) >= LINES)
    assert {event["surface"] for event in events} == {"chat_completions"}


def test_message_batches(own: GatewayProcess) -> None:
    _, client = clients(own)
    script = json.dumps({"sandbox": {"text": "Hello."}})
    requests: Any = [
        {"custom_id": model, "params": {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": f"Hi {script}"}]}}
        for model in (CLAUDE, GPT)
    ]
    made = client.messages.batches.create(requests=requests)
    done = until(lambda: client.messages.batches.retrieve(made.id), lambda batch: batch.processing_status == "ended")
    assert done.request_counts.succeeded == 2
    succeeded = [one.result.message for one in client.messages.batches.results(made.id) if one.result.type == "succeeded"]
    assert [[block.text for block in message.content if block.type == "text"] for message in succeeded] == [["Hello."]] * 2
    assert [batch.id for batch in client.messages.batches.list()] == [made.id]
    assert client.messages.batches.delete(made.id).id == made.id
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(made.id)


def test_batches_of_one_model_are_run_by_their_provider(tmp_path: Path) -> None:
    """At half the price, and under ids of the gateway's own."""
    with fake_files.running() as provider:
        upstream = {"base_url": f"{provider.url}/v1", "api_key": "env:UPSTREAM_KEY"}
        setup = {"providers": {"openai": upstream, "anthropic": upstream}}
        with GatewayProcess(tmp_path, setup, {"UPSTREAM_KEY": "the-providers-key"}) as own:
            client, claude = clients(own)
            data = "\n".join(line(number, GPT) for number in range(3)).encode()
            file = client.files.create(file=("in.jsonl", data), purpose="batch")
            made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
            params: Any = {"model": CLAUDE, "max_tokens": 20, "messages": [{"role": "user", "content": "Hi"}]}
            messages = claude.messages.batches.create(requests=[{"custom_id": "a", "params": params}])
            done = until(lambda: client.batches.retrieve(made.id), lambda batch: batch.status == "completed")
            assert done.output_file_id
            answers = [json.loads(found) for found in client.files.content(done.output_file_id).text.splitlines()]
            assert [one["custom_id"] for one in answers] == ["c0", "c1", "c2"]
            until(lambda: claude.messages.batches.retrieve(messages.id), lambda batch: batch.processing_status == "ended")
            assert [one.custom_id for one in claude.messages.batches.results(messages.id)] == ["a"]
            events = own.usage(4, within=30)
            assert {event["surface"] for event in events} == {"batch", "message_batch"}
            assert all("batch at 50 %" in event["price_source"] for event in events)
    assert {"POST /v1/files", "POST /v1/batches", "POST /v1/messages/batches"} <= {" ".join(seen) for seen in provider.seen}
    assert provider.keys == {"Bearer the-providers-key", "the-providers-key"}
    assert not {file.id, made.id, messages.id} & {*provider.files, *provider.batches}
