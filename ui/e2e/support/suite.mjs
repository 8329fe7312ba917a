// One server and one browser for the tests of a file, ended whatever happens.

import { after, before } from "node:test";
import { openPage, startBrowser } from "./browser.mjs";
import { startServer } from "./server.mjs";

/** Starts both before the tests of the file; `seed` fills the store. */
export function suite(seed = async () => {}) {
  const running = {};
  before(async () => {
    running.server = await startServer();
    running.browser = await startBrowser();
    running.seeded = await seed(running.server);
  });
  after(async () => {
    await running.browser?.close();
    await running.server?.stop();
  });
  /** Opens an address of the server on a new page. */
  running.open = async (address, options) => {
    const opened = await openPage(running.browser, options);
    await opened.page.goto(running.server.url + address);
    return opened;
  };
  return running;
}
