// The real server on a free port with an empty store, for one test file.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { shiftTimes } from "./thrift_clock.mjs";

const UI = fileURLToPath(new URL("../..", import.meta.url));
const ARTICLE = path.join(UI, "testdata", "article-go-client-shared");

/** When the article's run was recorded: the start of its root span. */
const RECORDED_US = 1_795_364_932_883_255n;

/** How long the server may take to start or to stop. */
const PATIENCE_MS = 20_000;

function binary() {
  if (process.env["SPANDREL_BIN"]) return process.env["SPANDREL_BIN"];
  const target = process.env["CARGO_TARGET_DIR"] ?? path.join(UI, "..", "target");
  const found = ["release", "debug"].map((profile) => path.join(target, profile, "spandrel")).find(existsSync);
  assert.ok(found, "build the server first, or name it in SPANDREL_BIN");
  return found;
}

/** Starts a server; `stop` ends it and removes its store. */
export async function startServer() {
  const folder = await mkdtemp(path.join(tmpdir(), "spandrel-e2e-"));
  const child = spawn(binary(), ["serve", "--listen", "127.0.0.1:0", "--data-dir", path.join(folder, "data")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (log += chunk));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await exited;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await ready(child, () => log);
    return new Server(url, stop);
  } catch (error) {
    await stop();
    throw new Error(`the server did not start: ${log}`, { cause: error });
  }
}

async function ready(child, log) {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (Date.now() < giveUpAt && child.exitCode === null) {
    const address = /127\.0\.0\.1:[1-9]\d*/.exec(log())?.[0];
    if (address) {
      const answer = await fetch(`http://${address}/ready`).catch(() => null);
      if (answer?.ok) return `http://${address}`;
    }
    await pause(20);
  }
  throw new Error("not ready in time");
}

/** A running server. */
class Server {
  constructor(url, stop) {
    this.url = url;
    this.stop = stop;
  }

  /** Sends one body and insists that it is accepted. */
  async post(address, contentType, body) {
    const answer = await fetch(this.url + address, { method: "POST", headers: { "content-type": contentType }, body });
    assert.ok(answer.ok, `${address} answered ${answer.status}: ${await answer.text()}`);
  }

  /** Sends spans as Zipkin v2 JSON. */
  async postSpans(spans) {
    await this.post("/api/v2/spans", "application/json", JSON.stringify(spans));
  }

  /** Sends what the article's Go program sent, as if it had run a minute ago. */
  async postArticle(agoMs = 60_000) {
    const byUs = BigInt(Date.now() - agoMs) * 1000n - RECORDED_US;
    for (let number = 1; number <= 6; number += 1) {
      const body = await readFile(path.join(ARTICLE, `0${number}.thrift`));
      await this.post("/api/v1/spans", "application/x-thrift", shiftTimes(body, RECORDED_US, byUs));
    }
    return "1329fbad3a481654";
  }
}
