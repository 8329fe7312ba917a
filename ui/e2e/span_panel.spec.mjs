// The article: the pop-up of the redirected call, and that of the call after it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite((server) => server.postArticle());

async function openSpan(row) {
  const opened = await run.open("/traces/1329fbad3a481654");
  await opened.page.getByRole("row").nth(row).locator(".label").click();
  const panel = opened.page.getByRole("complementary");
  await panel.getByRole("heading", { name: "Events" }).waitFor();
  return { ...opened, panel };
}

async function tagsOf(panel) {
  const rows = await panel.getByRole("table", { name: "Tags" }).getByRole("row").all();
  const tags = await Promise.all(
    rows
      .slice(1)
      .map((row) => row.evaluate((one) => [one.cells[0].textContent, one.cells[1].firstElementChild.textContent])),
  );
  return tags;
}

test("the four moments of the call stand around the client's own events, in order of time", async () => {
  const { panel, complaints } = await openSpan(2);
  const names = await panel.locator(".events .event-name").allInnerTexts();
  assert.deepEqual(names, [
    "Client Send",
    "GetConn",
    "DNSStart",
    "DNSDone",
    "ConnectStart",
    "ConnectDone",
    "GotConn",
    "WroteHeaders",
    "WroteRequest",
    "Server Receive",
    "Server Send",
    "GotFirstResponseByte",
    "PutIdleConn",
    "ClosedBody",
    "Client Receive",
  ]);
  assert.deepEqual(complaints, []);
});

test("events carry wall time, time relative to the trace, and address", async () => {
  const { panel } = await openSpan(2);
  const rows = await panel
    .locator(".events tbody tr")
    .evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.innerText)));
  assert.deepEqual(
    [rows[0][1], rows[2][1], rows[9][1], rows[10][1], rows.at(-1)[1]],
    ["33 µs", "213 µs", "1.246 ms", "1.284 ms", "13.187 ms"],
  );
  assert.match(rows[2][2], /DNSStart\s+host\s+localhost/);
  for (const row of rows) assert.match(row[0], /^\d\d:\d\d:\d\d\.\d{6}$/);
  assert.match(rows[0][3], /192\.0\.2\.2 \(client\)/);
  assert.match(rows[9][3], /192\.0\.2\.2 \(server\)/);
});

test("the redirect has its tags from both sides", async () => {
  const { panel } = await openSpan(2);
  const tags = await tagsOf(panel);
  for (const wanted of [
    ["http.status_code", "301"],
    ["http.url", "http://localhost:8000/"],
    ["http.url", "/"],
    ["hostname", "demo-host"],
    ["jaeger.version", "Go-2.29.2-dev"],
  ]) {
    assert.ok(
      tags.some((tag) => tag[0] === wanted[0] && tag[1] === wanted[1]),
      `${wanted} is not among ${JSON.stringify(tags)}`,
    );
  }
});

test("the call after it has 200 and no DNS", async () => {
  const { panel } = await openSpan(3);
  assert.ok((await tagsOf(panel)).some((tag) => tag[0] === "http.status_code" && tag[1] === "200"));
  assert.doesNotMatch(await panel.innerText(), /DNS/);
});

test("a web address is a link to exactly what it shows, and a path is none", async () => {
  const { panel } = await openSpan(2);
  const links = await panel
    .locator("a.value")
    .evaluateAll((all) => all.map((link) => [link.textContent, link.href, link.rel]));
  assert.deepEqual(links, [["http://localhost:8000/", "http://localhost:8000/", "noopener noreferrer"]]);
});

test("the selected span is in the address and comes back with it", async () => {
  const { page } = await openSpan(2);
  await page.waitForURL(/span=[0-9a-f]{16}/);
  await page.reload();
  await page
    .getByRole("complementary")
    .getByRole("heading", { name: /client → server · HTTP GET/ })
    .waitFor();
});

test("the JSON of the trace is shown and can be downloaded", async () => {
  const { page } = await run.open("/traces/1329fbad3a481654");
  await page.getByRole("button", { name: "JSON" }).click();
  const text = await page.getByRole("dialog").locator("pre").innerText();
  assert.equal(JSON.parse(text).length, 6);
  const waiting = page.waitForEvent("download");
  await page.getByRole("dialog").getByRole("link", { name: "Download" }).click();
  assert.equal((await waiting).suggestedFilename(), "1329fbad3a481654.json");
});
