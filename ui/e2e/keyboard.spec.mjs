// A trace read without a mouse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite((server) => server.postArticle());

async function openTrace() {
  const { page } = await run.open("/traces/1329fbad3a481654");
  await page.getByRole("treegrid").waitFor();
  return page;
}

function focusedRow(page) {
  return page.evaluate(() => document.activeElement?.closest("[role=row]")?.id ?? document.activeElement?.tagName);
}

test("arrows move, fold and unfold", async () => {
  const page = await openTrace();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focusedRow(page), "row-1");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getByRole("row").count(), 2);
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("row").count(), 4);
  await page.keyboard.press("ArrowRight");
  assert.equal(await focusedRow(page), "row-2");
  await page.keyboard.press("End");
  assert.equal(await focusedRow(page), "row-3");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await focusedRow(page), "row-1");
});

test("Enter opens the span, arrows change it, Escape closes it and gives the row back", async () => {
  const page = await openTrace();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByRole("complementary").getByText("GetConn").waitFor();
  await page.keyboard.press("ArrowUp");
  await page.getByRole("complementary").getByText("DNSStart").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("complementary").count(), 0);
  assert.equal(await focusedRow(page), "row-2");
});

test("Tab reaches the dots of the row with focus and shows what they say", async () => {
  const page = await openTrace();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.match(await page.getByRole("tooltip").innerText(), /DNSStart[\s\S]*localhost/);
});

test("plus and minus zoom, nought shows all", async () => {
  const page = await openTrace();
  await page.keyboard.press("+");
  await page.waitForURL(/zoom=/);
  await page.keyboard.press("0");
  await page.waitForURL((url) => !url.search.includes("zoom"));
});

test("the slash finds, Enter goes to the match, Escape forgets", async () => {
  const page = await openTrace();
  await page.keyboard.press("/");
  await page.keyboard.type("dnsstart");
  assert.equal(await page.locator(".find output").innerText(), "1");
  await page.keyboard.press("Enter");
  assert.equal(await focusedRow(page), "row-2");
  await page.keyboard.press("Escape");
  assert.equal(await page.getByLabel("Find in trace").last().inputValue(), "");
});

test("the question mark opens the help and Escape closes it", async () => {
  const page = await openTrace();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys and marks" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});
