// What someone sees who has just started the server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite();

test("an empty store explains how to send the first trace, and notices it", async () => {
  const { page, complaints } = await run.open("/");
  await page.getByRole("heading", { name: "No trace has arrived yet" }).waitFor();
  await page.getByRole("tab", { name: "Go, jaeger-client" }).click();
  const code = await page.getByRole("tabpanel").innerText();
  assert.ok(code.includes(`zipkin.NewHTTPTransport("${run.server.url}/api/v1/spans")`), code);
  await run.server.postArticle();
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
  assert.deepEqual(complaints, []);
});
