"""boto3, unmodified, in front of providers of other dialects: requests signed with a gateway key's access key and secret, answers and
streams as AWS's own parsers read them."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.e2e.conftest import usage_of
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

from tidegate.adapters.keystore import KeyStore
from tidegate.policy.signed import secret_of

WEATHER: Any = {
    "toolSpec": {
        "name": "get_weather",
        "description": "Weather of a city",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    }
}


def client_of(gateway: GatewayProcess, secret: str | None = None) -> Any:
    stored = KeyStore(gateway.home).read()
    row = stored.keys[0]
    return boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=gateway.url,
        aws_access_key_id=row.id,
        aws_secret_access_key=secret or secret_of(stored.pepper, row.digest),
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )


@pytest.fixture(scope="module")
def bedrock(gateway: GatewayProcess) -> Any:
    return client_of(gateway)


def user(*content: Any) -> Any:
    return {"role": "user", "content": list(content)}


def script(**fields: Any) -> Any:
    return {"text": "Please. " + json.dumps({"sandbox": fields})}


def folded(stream: Any) -> dict[str, Any]:
    """A stream as its users put it together: the message and what comes beside it."""
    blocks: dict[int, Any] = {}
    end: dict[str, Any] = {}
    for event in stream:
        ((name, told),) = event.items()
        if name == "contentBlockStart":
            blocks[told["contentBlockIndex"]] = {"toolUse": {**told["start"]["toolUse"], "input": ""}}
        elif name == "contentBlockDelta":
            delta = told["delta"]
            block = blocks.setdefault(told["contentBlockIndex"], {"text": ""})
            if "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            else:
                block["text"] += delta.get("text", "")
        else:
            end |= told
    content = [blocks[index] for index in sorted(blocks)]
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    return {"content": content, **end}


def test_converse(bedrock: Any, provider: Provider, model: str, gateway: GatewayProcess) -> None:
    answer = bedrock.converse(
        modelId=model,
        system=[{"text": "Be brief."}],
        messages=[user(script(text="Hello there, friend.", cached=5))],
        inferenceConfig={"maxTokens": 100, "temperature": 0.5},
    )
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "Hello there, friend."}]}
    assert answer["stopReason"] == "end_turn"
    usage = answer["usage"]
    assert usage["cacheReadInputTokens"] == 5
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] + 5 + usage.get("cacheWriteInputTokens", 0)
    sent = provider.request().body
    assert sent["model"] == model.partition("/")[2]
    assert sent["temperature"] == 0.5
    event = usage_of(gateway, answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])[0]
    assert (event["surface"], event["usage"]["output"]) == ("converse", usage["outputTokens"])


def test_converse_stream(bedrock: Any, provider: Provider, model: str) -> None:
    del provider
    answer = bedrock.converse_stream(
        modelId=model, messages=[user(script(text="Hello there, friend."))], inferenceConfig={"maxTokens": 100}
    )
    told = folded(answer["stream"])
    assert told["content"] == [{"text": "Hello there, friend."}]
    assert (told["role"], told["stopReason"]) == ("assistant", "end_turn")
    assert told["usage"]["outputTokens"] > 0


def test_a_stop_sequence_and_a_limit(bedrock: Any, model: str) -> None:
    asked = [user(script(text="one two three four"))]
    answer = bedrock.converse(modelId=model, messages=asked, inferenceConfig={"maxTokens": 100, "stopSequences": ["three"]})
    assert answer["output"]["message"]["content"] == [{"text": "one two "}]
    cut = bedrock.converse(modelId=model, messages=asked, inferenceConfig={"maxTokens": 2})
    assert cut["stopReason"] == "max_tokens"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_loop_of_three_turns(bedrock: Any, provider: Provider, model: str, stream: bool) -> None:
    """Each answer is sent back as it came, with the results of its calls."""
    del provider
    plan = {
        "text": "First Bern.",
        "tool_calls": [{"name": "get_weather", "arguments": {"city": "Bern"}}],
        "then": {
            "tool_calls": [{"name": "get_weather", "arguments": {"city": "Köln"}}, {"name": "get_weather", "arguments": {"city": "Oslo"}}],
            "then": {"text": "Sun in Bern, rain in Köln and Oslo."},
        },
    }
    messages = [user(script(**plan))]
    called: list[str] = []
    for _turn in range(3):
        asked = {"modelId": model, "messages": messages, "toolConfig": {"tools": [WEATHER]}, "inferenceConfig": {"maxTokens": 200}}
        if stream:
            told = folded(bedrock.converse_stream(**asked)["stream"])
            content, stop = told["content"], told["stopReason"]
        else:
            answer = bedrock.converse(**asked)
            content, stop = answer["output"]["message"]["content"], answer["stopReason"]
        messages.append({"role": "assistant", "content": content})
        uses = [block["toolUse"] for block in content if "toolUse" in block]
        if not uses:
            break
        assert stop == "tool_use"
        called += [use["input"]["city"] for use in uses]
        messages.append(user(*({"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"sky": "?"}}]}} for use in uses)))
    assert called == ["Bern", "Köln", "Oslo"]
    assert messages[-1]["content"] == [{"text": "Sun in Bern, rain in Köln and Oslo."}]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_invoke_with_an_anthropic_body(bedrock: Any, provider: Provider, model: str, stream: bool) -> None:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", **script(text="Hi.")}]}],
    }
    if stream:
        events = [
            json.loads(event["chunk"]["bytes"])
            for event in bedrock.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
        ]
        assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
        text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    else:
        answer = json.loads(bedrock.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
        assert (answer["type"], answer["stop_reason"]) == ("message", "end_turn")
        text = answer["content"][0]["text"]
    assert text == "Hi."
    sent = provider.request().body
    assert "anthropic_version" not in sent
    assert bool(sent.get("stream")) is stream


def test_tokens_are_counted(bedrock: Any, model: str) -> None:
    counted = bedrock.count_tokens(modelId=model, input={"converse": {"messages": [user({"text": "Hello there, friend."})]}})
    assert counted["inputTokens"] > 0


@pytest.mark.parametrize(
    ("status", "word"), [(429, "ThrottlingException"), (400, "ValidationException"), (503, "ServiceUnavailableException")]
)
def test_errors_of_the_provider(bedrock: Any, model: str, status: int, word: str) -> None:
    for call in (bedrock.converse, bedrock.converse_stream):
        with pytest.raises(ClientError) as refused:
            call(modelId=model, messages=[user(script(status=status))])
        told = refused.value.response
        assert (told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]) == (word, status)
        assert told["Error"]["Message"]


def test_errors_of_the_gateway(bedrock: Any, gateway: GatewayProcess) -> None:
    def code(client: Any, **fields: Any) -> str:
        with pytest.raises(ClientError) as refused:
            client.converse(**{"modelId": "sandbox/echo", "messages": [user({"text": "x"})], **fields})
        return refused.value.response["Error"]["Code"]

    assert code(bedrock, modelId="nobody/knows") == "ResourceNotFoundException"
    assert (
        code(bedrock, messages=[user({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/a.png"}}}})])
        == "ValidationException"
    )
    assert code(client_of(gateway, "a-wrong-secret")) == "InvalidSignatureException"
