// The official `openai` client for Node, unmodified.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { GATEWAY, KEY, MODEL, PNG, TWO_CALLS, run, script } from "./check.mjs";

const client = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather of a city", parameters: schema } }];
const ask = (message, more = {}) => client.chat.completions.create({ model: MODEL, messages: [message], ...more });
const cities = (calls) => calls.map((call) => JSON.parse(call.function.arguments).city);

await run({
  async plain() {
    const { data, response } = await ask(script({ text: "Hello there." })).withResponse();
    assert.equal(data.choices[0].message.content, "Hello there.");
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.equal(data.usage.completion_tokens, 2);
    assert.equal(response.headers.get("x-tidegate-target"), MODEL);
  },

  async streaming() {
    const stream = await ask(script({ text: "Hello there, friend." }), { stream: true, stream_options: { include_usage: true } });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "Hello there, friend.");
    assert.equal(chunks.at(-1).usage.completion_tokens, 3);
    assert.deepEqual(chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.finish_reason)).filter(Boolean), ["stop"]);
  },

  async "the stream helper with tools, and the round trip"() {
    const messages = [script(TWO_CALLS)];
    const stream = client.chat.completions.stream({ model: MODEL, messages, tools });
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.deepEqual(cities(message.tool_calls), ["Bern", "Köln"]);
    messages.push({ role: "assistant", content: message.content, tool_calls: message.tool_calls.map(({ id, type, function: { name, arguments: args } }) => ({ id, type, function: { name, arguments: args } })) });
    for (const call of message.tool_calls) messages.push({ role: "tool", tool_call_id: call.id, content: "fine" });
    const answer = await client.chat.completions.create({ model: MODEL, messages, tools });
    assert.equal(answer.choices[0].message.content, "Sun in Bern, rain in Köln.");
  },

  async "the tool runner"() {
    const seen = [];
    const runner = client.chat.completions.runTools({
      model: MODEL,
      messages: [script({ ...TWO_CALLS, text: undefined })],
      tools: [{ type: "function", function: { name: "get_weather", parameters: schema, parse: JSON.parse, function: ({ city }) => { seen.push(city); return "fine"; } } }],
    });
    assert.equal(await runner.finalContent(), "Sun in Bern, rain in Köln.");
    assert.deepEqual(seen, ["Bern", "Köln"]);
  },

  async vision() {
    const content = [{ type: "text", text: "What is it?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }];
    const answer = await ask({ role: "user", content });
    assert.match(answer.choices[0].message.content, /1 attachment: image\/png \(98 bytes\)/);
  },

  async "structured output by the parse helper"() {
    const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema } };
    const answer = await client.chat.completions.parse({ model: MODEL, messages: [{ role: "user", content: "A city" }], response_format });
    assert.equal(typeof answer.choices[0].message.parsed.city, "string");
  },

  async "errors are of the right class"() {
    await assert.rejects(ask(script({ n: 1 }), { model: "gpt-4oo" }), (error) => error instanceof OpenAI.NotFoundError && /gpt-4o/.test(error.message));
    await assert.rejects(ask(script({ status: 429, retry_after: 3 })), (error) => error instanceof OpenAI.RateLimitError && error.headers.get("retry-after") === "3");
    await assert.rejects(ask(script({ status: 500 })), OpenAI.InternalServerError);
    await assert.rejects(client.withOptions({ apiKey: "wrong" }).models.list(), OpenAI.AuthenticationError);
  },

  async "a broken stream raises"() {
    for (const how of [{ mode: "fin" }, { error_in_stream: true }]) {
      const stream = await ask(script({ n: 20, die_at: 8, gap_ms: 2, ...how }), { stream: true });
      await assert.rejects(async () => {
        for await (const chunk of stream) assert.equal(chunk.choices[0]?.finish_reason ?? null, null);
      }, OpenAI.APIError);
    }
  },

  async cancellation() {
    const stream = await ask(script({ n: 5000, gap_ms: 10 }), { stream: true });
    for await (const _ of stream) break;
    assert.ok(stream.controller.signal.aborted);
  },

  async models() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes(MODEL));
    assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
  },
});
