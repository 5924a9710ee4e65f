// The official `@anthropic-ai/sdk` for Node, unmodified.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { GATEWAY, KEY, MODEL, PNG, TWO_CALLS, run, script } from "./check.mjs";

const client = new Anthropic({ baseURL: GATEWAY, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tools = [{ name: "get_weather", description: "Weather of a city", input_schema: schema }];
const ask = (message, more = {}) => client.messages.create({ model: MODEL, max_tokens: 500, messages: [message], ...more });
const textOf = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

await run({
  async plain() {
    const { data, response, request_id } = await ask(script({ text: "Hello there." })).withResponse();
    assert.equal(textOf(data), "Hello there.");
    assert.equal(data.stop_reason, "end_turn");
    assert.equal(data.usage.output_tokens, 2);
    assert.equal(response.headers.get("x-tidegate-target"), MODEL);
    assert.match(request_id, /^req_/);
  },

  async streaming() {
    const kinds = [];
    for await (const event of await ask(script({ text: "Hello there, friend." }), { stream: true })) kinds.push(event.type);
    assert.equal(kinds[0], "message_start");
    assert.deepEqual(kinds.slice(-2), ["message_delta", "message_stop"]);
  },

  async "the stream helper with tools, and the round trip"() {
    const messages = [script(TWO_CALLS)];
    const message = await client.messages.stream({ model: MODEL, max_tokens: 500, messages, tools }).finalMessage();
    const calls = message.content.filter((block) => block.type === "tool_use");
    assert.deepEqual(calls.map((call) => call.input.city), ["Bern", "Köln"]);
    assert.equal(message.stop_reason, "tool_use");
    messages.push({ role: "assistant", content: message.content });
    messages.push({ role: "user", content: calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "fine" })) });
    assert.equal(textOf(await client.messages.create({ model: MODEL, max_tokens: 500, messages, tools })), "Sun in Bern, rain in Köln.");
  },

  async "thinking with tools over two turns"() {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const messages = [script({ ...TWO_CALLS, reasoning_text: "I need the weather." })];
    const message = await client.messages.stream({ model: MODEL, max_tokens: 4000, thinking, messages, tools }).finalMessage();
    assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text", "tool_use", "tool_use"]);
    const calls = message.content.filter((block) => block.type === "tool_use");
    messages.push({ role: "assistant", content: message.content });
    messages.push({ role: "user", content: calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "fine" })) });
    assert.equal(textOf(await client.messages.create({ model: MODEL, max_tokens: 4000, thinking, messages, tools })), "Sun in Bern, rain in Köln.");
  },

  async vision() {
    const content = [{ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }, { type: "text", text: "What is it?" }];
    assert.match(textOf(await ask({ role: "user", content })), /1 attachment: image\/png \(98 bytes\)/);
  },

  async "structured output"() {
    const answer = await ask({ role: "user", content: "A city" }, { output_config: { format: { type: "json_schema", schema } } });
    assert.equal(typeof JSON.parse(textOf(answer)).city, "string");
  },

  async "errors are of the right class"() {
    await assert.rejects(ask(script({ n: 1 }), { model: "gpt-4oo" }), (error) => error instanceof Anthropic.NotFoundError && /gpt-4o/.test(error.message));
    await assert.rejects(ask(script({ status: 429, retry_after: 3 })), (error) => error instanceof Anthropic.RateLimitError && error.headers.get("retry-after") === "3");
    await assert.rejects(ask(script({ status: 529 })), (error) => error.status === 529 && error instanceof Anthropic.InternalServerError);
    await assert.rejects(client.withOptions({ apiKey: "wrong" }).models.list(), Anthropic.AuthenticationError);
  },

  async "a broken stream raises"() {
    for (const how of [{ mode: "fin" }, { error_in_stream: true }]) {
      await assert.rejects(async () => {
        for await (const event of await ask(script({ n: 20, die_at: 8, gap_ms: 2, ...how }), { stream: true })) assert.notEqual(event.type, "message_stop");
      }, Anthropic.APIError);
    }
  },

  async cancellation() {
    const stream = await ask(script({ n: 5000, gap_ms: 10 }), { stream: true });
    for await (const _ of stream) break;
    assert.ok(stream.controller.signal.aborted);
  },

  async "token counting"() {
    const counted = await client.messages.countTokens({ model: MODEL, messages: [{ role: "user", content: "How is the weather in Bern?" }], tools });
    assert.ok(counted.input_tokens > 10);
  },

  async models() {
    const names = [];
    for await (const model of client.models.list({ limit: 20 })) names.push(model.id);
    assert.ok(names.includes(MODEL));
    assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
  },
});
