import { describe, expect, test } from "vitest";
import type { DependencyLink } from "../../api/types";
import { layoutGraph } from "./layout";

/** Reads `a>b c>d` into links of one call each. */
function links(text: string): DependencyLink[] {
  return text.split(" ").map((pair) => {
    const [parent = "", child = ""] = pair.split(">");
    return { parent, child, callCount: 1, errorCount: 0 };
  });
}

/** The services from left to right, those of one layer together. */
function layersOf(text: string): string {
  const columns = new Map<number, string[]>();
  for (const node of layoutGraph(links(text)).nodes) columns.set(node.x, [...(columns.get(node.x) ?? []), node.name]);
  return [...columns]
    .sort((a, b) => a[0] - b[0])
    .map(([, names]) => names.sort().join(","))
    .join(" | ");
}

describe("layout", () => {
  test("callers stand left of what they call", () => {
    expect(layersOf("web>cart cart>db web>auth auth>db")).toBe("web | auth,cart | db");
  });

  test("a service stands right of its farthest caller", () => {
    expect(layersOf("a>b b>c a>c")).toBe("a | b | c");
  });

  test("a circle begins where requests come in", () => {
    expect(layersOf("web>cart web>auth cart>mail mail>web")).toBe("web | auth,cart | mail");
  });

  test("circles and calls to oneself end", () => {
    expect(layersOf("a>b b>c c>a")).toBe("a | b | c");
    expect(layersOf("a>a")).toBe("a");
  });

  test("every link is drawn", () => {
    expect(layoutGraph(links("a>b b>c c>a a>a a>c")).edges).toHaveLength(5);
  });

  test("no two services overlap", () => {
    const { nodes } = layoutGraph(links("a>b a>c a>d b>e c>e d>e a>e e>f b>f"));
    const places = new Set(nodes.map((node) => `${node.x} ${node.y}`));
    expect(places.size).toBe(nodes.length);
  });

  test("the order of the links does not matter", () => {
    const forward = links("web>cart cart>db web>auth auth>db db>web");
    expect(layoutGraph([...forward].reverse()).nodes.toSorted(byName)).toEqual(
      layoutGraph(forward).nodes.toSorted(byName),
    );
  });

  test("nothing is laid out as nothing", () => {
    expect(layoutGraph([])).toMatchObject({ nodes: [], edges: [] });
  });
});

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
