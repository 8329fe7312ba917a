// Lays a graph of calls out in layers, callers left of what they call. Pure: names and counts
// in, coordinates out; the same links give the same picture whatever their order.

import type { DependencyLink } from "../../api/types";

/** The measures of the picture, in pixels. */
export const NODE_HEIGHT_PX = 34;
const LAYER_GAP_PX = 110;
const ROW_GAP_PX = 26;
const EDGE_PX = 28;
const NODE_WIDTH_MIN_PX = 90;
const NODE_WIDTH_MAX_PX = 220;
const CHAR_PX = 7.4;

/** Rounds of ordering; more hardly ever take another crossing away. */
const ORDER_ROUNDS = 8;

/** A placed service. */
export interface PlacedNode {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** A placed link and the path that draws it. */
export interface PlacedEdge {
  readonly link: DependencyLink;
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

/** The whole picture. */
export interface GraphLayout {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly width: number;
  readonly height: number;
}

/** Lays the links out. */
export function layoutGraph(links: readonly DependencyLink[]): GraphLayout {
  const names = [...new Set(links.flatMap((link) => [link.parent, link.child]))].sort();
  const callees = new Map(names.map((name) => [name, [] as string[]]));
  for (const link of links) if (link.parent !== link.child) callees.get(link.parent)?.push(link.child);
  for (const list of callees.values()) list.sort();
  const forward = forwardLinks(names, callees);
  const layers = order(layer(names, forward), forward);
  return place(layers, links);
}

type Pair = readonly [caller: string, callee: string];

/** The links without those that close a circle, found by walking down from the top callers. */
function forwardLinks(names: readonly string[], callees: ReadonlyMap<string, readonly string[]>): Pair[] {
  const called = new Set([...callees.values()].flat());
  const starts = [...names.filter((name) => !called.has(name)), ...names];
  const state = new Map<string, "open" | "done">();
  const forward: Pair[] = [];
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack: { name: string; next: number }[] = [{ name: start, next: 0 }];
    state.set(start, "open");
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const callee = callees.get(top.name)?.[top.next];
      top.next += 1;
      if (callee === undefined) {
        state.set(top.name, "done");
        stack.pop();
      } else if (state.get(callee) !== "open") {
        forward.push([top.name, callee]);
        if (!state.has(callee)) {
          state.set(callee, "open");
          stack.push({ name: callee, next: 0 });
        }
      }
    }
  }
  return forward;
}

/** Puts every service one layer right of its farthest caller. */
function layer(names: readonly string[], forward: readonly Pair[]): string[][] {
  const depth = new Map(names.map((name) => [name, 0]));
  // Without circles the longest path has fewer links than there are names, so this ends.
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const [caller, callee] of forward) {
      const wanted = (depth.get(caller) ?? 0) + 1;
      if (wanted > (depth.get(callee) ?? 0)) {
        depth.set(callee, wanted);
        isChanged = true;
      }
    }
  }
  const layers: string[][] = [];
  for (const name of names) (layers[depth.get(name) ?? 0] ??= []).push(name);
  return layers;
}

/** Sorts each layer by the middle of its neighbours, from the left and from the right in turn. */
function order(layers: string[][], forward: readonly Pair[]): string[][] {
  const callers = neighbours(forward.map(([caller, callee]) => [callee, caller] as const));
  const callees = neighbours(forward);
  for (let round = 0; round < ORDER_ROUNDS; round += 1) {
    const isRightward = round % 2 === 0;
    const position = new Map(layers.flatMap((names) => names.map((name, index) => [name, index / names.length] as const)));
    const beside = isRightward ? callers : callees;
    for (const names of layers) {
      const weight = new Map(names.map((name) => [name, mean(beside.get(name), position) ?? position.get(name) ?? 0]));
      names.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || (a < b ? -1 : 1));
    }
  }
  return layers;
}

function neighbours(pairs: readonly Pair[]): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [from, to] of pairs) {
    const list = found.get(from);
    if (list) list.push(to);
    else found.set(from, [to]);
  }
  return found;
}

function mean(names: readonly string[] | undefined, position: ReadonlyMap<string, number>): number | null {
  if (!names || names.length === 0) return null;
  return names.reduce((sum, name) => sum + (position.get(name) ?? 0), 0) / names.length;
}

function nodeWidth(name: string): number {
  return Math.min(NODE_WIDTH_MAX_PX, Math.max(NODE_WIDTH_MIN_PX, Math.ceil(name.length * CHAR_PX) + 28));
}

function place(layers: readonly (readonly string[])[], links: readonly DependencyLink[]): GraphLayout {
  const tallest = Math.max(1, ...layers.map((names) => names.length));
  const rowPx = NODE_HEIGHT_PX + ROW_GAP_PX;
  const height = tallest * rowPx - ROW_GAP_PX + 2 * EDGE_PX;
  const nodes: PlacedNode[] = [];
  let x = EDGE_PX;
  for (const names of layers) {
    const width = Math.max(NODE_WIDTH_MIN_PX, ...names.map(nodeWidth));
    const top = (height - (names.length * rowPx - ROW_GAP_PX)) / 2;
    names.forEach((name, index) => nodes.push({ name, x, y: top + index * rowPx, width }));
    x += width + LAYER_GAP_PX;
  }
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const edges = links.flatMap((link) => {
    const from = byName.get(link.parent);
    const to = byName.get(link.child);
    return from && to ? [drawEdge(link, from, to)] : [];
  });
  return { nodes, edges, width: Math.max(0, x - LAYER_GAP_PX) + EDGE_PX, height };
}

function drawEdge(link: DependencyLink, from: PlacedNode, to: PlacedNode): PlacedEdge {
  const startY = from.y + NODE_HEIGHT_PX / 2;
  const endY = to.y + NODE_HEIGHT_PX / 2;
  if (from.x < to.x) {
    const startX = from.x + from.width;
    const endX = to.x - 7;
    const bend = Math.max(40, (endX - startX) / 2);
    const path = `M${startX} ${startY}C${startX + bend} ${startY} ${endX - bend} ${endY} ${endX} ${endY}`;
    return { link, path, labelX: (startX + endX) / 2, labelY: (startY + endY) / 2 };
  }
  // A call back to the left, or to oneself, leaves from under its node and comes in from below.
  const startX = from.x + from.width / 2 + (from === to ? 16 : 0);
  const endX = to.x + to.width / 2 - (from === to ? 16 : 0);
  const below = Math.max(from.y, to.y) + NODE_HEIGHT_PX + ROW_GAP_PX;
  const path = `M${startX} ${from.y + NODE_HEIGHT_PX}C${startX} ${below} ${endX} ${below} ${endX} ${to.y + NODE_HEIGHT_PX + 7}`;
  return { link, path, labelX: (startX + endX) / 2, labelY: below - 8 };
}
