// Makes the pictures of docs/screenshots from the article's trace on the real server.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { openPage, PHONE, startBrowser } from "../e2e/support/browser.mjs";
import { startServer } from "../e2e/support/server.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots", import.meta.url));
const SCREEN = { width: 1280, height: 640 };

const PICTURES = [
  { name: "search", address: "/?serviceName=client", settled: (page) => page.getByRole("table").waitFor() },
  { name: "trace", address: "/traces/1329fbad3a481654?zoom=0..2000000", settled: pointAtDns },
  { name: "span", address: "/traces/1329fbad3a481654", settled: openRedirect },
  { name: "trace-dark", address: "/traces/1329fbad3a481654", colorScheme: "dark", settled: openRedirect },
  { name: "trace-zh", address: "/traces/1329fbad3a481654", locale: "zh-CN", settled: openRedirect },
  {
    name: "trace-phone",
    address: "/traces/1329fbad3a481654",
    viewport: PHONE,
    settled: (page) => page.getByRole("treegrid").waitFor(),
  },
  { name: "dependencies", address: "/dependencies", settled: (page) => page.locator("svg.graph").waitFor() },
];

async function pointAtDns(page) {
  await page.getByRole("button", { name: /^DNSStart/ }).hover();
  await page.getByRole("tooltip").waitFor();
}

async function openRedirect(page) {
  await page.getByRole("row").nth(2).locator(".label").click();
  await page.locator(".panel .values").first().waitFor();
}

await mkdir(FOLDER, { recursive: true });
const server = await startServer();
const browser = await startBrowser();
try {
  await server.postArticle();
  for (const { name, address, settled, ...options } of PICTURES) {
    const { page } = await openPage(browser, { viewport: SCREEN, ...options });
    await page.goto(server.url + address);
    await settled(page);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    await page.screenshot({ path: path.join(FOLDER, `${name}.png`) });
    await page.context().close();
  }
} finally {
  await browser.close();
  await server.stop();
}
