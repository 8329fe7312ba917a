// axe finds nothing on any page, in any theme, language and width.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { PHONE, WIDE } from "./support/browser.mjs";
import { suite } from "./support/suite.mjs";

const run = suite(async (server) => {
  await server.postArticle();
  const startUs = (Date.now() - 30_000) * 1000;
  await server.postSpans([
    {
      traceId: "00000000000000e1",
      id: "1",
      name: "pay",
      kind: "SERVER",
      timestamp: startUs,
      duration: 900,
      localEndpoint: { serviceName: "shop" },
      tags: { error: "no money" },
    },
    {
      traceId: "00000000000000e1",
      id: "2",
      parentId: "1",
      name: "charge",
      kind: "CLIENT",
      timestamp: startUs + 100,
      duration: 500,
      localEndpoint: { serviceName: "shop" },
      remoteEndpoint: { serviceName: "bank" },
      tags: { error: "no money", body: '{"a":[1,2]}' },
      annotations: [{ timestamp: startUs + 300, value: "error" }],
    },
  ]);
});

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function faults(page) {
  // Evaluated through the debugger, because the page's policy rightly refuses foreign scripts.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.map(
    (one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`,
  );
}

const PAGES = [
  ["search", "/", (page) => page.getByRole("table").waitFor()],
  ["search without result", "/?serviceName=client&minDuration=1h", (page) => page.locator(".nothing").waitFor()],
  ["trace", "/traces/1329fbad3a481654", (page) => page.getByRole("treegrid").waitFor()],
  [
    "trace with errors and panel",
    "/traces/00000000000000e1?span=0000000000000002",
    (page) => page.locator(".panel .values").first().waitFor(),
  ],
  [
    "trace with found rows",
    "/traces/00000000000000e1",
    async (page) => {
      await page.getByRole("treegrid").waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("charge");
    },
  ],
  ["missing trace", "/traces/00000000000000aa", (page) => page.locator(".failure").waitFor()],
  [
    "help sheet",
    "/traces/1329fbad3a481654",
    async (page) => {
      await page.getByRole("treegrid").waitFor();
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  ],
  ["dependencies", "/dependencies", (page) => page.locator("svg.graph").waitFor()],
];

for (const [colorScheme, locale, viewport] of [
  ["light", "en-US", WIDE],
  ["dark", "zh-CN", WIDE],
  ["dark", "en-US", PHONE],
  ["light", "zh-CN", PHONE],
]) {
  for (const [name, address, settled] of PAGES) {
    test(`axe finds nothing: ${name}, ${colorScheme}, ${locale}, ${viewport.width} wide`, async () => {
      const { page } = await run.open(address, { colorScheme, locale, viewport });
      await settled(page);
      assert.deepEqual(await faults(page), []);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.equal(overflow, 0, "the page does not scroll sideways");
      await page.context().close();
    });
  }
}
