// A trace of 100,000 spans stays a page that answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const TRACE_ID = "000000000000b160";
const SPAN_COUNT = 100_000;
const BATCH = 5_000;

const run = suite(async (server) => {
  const startUs = (Date.now() - 60_000) * 1000;
  const hex = (index) => (index + 1).toString(16).padStart(16, "0");
  for (let first = 0; first < SPAN_COUNT; first += BATCH) {
    await server.postSpans(
      Array.from({ length: BATCH }, (_, offset) => {
        const index = first + offset;
        const parent = index === 0 ? {} : { parentId: hex(Math.floor((index - 1) / 5)) };
        return {
          traceId: TRACE_ID,
          id: hex(index),
          ...parent,
          name: `step ${index % 40}`,
          timestamp: startUs + index * 10,
          duration: index === 0 ? SPAN_COUNT * 10 : 4000,
          localEndpoint: { serviceName: `service-${index % 9}` },
          ...(index % 500 === 7 ? { tags: { error: "x" } } : {}),
        };
      }),
    );
  }
});

test("few rows are elements, wherever the trace is scrolled to, and the last is reached by a key", async (context) => {
  const { page, complaints } = await run.open(`/traces/${TRACE_ID}`);
  page.setDefaultTimeout(60_000);
  await page.getByRole("treegrid").waitFor();
  assert.equal(await page.getByRole("treegrid").getAttribute("aria-rowcount"), String(SPAN_COUNT));
  const { shownMs, answeredMs } = await page.evaluate(() => ({
    shownMs: performance.now(),
    answeredMs: performance.getEntriesByType("resource").find((one) => one.name.includes("/api/spandrel/traces/"))
      .responseEnd,
  }));
  context.diagnostic(
    `shown after ${shownMs.toFixed(0)} ms, of which ${answeredMs.toFixed(0)} ms until the server's answer was read`,
  );
  await page.keyboard.press("End");
  await page.locator(`#row-${SPAN_COUNT - 1}`).waitFor();
  assert.ok((await page.getByRole("row").count()) <= 81);
  const frames = await page.locator(".scroller").evaluate(async (box) => {
    const times = [];
    for (let frame = 0; frame < 60; frame += 1) {
      box.scrollTop = frame * 20_000;
      times.push(await new Promise((resolve) => requestAnimationFrame(resolve)));
    }
    return times
      .slice(1)
      .map((time, index) => time - times[index])
      .sort((a, b) => a - b);
  });
  // Written down, not asserted: how fast the machine is says nothing about the program.
  context.diagnostic(`frame median ${frames[30].toFixed(1)} ms, worst ${frames.at(-1).toFixed(1)} ms`);
  assert.ok((await page.getByRole("row").count()) <= 81);
  assert.deepEqual(complaints, []);
});

test("errors are reached by a key across the whole trace", async () => {
  const { page } = await run.open(`/traces/${TRACE_ID}`);
  page.setDefaultTimeout(60_000);
  await page.getByRole("treegrid").waitFor();
  await page.keyboard.press("E");
  await page.locator(".span-row.has-error:focus").waitFor();
});
