// The address bar as a signal. The whole router: three pages need no more.

import { computed, signal } from "@preact/signals";
import { routeOf } from "../base/url";

const current = signal({ path: window.location.pathname, search: window.location.search });

window.addEventListener("popstate", read);

function read(): void {
  current.value = { path: window.location.pathname, search: window.location.search };
}

/** The page that the address leads to. */
export const route = computed(() => routeOf(current.value.path));

/** The parameters of the address. */
export const parameters = computed(() => new URLSearchParams(current.value.search));

/** Goes to an address of this program, as a new step of the history or in place of this one. */
export function go(address: string, how: "push" | "replace" = "push"): void {
  if (how === "push") window.history.pushState(null, "", address);
  else window.history.replaceState(null, "", address);
  read();
}

/** Sets parameters of the present address in place; null takes one away. */
export function setParameters(changes: Readonly<Record<string, string | null>>): void {
  const changed = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) changed.delete(name);
    else changed.set(name, value);
  }
  const search = changed.toString();
  go(window.location.pathname + (search === "" ? "" : `?${search}`), "replace");
}

/** Takes plain clicks on links to this program's pages; other clicks stay the browser's. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.target !== "" || link.hasAttribute("download") || link.origin !== window.location.origin) return;
  if (routeOf(link.pathname).page === "missing") return;
  event.preventDefault();
  go(link.pathname + link.search);
}
