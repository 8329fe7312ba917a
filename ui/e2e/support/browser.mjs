// Chromium as the system has it, driven by playwright-core.

import { accessSync, constants } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function executable() {
  if (process.env["CHROMIUM"]) return process.env["CHROMIUM"];
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const found = folders.flatMap((folder) => NAMES.map((name) => path.join(folder, name))).find(isExecutable);
  if (!found) throw new Error("no Chromium on the PATH; install one or name it in CHROMIUM");
  return found;
}

/** Starts the browser. */
export async function startBrowser() {
  return chromium.launch({ executablePath: executable(), args: FLAGS });
}

/** A wide screen and a phone. */
export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/**
 * Opens a page of its own. What it complains about, blocked content included, is gathered in
 * `complaints`, and a test asserts that there is none.
 */
export async function openPage(browser, { viewport = WIDE, colorScheme = "light", locale = "en-US" } = {}) {
  const context = await browser.newContext({
    viewport,
    colorScheme,
    locale,
    timezoneId: "UTC",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, complaints };
}
