import { expect, test } from "vitest";
import { serviceColors } from "./color";

test("few services never share a colour", () => {
  const names = Array.from({ length: 12 }, (_, index) => `service-${index}`);
  expect(new Set(serviceColors(names).map((color) => color.light)).size).toBe(12);
});

test("the colours do not depend on the order of the names", () => {
  const [a, b] = serviceColors(["client", "server"]);
  expect(serviceColors(["server", "client"])).toEqual([b, a]);
});
