// What both scripts share: named checks run one after the other, each told as one line of JSON for tests/e2e/test_node_clients.py.

export const { GATEWAY, KEY, MODEL } = process.env;
export const PNG = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(90)]).toString("base64");

export const script = (fields) => ({ role: "user", content: JSON.stringify({ sandbox: fields }) });

export const TWO_CALLS = {
  text: "I look it up.",
  tool_calls: [
    { name: "get_weather", arguments: { city: "Bern" } },
    { name: "get_weather", arguments: { city: "Köln" } },
  ],
  then: { text: "Sun in Bern, rain in Köln." },
};

export async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    let error = null;
    try {
      await check();
    } catch (caught) {
      error = String(caught?.stack ?? caught);
    }
    console.log(JSON.stringify({ name, error }));
  }
}
