// A trace that went wrong: errors, clocks that disagree, spans whose parents never came, a phone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PHONE } from "./support/browser.mjs";
import { suite } from "./support/suite.mjs";

const SHOP = { serviceName: "shop", ipv4: "10.0.0.1" };
const BANK = { serviceName: "bank", ipv4: "10.0.0.9" };

const run = suite(async (server) => {
  const startUs = (Date.now() - 60_000) * 1000;
  const trace = { traceId: "00000000000000e1", localEndpoint: SHOP };
  await server.postSpans([
    {
      ...trace,
      id: "1",
      name: "POST /checkout",
      kind: "SERVER",
      timestamp: startUs,
      duration: 900_000,
      tags: { error: "refused" },
    },
    {
      ...trace,
      id: "2",
      parentId: "1",
      name: "charge",
      kind: "CLIENT",
      timestamp: startUs + 100_000,
      duration: 500_000,
      annotations: [
        { timestamp: startUs + 300_000, value: "error" },
        { timestamp: startUs + 900_001, value: "late" },
      ],
    },
    // The bank's clock is 600 ms behind the shop's.
    {
      ...trace,
      id: "2",
      parentId: "1",
      shared: true,
      name: "charge",
      kind: "SERVER",
      timestamp: startUs - 400_000,
      duration: 300_000,
      localEndpoint: BANK,
    },
    { ...trace, id: "9", parentId: "8", name: "orphan", timestamp: startUs + 700_000, duration: 10 },
  ]);
  await server.postSpans([{ traceId: "00000000000000e2", id: "5", parentId: "4", name: "lost", localEndpoint: SHOP }]);
});

async function openTrace(options) {
  const opened = await run.open("/traces/00000000000000e1", options);
  await opened.page.getByRole("treegrid").waitFor();
  return opened;
}

test("errors are marked in the row, counted in the header, and reached by a key", async () => {
  const { page, complaints } = await openTrace();
  await page
    .getByRole("row", { name: /POST \/checkout/ })
    .getByRole("img", { name: "Error" })
    .waitFor();
  assert.match(await page.locator(".facts .has-error").innerText(), /Errors\s+1/);
  await page.keyboard.press("End");
  await page.keyboard.press("e");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "row-0");
  assert.deepEqual(complaints, []);
});

test("clocks are corrected and said to be, and the switch shows the times as received", async () => {
  const { page } = await openTrace();
  assert.match(await page.locator(".notes").innerText(), /bank was 600 ms behind/);
  await page
    .getByRole("row", { name: /charge/ })
    .locator(".label")
    .click();
  const server = page.locator(".half").nth(1);
  assert.match(await server.innerText(), /Server\s+bank\s+Start\s+\+200 ms/);
  await page.getByRole("switch", { name: "Raw times" }).check();
  await page.waitForURL(/raw=true/);
  await server.getByText("\u2212400 ms").waitFor();
  assert.equal(await page.locator(".notes").count(), 0);
});

test("an event a microsecond past the trace's end has a whole dot", async () => {
  const { page } = await openTrace();
  const plot = await page.locator(".rows").boundingBox();
  const dot = await page.getByRole("button", { name: /^late/ }).boundingBox();
  assert.ok(dot.x > plot.x + plot.width / 2 && dot.x + dot.width <= plot.x + plot.width, JSON.stringify({ plot, dot }));
});

test("a span whose parent never came says so", async () => {
  const { page } = await openTrace();
  await page
    .getByRole("row", { name: /orphan/ })
    .getByRole("img", { name: "Its parent span was not received" })
    .waitFor();
});

test("a trace without root and without times is still a page", async () => {
  const { page, complaints } = await run.open("/traces/00000000000000e2");
  await page.getByRole("row", { name: /lost/ }).waitFor();
  assert.match(await page.locator(".trace-header").innerText(), /\(no root span\)[\s\S]*was not received/);
  assert.deepEqual(complaints, []);
});

test("on a phone a tap opens the span over the page and closing gives the page back", async () => {
  const { page } = await openTrace({ viewport: PHONE });
  await page
    .getByRole("row", { name: /charge/ })
    .locator(".label")
    .click();
  const panel = page.getByRole("complementary");
  await panel.getByText("Client Send").waitFor();
  const box = await panel.boundingBox();
  assert.equal(box.width, PHONE.width);
  await panel.getByRole("button", { name: "Close" }).click();
  await panel.waitFor({ state: "detached" });
});
