// The article: the trace on its timeline, four rows, the dots, both halves of a call.

import assert from "node:assert/strict";
import { test } from "node:test";
import { suite } from "./support/suite.mjs";

const run = suite((server) => server.postArticle());

async function openTrace(address = "") {
  const opened = await run.open(`/traces/1329fbad3a481654${address}`);
  await opened.page.getByRole("treegrid").waitFor();
  return opened;
}

async function barBox(page, row) {
  return page.getByRole("row").nth(row).locator(".bar-hit").boundingBox();
}

/** The colour of a device pixel of the rows' canvas, below a point of the page. */
async function pixelAt(page, x, y) {
  return page.evaluate(
    ([left, top]) => {
      const canvas = document.querySelector(".rows > canvas");
      const box = canvas.getBoundingClientRect();
      const density = canvas.width / box.width;
      return [
        ...canvas.getContext("2d").getImageData((left - box.left) * density, (top - box.top) * density, 1, 1).data,
      ];
    },
    [x, y],
  );
}

test("there are four rows, the joined ones naming both services", async () => {
  const { page, complaints } = await openTrace();
  assert.equal(await page.getByRole("row").count(), 4);
  const names = await page.locator(".span-row .label").allInnerTexts();
  assert.deepEqual(
    names.map((name) => name.trim()),
    ["client client", "client HTTP Client", "client → server HTTP GET", "client → server HTTP GET"],
  );
  assert.deepEqual(complaints, []);
});

test("the root covers the whole axis", async () => {
  const { page } = await openTrace();
  const axis = await page.locator(".axis").boundingBox();
  const root = await barBox(page, 0);
  assert.ok(
    Math.abs(root.x - axis.x - 12) < 1 && Math.abs(root.x + root.width - (axis.x + axis.width - 12)) < 1,
    JSON.stringify({ axis, root }),
  );
});

test("the fourth row is shorter than the third", async () => {
  const { page } = await openTrace();
  assert.deepEqual(await page.locator(".span-row .took").allInnerTexts(), [
    "13.838 ms",
    "13.807 ms",
    "13.154 ms",
    "643 µs",
  ]);
  assert.ok((await barBox(page, 3)).width < (await barBox(page, 2)).width / 10);
});

test("both halves of a call are painted, the server's inside of the client's", async () => {
  const { page } = await openTrace("?zoom=0..2000000");
  const row = await page.getByRole("row").nth(2).boundingBox();
  const axis = await page.locator(".axis").boundingBox();
  const xOf = (us) => axis.x + 12 + ((axis.width - 24) * us) / 2000;
  const y = row.y + 10;
  const [waiting, serving] = [await pixelAt(page, xOf(1150), y), await pixelAt(page, xOf(1265), y)];
  assert.notDeepEqual(waiting.slice(0, 3), serving.slice(0, 3));
  assert.ok(waiting[3] < serving[3], "the waiting client is painted paler than the working server");
});

test("the dot DNSStart is white and says its host on hover and on focus", async () => {
  const { page } = await openTrace();
  const dot = page.getByRole("button", { name: /^DNSStart/ });
  await dot.hover();
  const popup = page.getByRole("tooltip");
  assert.match(await popup.innerText(), /DNSStart[\s\S]*\+213 µs[\s\S]*host\s*localhost/);
  const box = await dot.boundingBox();
  assert.deepEqual((await pixelAt(page, box.x + 7, box.y + 10)).slice(0, 3), [255, 255, 255]);
  await page.mouse.move(5, 5);
  await popup.waitFor({ state: "detached" });
  await dot.focus();
  assert.match(await page.getByRole("tooltip").innerText(), /localhost/);
});

test("a dot on the last microsecond is whole", async () => {
  const { page } = await openTrace();
  const grid = await page.locator(".rows").boundingBox();
  const dots = await page.getByRole("row").nth(3).getByRole("button").all();
  const last = await dots.at(-1).boundingBox();
  assert.ok(last.x + last.width <= grid.x + grid.width, "the button ends inside of the plot");
});

test("the third row has the DNS events and the fourth has none", async () => {
  const { page } = await openTrace("?zoom=0..1100000");
  const names = await page
    .getByRole("row")
    .nth(2)
    .getByRole("button")
    .evaluateAll((all) => all.map((one) => one.ariaLabel));
  assert.ok(
    names.some((name) => name.startsWith("DNSStart")) && names.some((name) => name.startsWith("DNSDone")),
    names.join(),
  );
  await page.goto(`${run.server.url}/traces/1329fbad3a481654?zoom=13100000..13838000`);
  await page.getByRole("treegrid").waitFor();
  const fourth = await page
    .getByRole("row")
    .nth(3)
    .getByRole("button")
    .evaluateAll((all) => all.map((one) => one.ariaLabel));
  assert.ok(fourth.length > 3 && fourth.every((name) => !name.includes("DNS")), fourth.join());
});

test("dragging over the overview zooms, and a double click shows all again", async () => {
  const { page } = await openTrace();
  const box = await page.getByRole("group", { name: /Overview/ }).boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Whole trace" }).and(page.locator(":enabled")).waitFor();
  await page.waitForURL(/zoom=\d+\.\.\d+/);
  const [from, to] = /zoom=(\d+)\.\.(\d+)/.exec(page.url()).slice(1).map(Number);
  assert.ok(from > 3.3e6 && from < 3.6e6 && to > 6.8e6 && to < 7.1e6, `${from} ${to}`);
  await page.mouse.dblclick(box.x + 40, box.y + 20);
  await page.waitForURL((url) => !url.search.includes("zoom"));
});

test("a subtree folds and says how much is hidden", async () => {
  const { page } = await openTrace();
  await page.getByRole("row").nth(1).getByRole("button", { name: "Collapse" }).click();
  assert.equal(await page.getByRole("row").count(), 2);
  await page.getByRole("img", { name: "2 spans collapsed" }).waitFor();
  await page.getByRole("row").nth(1).getByRole("button", { name: "Expand" }).click();
  assert.equal(await page.getByRole("row").count(), 4);
});

test("an unknown trace says so", async () => {
  const { page } = await run.open("/traces/00000000000000aa");
  assert.match(await page.locator("main").innerText(), /No span of this trace is stored/);
});
