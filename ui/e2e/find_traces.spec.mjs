// The article: the page opens, the first dropdown names the client, Find Traces shows one trace.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite((server) => server.postArticle());

test("the first dropdown offers the client", async () => {
  const { page, complaints } = await run.open("/");
  const dropdown = page.getByRole("combobox", { name: "Service", exact: true });
  await dropdown.getByRole("option", { name: "client" }).waitFor({ state: "attached" });
  assert.equal(
    await page
      .locator("main select")
      .first()
      .evaluate((select) => select.labels[0].textContent.startsWith("Service")),
    true,
  );
  assert.deepEqual(complaints, []);
});

test("Find Traces shows the one trace with its root, time and counts", async () => {
  const { page } = await run.open("/");
  await page.getByRole("combobox", { name: "Service", exact: true }).selectOption("client");
  await page.getByRole("button", { name: "Find Traces" }).click();
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
  const row = page.getByRole("row").nth(1);
  assert.match(await row.innerText(), /client client/);
  assert.match(await row.innerText(), /13\.838 ms/);
  assert.match(await row.locator(".services").innerText(), /client\s+4\s+server\s+2/);
  assert.match(page.url(), /serviceName=client/);
});

test("the found trace opens with a click and Back returns to the search", async () => {
  const { page } = await run.open("/?serviceName=client");
  await page.getByRole("link", { name: /client client/ }).click();
  await page.getByRole("treegrid").waitFor();
  assert.match(page.url(), /\/traces\/1329fbad3a481654/);
  await page.goBack();
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
  assert.equal(await page.getByRole("combobox", { name: "Service", exact: true }).inputValue(), "client");
});

test("conditions narrow the search, and the way out of an empty result works", async () => {
  const { page } = await run.open("/?serviceName=client&minDuration=5s");
  await page.getByRole("heading", { name: "No trace matches" }).waitFor();
  await page.getByRole("button", { name: "Drop all conditions" }).click();
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
});

test("tags narrow the search", async () => {
  const { page } = await run.open("/?serviceName=client&annotationQuery=http.status_code%3D301");
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
  await page.getByLabel("Tags").fill("http.status_code=404");
  await page.getByLabel("Tags").press("Enter");
  await page.getByRole("heading", { name: "No trace matches" }).waitFor();
});

test("a duration without a unit is explained, not sent", async () => {
  const { page } = await run.open("/");
  await page.getByLabel("Min duration").fill("10");
  await page.getByRole("button", { name: "Find Traces" }).click();
  assert.match(await page.getByRole("alert").innerText(), /“10” is not a duration/);
});

test("a trace opens by its id", async () => {
  const { page } = await run.open("/");
  await page.getByRole("textbox", { name: "Trace id" }).fill("1329fbad3a481654");
  await page.getByRole("textbox", { name: "Trace id" }).press("Enter");
  await page.getByRole("treegrid").waitFor();
});

test("Zipkin's addresses lead here", async () => {
  const { page } = await run.open("/zipkin/?serviceName=client&lookback=1h");
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
  await page.goto(`${run.server.url}/zipkin/traces/1329fbad3a481654`);
  await page.getByRole("treegrid").waitFor();
});
