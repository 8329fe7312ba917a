// Language and theme, chosen and kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite((server) => server.postArticle());

function ground(page) {
  return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}

test("the language follows the browser, changes at once and is kept", async () => {
  const { page } = await run.open("/", { locale: "zh-CN" });
  await page.getByRole("button", { name: "查找 Trace" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
  await page.getByRole("combobox", { name: "语言" }).selectOption("en");
  await page.getByRole("button", { name: "Find Traces" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Find Traces" }).waitFor();
});

test("the theme follows the system until one is chosen", async () => {
  const { page } = await run.open("/", { colorScheme: "dark" });
  await page.getByRole("button", { name: "Find Traces" }).waitFor();
  const dark = await ground(page);
  await page.getByRole("combobox", { name: "Theme" }).selectOption("light");
  assert.notEqual(await ground(page), dark);
  await page.reload();
  assert.notEqual(await ground(page), dark);
  await page.getByRole("combobox", { name: "Theme" }).selectOption("system");
  assert.equal(await ground(page), dark);
});
