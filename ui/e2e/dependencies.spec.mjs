// Who calls whom, as a picture and as a table.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite((server) => server.postArticle());

test("the article's client calls its server twice", async () => {
  const { page, complaints } = await run.open("/dependencies");
  await page
    .getByRole("group", { name: "Graph of calls between services" })
    .getByRole("link", { name: "client calls server: 2 calls, 0 errors" })
    .waitFor();
  const row = page.getByRole("table", { name: "Dependencies" }).getByRole("row").nth(1);
  assert.deepEqual(await row.getByRole("cell").allInnerTexts(), ["client", "server", "2", "0", "Traces"]);
  assert.deepEqual(complaints, []);
});

test("a link leads to the traces that it was counted from", async () => {
  const { page } = await run.open("/dependencies");
  await page.getByRole("link", { name: "Traces: client → server" }).click();
  await page.getByRole("heading", { name: "1 trace" }).waitFor();
});

test("the filter keeps the links of the named services", async () => {
  const { page } = await run.open("/dependencies?filter=nobody");
  await page.getByRole("heading", { name: "No calls between services in this time" }).waitFor();
});
