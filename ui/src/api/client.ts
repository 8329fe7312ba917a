// Asks the server and keeps the last answers by address. Knows no page.

import { signal, type ReadonlySignal } from "@preact/signals";
import { query } from "../base/url";

const ROOT = "/api/spandrel";

/** How many answers are kept for going back and forth; the oldest is dropped first. */
const CACHED_ANSWERS_MAX = 16;

/** A refusal or failure, with the server's own words where there are any. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** The HTTP status, or 0 when the server could not be reached. */
    readonly status: number,
  ) {
    super(message);
  }
}

/** An answer on its way: nothing yet, there, or failed. */
export type Answer<T> =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly data: T }
  | { readonly state: "failed"; readonly error: ApiError };

async function refusal(response: Response): Promise<ApiError> {
  const text = (await response.text()).slice(0, 2000);
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "error" in body)
      return new ApiError(String(body.error), response.status);
  } catch {
    // Not JSON: a proxy's page or Zipkin's plain text. The text itself is the best there is.
  }
  return new ApiError(text.startsWith("<") || text === "" ? response.statusText : text, response.status);
}

/** Asks an address for JSON. */
export async function ask<T>(address: string, abort?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address, abort ? { signal: abort } : {});
  } catch (cause) {
    if (abort?.aborted) throw cause;
    throw new ApiError(cause instanceof Error ? cause.message : String(cause), 0);
  }
  if (!response.ok) throw await refusal(response);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(`the answer of ${address} is not JSON`, response.status);
  }
}

const cached = new Map<string, ReadonlySignal<Answer<unknown>>>();

/**
 * Gives the answer of an address as a signal, asking only the first time.
 * An answer that failed is asked for again the next time.
 */
export function resource<T>(address: string): ReadonlySignal<Answer<T>> {
  const known = cached.get(address);
  if (known && known.peek().state !== "failed") return known as ReadonlySignal<Answer<T>>;
  const answer = signal<Answer<T>>({ state: "loading" });
  cached.set(address, answer);
  for (const oldest of cached.keys()) {
    if (cached.size <= CACHED_ANSWERS_MAX) break;
    cached.delete(oldest);
  }
  ask<T>(address).then(
    (data) => (answer.value = { state: "ready", data }),
    (error: unknown) => (answer.value = { state: "failed", error: asApiError(error) }),
  );
  return answer;
}

/** Forgets an answer and those below its address, so that they are asked for again. */
export function forget(address: string): void {
  for (const known of cached.keys()) {
    if (known === address || known.startsWith(`${address}/`)) cached.delete(known);
  }
}

/** Gives the answer of an address as it is now, not as it was asked for earlier. */
export function freshResource<T>(address: string): ReadonlySignal<Answer<T>> {
  forget(address);
  return resource<T>(address);
}

/** Makes any thrown thing an error that a page can show. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(error instanceof Error ? error.message : String(error), 0);
}

/** The addresses of the API. */
export const addresses = {
  services: () => `${ROOT}/services`,
  operations: (serviceName: string) => `${ROOT}/operations${query({ serviceName })}`,
  traces: (parameters: Readonly<Record<string, string | number | null>>) => `${ROOT}/traces${query(parameters)}`,
  trace: (traceId: string, isRaw: boolean) => `${ROOT}/traces/${encodeURIComponent(traceId)}${query({ raw: isRaw })}`,
  span: (traceId: string, spanId: string, isRaw: boolean) =>
    `${ROOT}/traces/${encodeURIComponent(traceId)}/spans/${encodeURIComponent(spanId)}${query({ raw: isRaw })}`,
  dependencies: (endTsMs: number | null, lookbackMs: number) =>
    `${ROOT}/dependencies${query({ endTs: endTsMs, lookback: lookbackMs })}`,
  rawTrace: (traceId: string) => `/api/v2/trace/${encodeURIComponent(traceId)}`,
};
