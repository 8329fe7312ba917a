// Prints the gzipped sizes of what the server embeds, and fails when one is over its budget.

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const BUDGETS_BYTES = { "app.js": 60 * 1024, "app.css": 12 * 1024 };

let isOver = false;
for (const [name, budget] of Object.entries(BUDGETS_BYTES)) {
  const bytes = gzipSync(await readFile(new URL(`../dist/assets/${name}`, import.meta.url)), { level: 9 }).length;
  isOver ||= bytes > budget;
  console.log(`${name}: ${bytes} of ${budget} bytes gzipped${bytes > budget ? ", over its budget" : ""}`);
}
const { dependencies } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
const count = Object.keys(dependencies).length;
console.log(`runtime dependencies: ${count} of 5`);
process.exitCode = isOver || count > 5 ? 1 : 0;
