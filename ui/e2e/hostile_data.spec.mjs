// Received text is text: in names, tags, events, wherever it is shown.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const STRINGS = JSON.parse(await readFile(new URL("../testdata/blns.json", import.meta.url), "utf8"));
const TRACE_ID = "00000000000000bb";
/** Strings that do harm where text is taken for markup, script or address. */
const HARMFUL = STRINGS.map((text, index) => [text, index]).filter(([text]) =>
  /<\w|javascript:|onerror|alert\(/i.test(text),
);

function hex(index) {
  return (index + 2).toString(16).padStart(16, "0");
}

const run = suite(async (server) => {
  const startUs = (Date.now() - 60_000) * 1000;
  const root = {
    traceId: TRACE_ID,
    id: hex(-1),
    name: "root",
    timestamp: startUs,
    duration: 1_000_000,
    localEndpoint: { serviceName: "hostile" },
  };
  const children = STRINGS.map((text, index) => ({
    traceId: TRACE_ID,
    id: hex(index),
    parentId: hex(-1),
    name: text,
    timestamp: startUs + 1 + index,
    duration: 10,
    localEndpoint: { serviceName: text },
    tags: { [text || "empty"]: text, plain: text },
    annotations: [{ timestamp: startUs + 5 + index, value: text }],
  }));
  await server.postSpans([root, ...children]);
});

/** As the page shows names; the rule itself is tested where it is written. */
function shown(text) {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g,
    (char) => `\\u{${char.codePointAt(0).toString(16)}}`,
  );
}

/** Elements that no page of ours has, so that only markup in the data could have made them. */
const INTRUDERS = [
  ...["script", "img", "iframe", "object", "embed", "style", "link", "[onerror]", "[onclick]"],
  "svg:not(.graph):not([aria-hidden])",
  "form:not(.search-form):not(.open-by-id)",
];

function intruders(page) {
  const selector = INTRUDERS.map((one) => `#app ${one}`).join();
  return page.evaluate((wanted) => [...document.querySelectorAll(wanted)].map((one) => one.outerHTML), selector);
}

test("every name comes out as text, row by row", async () => {
  const { page, complaints } = await run.open(`/traces/${TRACE_ID}`);
  await page.getByRole("treegrid").waitFor();
  const seen = new Map();
  const rows = Number(await page.getByRole("treegrid").getAttribute("aria-rowcount"));
  for (let top = 0; top < rows; top += 20) {
    await page.locator(".scroller").evaluate((box, place) => (box.scrollTop = place * 30), top);
    await page.locator(`#row-${Math.min(rows - 1, top + 19)}`).waitFor();
    for (const [id, name] of await page
      .locator(".span-row")
      .evaluateAll((all) => all.map((row) => [row.id, row.querySelector(".operation").textContent])))
      seen.set(id, name);
  }
  assert.equal(seen.size, STRINGS.length + 1);
  const names = [...seen.values()].sort();
  assert.deepEqual(names, ["root", ...STRINGS.map(shown)].sort());
  assert.deepEqual(await intruders(page), []);
  assert.deepEqual(complaints, []);
});

test("harmful strings come out as text in tags and events, and never as dangerous links", async () => {
  assert.ok(HARMFUL.length > 100, String(HARMFUL.length));
  const { page, complaints } = await run.open(`/traces/${TRACE_ID}`);
  for (const [text, index] of HARMFUL.filter((_, place) => place % 7 === 0)) {
    await page.goto(`${run.server.url}/traces/${TRACE_ID}?span=${hex(index)}`);
    const row = page
      .getByRole("table", { name: "Tags" })
      .locator("tbody tr")
      .filter({ has: page.locator("th", { hasText: /^plain$/ }) });
    assert.equal(await row.locator("td .value").first().textContent(), text);
    for (const address of await page.locator("main a").evaluateAll((all) => all.map((link) => link.href)))
      assert.match(address, /^https?:/);
    assert.deepEqual(await intruders(page), []);
  }
  assert.deepEqual(complaints, []);
});

test("hostile service names are harmless in the dropdown, the results and the graph", async () => {
  const { page, complaints } = await run.open("/?limit=10");
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
  assert.ok(
    (await page.getByRole("combobox", { name: "Service", exact: true }).locator("option").count()) > STRINGS.length / 2,
  );
  assert.deepEqual(await intruders(page), []);
  await page.goto(`${run.server.url}/dependencies`);
  await page.getByRole("heading", { name: "Dependencies" }).waitFor();
  assert.deepEqual(await intruders(page), []);
  assert.deepEqual(complaints, []);
});

test("an address with markup in it is text, too", async () => {
  const { page, complaints } = await run.open(
    `/?serviceName=${encodeURIComponent("<img src=x onerror=alert(1)>")}&sort=%3Cscript%3E`,
  );
  await page.getByRole("heading", { name: "No trace matches" }).waitFor();
  assert.deepEqual(await intruders(page), []);
  assert.deepEqual(complaints, []);
});

test("the page allows nothing inline and nothing foreign", async () => {
  const answer = await fetch(run.server.url);
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  const html = await answer.text();
  assert.doesNotMatch(html, /<style|style=|\son\w+=|<script(?![^>]*src=)/);
});
