// The state of a page in its address: reading it, writing it. Pure.

/** Writes parameters in the given order; absent and empty ones are left out. */
export function query(parameters: Readonly<Record<string, string | number | boolean | null | undefined>>): string {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "" && value !== false) written.set(name, String(value));
  }
  const text = written.toString();
  return text === "" ? "" : `?${text}`;
}

/** Where in the program an address leads. */
export type Route =
  | { readonly page: "search" }
  | { readonly page: "trace"; readonly traceId: string }
  | { readonly page: "dependencies" }
  | { readonly page: "missing" };

/** Finds the page of a path. */
export function routeOf(path: string): Route {
  const trace = /^\/traces\/([^/]+)\/?$/.exec(path);
  if (trace?.[1] !== undefined) return { page: "trace", traceId: decode(trace[1]) };
  if (path === "/" || path === "/index.html") return { page: "search" };
  if (path === "/dependencies" || path === "/dependencies/") return { page: "dependencies" };
  return { page: "missing" };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is no reason for a blank page; the server answers what it is.
    return text;
  }
}

/** The path of a trace's page. */
export function tracePath(traceId: string, spanId?: string): string {
  return `/traces/${encodeURIComponent(traceId)}${query({ span: spanId })}`;
}

/** Reads an interval written as `startNs-endNs`; null when it is none. */
export function parseInterval(text: string | null): { startNs: number; endNs: number } | null {
  const parts = /^(\d{1,16})-(\d{1,16})$/.exec(text ?? "");
  const startNs = Number(parts?.[1]);
  const endNs = Number(parts?.[2]);
  return parts && startNs < endNs ? { startNs, endNs } : null;
}
