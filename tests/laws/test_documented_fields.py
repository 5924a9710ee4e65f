"""Every field of a request that the documents of the five APIs name: whatever dialect it goes to, it changes what is sent, or is on the
receipt, or the call is refused with its name. A field that does neither was lost in silence.

The fields are those of the pages of reference as of November 2026; what nobody documents is under the laws of `test_dialects`.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.laws.recorded import profile
from tests.laws.subjects.table import SUBJECTS

from tidegate.ir.errors import GatewayError

DIALECTS = {subject.name: subject.dialect for subject in SUBJECTS}
TARGETS = {
    "openai_chat": profile(thinking="effort"),
    "openai_responses": profile(thinking="effort"),
    "anthropic": profile(thinking="adaptive", prompt_cache=True, web_search=True),
    "gemini": profile(thinking="budget", audio=True),
    "bedrock_converse": profile(thinking="adaptive", prompt_cache=True),
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAID_OTHERWISE = {
    ("openai_responses", "store"): "the gateway keeps answers itself",
    ("openai_responses", "input.1.id"): "numbers an item in its own dialect and means nothing elsewhere",
    ("openai_responses", "input.2.id"): "numbers an item in its own dialect and means nothing elsewhere",
    ("anthropic", "service_tier"): "standard is what others give who are not told",
}

BASES: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}],
            },
            {
                "role": "assistant",
                "content": "t",
                "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "i", "content": "r"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}
        ],
    },
    "openai_responses": {
        "model": "m",
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:image/png;base64," + PNG}],
            },
            {"type": "function_call", "call_id": "i", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "i", "output": "r"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
    },
    "anthropic": {
        "model": "m",
        "max_tokens": 5000,
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "t"}, {"type": "tool_use", "id": "i", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "r"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
    },
    "gemini": {
        "model": "m",
        "contents": [
            {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": 1}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "properties": {}}}]}],
        "generationConfig": {},
    },
    "bedrock_converse": {
        "modelId": "m",
        "system": [{"text": "s"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "a"},
                    {"image": {"format": "png", "source": {"bytes": PNG}}},
                    {"document": {"format": "pdf", "name": "n", "source": {"bytes": "JVBERi0="}}},
                ],
            },
            {"role": "assistant", "content": [{"text": "t"}, {"toolUse": {"toolUseId": "i", "name": "f", "input": {}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "i", "content": [{"text": "r"}]}}]},
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]},
    },
}
FIELDS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "audio": {"voice": "alloy", "format": "mp3"},
        "frequency_penalty": 0.5,
        "logit_bias": {"1": 5},
        "logprobs": True,
        "max_completion_tokens": 77,
        "max_tokens": 77,
        "metadata": {"a": "b"},
        "modalities": ["text", "audio"],
        "n": 2,
        "parallel_tool_calls": False,
        "prediction": {"type": "content", "content": "x"},
        "presence_penalty": 0.5,
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "prompt_cache_options": {"mode": "explicit"},
        "reasoning_effort": "high",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}}},
        "safety_identifier": "sid",
        "seed": 5,
        "service_tier": "flex",
        "stop": ["END"],
        "store": True,
        "temperature": 0.3,
        "tool_choice": "required",
        "top_logprobs": 3,
        "top_p": 0.4,
        "user": "u",
        "verbosity": "low",
        "web_search_options": {"search_context_size": "high"},
        "moderation": {"model": "x"},
        "messages.0.name": "n",
        "messages.1.name": "n",
        "messages.1.content.1.image_url.detail": "low",
        "messages.2.name": "n",
        "messages.2.refusal": "no",
        "messages.2.audio": {"id": "a"},
        "messages.2.reasoning_content": "think",
        "messages.2.tool_calls.0.function.arguments": '{"a":"zz"}',
        "tools.0.function.strict": True,
        "tools.0.function.description": "d",
        "tools.0.cache_control": {"type": "ephemeral"},
        "messages.0.cache_control": {"type": "ephemeral"},
        "messages.1.content.0.cache_control": {"type": "ephemeral"},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "reasoning": {"effort": "low"},
        "extra_body": {"a": 1},
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
        "plugins": [{"id": "web"}],
        "provider": {"order": ["a"]},
    },
    "openai_responses": {
        "background": True,
        "include": ["message.output_text.logprobs"],
        "instructions": "be",
        "max_output_tokens": 77,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt": {"id": "p"},
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "reasoning": {"effort": "high", "summary": "detailed"},
        "safety_identifier": "s",
        "service_tier": "flex",
        "store": True,
        "temperature": 0.3,
        "text": {"verbosity": "low"},
        "text.format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "description": "d"},
        "tool_choice": "required",
        "top_logprobs": 3,
        "top_p": 0.4,
        "truncation": "auto",
        "user": "u",
        "context_management": [{"type": "compaction"}],
        "stream_options": {"include_obfuscation": False},
        "tools.0.strict": True,
        "tools.0.description": "d",
        "tools.0.defer_loading": True,
        "input.0.content.1.detail": "low",
        "input.1.id": "fc_1",
        "input.1.namespace": "n",
        "input.2.id": "x",
        "input.0.content.0.prompt_cache_breakpoint": {"mode": "x"},
    },
    "anthropic": {
        "cache_control": {"type": "ephemeral"},
        "container": "c",
        "context_management": {"edits": []},
        "inference_geo": "us",
        "mcp_servers": [{"type": "url", "url": "u", "name": "n"}],
        "metadata": {"user_id": "u"},
        "output_config": {"effort": "high"},
        "output_config.format": {"type": "json_schema", "schema": {"type": "object"}},
        "service_tier": "standard_only",
        "stop_sequences": ["END"],
        "temperature": 0.3,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tool_choice": {"type": "any"},
        "top_k": 5,
        "top_p": 0.4,
        "speed": "fast",
        "tools.0.description": "d",
        "tools.0.strict": True,
        "tools.0.cache_control": {"type": "ephemeral"},
        "tools.0.input_examples": [{"a": 1}],
        "tools.0.defer_loading": True,
        "tools.0.allowed_callers": ["direct"],
        "tools.0.eager_input_streaming": True,
        "system.0.cache_control": {"type": "ephemeral"},
        "messages.0.content.0.cache_control": {"type": "ephemeral", "ttl": "1h"},
        "messages.0.content.0.citations": [
            {
                "type": "char_location",
                "cited_text": "c",
                "document_index": 0,
                "document_title": None,
                "start_char_index": 0,
                "end_char_index": 1,
            }
        ],
        "messages.0.content.2.title": "t",
        "messages.0.content.2.context": "ctx",
        "messages.0.content.2.citations": {"enabled": True},
        "messages.1.content.1.caller": {"type": "direct"},
        "messages.2.content.0.is_error": True,
        "messages.2.content.0.cache_control": {"type": "ephemeral"},
        "tool_choice.": {"type": "auto", "disable_parallel_tool_use": True},
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
        "cachedContent": "c",
        "labels": {"a": "b"},
        "store": True,
        "serviceTier": "flex",
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "toolConfig.functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]},
        "toolConfig.retrievalConfig": {"languageCode": "de"},
        "toolConfig.includeServerSideToolInvocations": True,
        "generationConfig.stopSequences": ["E"],
        "generationConfig.responseMimeType": "application/json",
        "generationConfig.responseSchema": {"type": "OBJECT"},
        "generationConfig.responseModalities": ["TEXT", "IMAGE"],
        "generationConfig.candidateCount": 2,
        "generationConfig.maxOutputTokens": 77,
        "generationConfig.temperature": 0.3,
        "generationConfig.topP": 0.4,
        "generationConfig.topK": 5,
        "generationConfig.seed": 5,
        "generationConfig.presencePenalty": 0.5,
        "generationConfig.frequencyPenalty": 0.5,
        "generationConfig.responseLogprobs": True,
        "generationConfig.logprobs": 3,
        "generationConfig.enableEnhancedCivicAnswers": True,
        "generationConfig.speechConfig": {"voiceConfig": {}},
        "generationConfig.thinkingConfig": {"thinkingBudget": 2000, "includeThoughts": True},
        "generationConfig.imageConfig": {"aspectRatio": "1:1"},
        "generationConfig.mediaResolution": "MEDIA_RESOLUTION_LOW",
        "generationConfig.audioTimestamp": True,
        "generationConfig.routingConfig": {},
        "generationConfig.modelSelectionConfig": {"a": 1},
        "tools.0.googleSearch": {},
        "tools.0.codeExecution": {},
        "tools.0.functionDeclarations.0.description": "d",
        "tools.0.functionDeclarations.0.behavior": "NON_BLOCKING",
        "tools.0.functionDeclarations.0.response": {"type": "OBJECT"},
        "contents.0.parts.0.thoughtSignature": "AAAA",
        "contents.1.parts.0.thoughtSignature": "AAAA",
        "contents.0.parts.1.videoMetadata": {"fps": 1},
        "contents.0.parts.1.mediaResolution": {"level": "L"},
        "contents.1.parts.0.functionCall.id": "x",
        "contents.2.parts.0.functionResponse.willContinue": True,
        "contents.2.parts.0.functionResponse.scheduling": "SILENT",
    },
    "bedrock_converse": {
        "inferenceConfig.maxTokens": 77,
        "inferenceConfig.temperature": 0.3,
        "inferenceConfig.topP": 0.4,
        "inferenceConfig.stopSequences": ["E"],
        "toolConfig.toolChoice": {"any": {}},
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "additionalModelRequestFields": {"top_k": 5},
        "additionalModelResponseFieldPaths": ["/a"],
        "promptVariables": {"a": {"text": "b"}},
        "requestMetadata": {"a": "b"},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "flex"},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "n", "description": "d"}},
            }
        },
        "toolConfig.tools.0.toolSpec.description": "d",
        "toolConfig.tools.0.toolSpec.strict": True,
        "messages.2.content.0.toolResult.status": "error",
        "messages.0.content.2.document.context": "c",
        "messages.0.content.2.document.citations": {"enabled": True},
        "system.0": {"guardContent": {"text": {"text": "g"}}},
        "messages.0.content.0": {"guardContent": {"text": {"text": "g"}}},
    },
}


def _with(base: dict[str, Any], path: str, value: Any) -> bytes:
    body = copy.deepcopy(base)
    *places, last = path.rstrip(".").split(".")
    at: Any = body
    for place in places:
        at = at[int(place)] if isinstance(at, list) else at.setdefault(place, {})
    at[int(last) if isinstance(at, list) else last] = value
    return json.dumps(body).encode()


def _cases() -> Iterator[Any]:
    for source, fields in FIELDS.items():
        for path, value in fields.items():
            yield pytest.param(source, path, value, id=f"{source}-{path}")


@pytest.mark.parametrize(("source", "path", "value"), list(_cases()))
def test_a_documented_field_is_sent_or_on_the_receipt_or_refused(source: str, path: str, value: Any) -> None:
    without = DIALECTS[source].decode_request(json.dumps(BASES[source]).encode())
    asked = DIALECTS[source].decode_request(_with(BASES[source], path, value))
    silent: list[str] = []
    for name, dialect in DIALECTS.items():
        try:
            told = dialect.encode_request(asked, TARGETS[name])
        except GatewayError as refused:
            assert refused.error.param
            continue
        if told == dialect.encode_request(without, TARGETS[name]):
            silent.append(name)
    assert silent == [] or (source, path) in SAID_OTHERWISE, silent
