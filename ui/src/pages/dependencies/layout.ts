// Lays a graph of calls out in layers, callers left of what they call. Pure: names and counts
// in, coordinates out; the same links give the same picture whatever their order.

import type { DependencyLink } from "../../api/types";

/** The measures of the picture, in pixels. */
export const NODE_HEIGHT_PX = 34;
const LAYER_GAP_PX = 110;
const ROW_GAP_PX = 26;
/** The room that a link takes where it passes a layer of services. */
const PASSING_HEIGHT_PX = 8;
const EDGE_PX = 34;
const LANE_PX = 22;
const ARROW_PX = 7;
const BEND_PX = 12;
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
  const forward = forwardLinks(names, links);
  const depth = depths(names, forward);
  const { layers, hops, passes } = addPasses(names, depth, forward);
  order(layers, hops);
  return place(layers, links, passes);
}

type Pair = readonly [caller: string, callee: string];

/** The points where a link passes layers, by the link's key. */
type Passes = ReadonlyMap<string, readonly string[]>;

function key(caller: string, callee: string): string {
  return `${caller}\n${callee}`;
}

/**
 * The links without those that close a circle, found by walking down from the services that
 * call more than they are called: in a circle, the one where requests come in stays leftmost.
 */
function forwardLinks(names: readonly string[], links: readonly DependencyLink[]): Pair[] {
  const surplus = new Map(names.map((name) => [name, 0]));
  const callees = new Map(names.map((name) => [name, [] as string[]]));
  for (const link of links) {
    if (link.parent === link.child) continue;
    callees.get(link.parent)?.push(link.child);
    surplus.set(link.parent, (surplus.get(link.parent) ?? 0) + link.callCount);
    surplus.set(link.child, (surplus.get(link.child) ?? 0) - link.callCount);
  }
  const starts = [...names].sort((a, b) => (surplus.get(b) ?? 0) - (surplus.get(a) ?? 0) || (a < b ? -1 : 1));
  const state = new Map<string, "open" | "done">();
  const forward: Pair[] = [];
  for (const start of starts) if (!state.has(start)) walk(start, callees, state, forward);
  return forward;
}

function walk(
  start: string,
  callees: ReadonlyMap<string, string[]>,
  state: Map<string, "open" | "done">,
  forward: Pair[],
): void {
  const stack = [{ name: start, next: 0 }];
  state.set(start, "open");
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const callee = callees.get(top.name)?.sort()[top.next];
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

/** Puts every service one layer right of its farthest caller. */
function depths(names: readonly string[], forward: readonly Pair[]): Map<string, number> {
  const depth = new Map(names.map((name) => [name, 0]));
  // Without circles the longest path has fewer links than there are names, so this ends.
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const [caller, callee] of forward) {
      const wanted = (depth.get(caller) ?? 0) + 1;
      if (wanted > (depth.get(callee) ?? 0)) {
        depth.set(callee, wanted);
        isChanged = true;
      }
    }
  }
  return depth;
}

/** Fills the layers, and gives a link over several of them a place to pass in each. */
function addPasses(names: readonly string[], depth: ReadonlyMap<string, number>, forward: readonly Pair[]) {
  const layers: string[][] = [];
  for (const name of names) (layers[depth.get(name) ?? 0] ??= []).push(name);
  const hops: Pair[] = [];
  const passes = new Map<string, string[]>();
  for (const [caller, callee] of forward) {
    const between: string[] = [];
    let from = caller;
    for (let at = (depth.get(caller) ?? 0) + 1; at < (depth.get(callee) ?? 0); at += 1) {
      // No service is named so: a newline and a number after both names.
      const pass = `${key(caller, callee)}\n${at}`;
      layers[at]?.push(pass);
      hops.push([from, pass]);
      between.push(pass);
      from = pass;
    }
    hops.push([from, callee]);
    passes.set(key(caller, callee), between);
  }
  return { layers, hops, passes };
}

/** Sorts each layer by the middle of its neighbours, from the left and from the right in turn. */
function order(layers: string[][], hops: readonly Pair[]): void {
  const callers = neighbours(hops.map(([caller, callee]) => [callee, caller] as const));
  const callees = neighbours(hops);
  const position = new Map<string, number>();
  const settle = (names: readonly string[]) =>
    names.forEach((name, index) => position.set(name, index - names.length / 2));
  layers.forEach(settle);
  for (let round = 0; round < ORDER_ROUNDS; round += 1) {
    const isRightward = round % 2 === 0;
    for (const names of isRightward ? layers : [...layers].reverse()) {
      const weight = new Map(
        names.map((name) => [
          name,
          mean((isRightward ? callers : callees).get(name), position) ?? position.get(name) ?? 0,
        ]),
      );
      names.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || (a < b ? -1 : 1));
      settle(names);
    }
  }
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

function place(layers: readonly (readonly string[])[], links: readonly DependencyLink[], passes: Passes): GraphLayout {
  const isPass = new Set([...passes.values()].flat());
  const heightOf = (name: string) => (isPass.has(name) ? PASSING_HEIGHT_PX : NODE_HEIGHT_PX);
  const heights = layers.map((names) => names.reduce((sum, name) => sum + heightOf(name) + ROW_GAP_PX, -ROW_GAP_PX));
  const inner = Math.max(0, ...heights);
  const nodes = new Map<string, PlacedNode>();
  let x = EDGE_PX;
  layers.forEach((names, index) => {
    const width = Math.max(NODE_WIDTH_MIN_PX, ...names.filter((name) => !isPass.has(name)).map(nodeWidth));
    let y = EDGE_PX + (inner - (heights[index] ?? 0)) / 2;
    for (const name of names) {
      nodes.set(name, { name, x, y, width });
      y += heightOf(name) + ROW_GAP_PX;
    }
    x += width + LAYER_GAP_PX;
  });
  const bottom = EDGE_PX + inner;
  let lanes = 0;
  const edges = links.flatMap((link) => {
    const from = nodes.get(link.parent);
    const to = nodes.get(link.child);
    if (!from || !to) return [];
    if (from.x < to.x) return [forwardEdge(link, from, to, through(passes, link, nodes))];
    if (from === to) return [ownEdge(link, from)];
    lanes += 1;
    return [backEdge(link, from, to, bottom + lanes * LANE_PX)];
  });
  const height =
    bottom +
    (lanes > 0 ? (lanes + 1) * LANE_PX : EDGE_PX) +
    (edges.some((edge) => edge.link.parent === edge.link.child) ? LANE_PX : 0);
  return {
    nodes: [...nodes.values()].filter((node) => !isPass.has(node.name)),
    edges,
    width: Math.max(0, x - LAYER_GAP_PX) + EDGE_PX,
    height,
  };
}

function through(passes: Passes, link: DependencyLink, nodes: ReadonlyMap<string, PlacedNode>): PlacedNode[] {
  return (passes.get(key(link.parent, link.child)) ?? []).flatMap((name) => nodes.get(name) ?? []);
}

/** A curve from a caller to the right, level where it passes a layer. */
function forwardEdge(
  link: DependencyLink,
  from: PlacedNode,
  to: PlacedNode,
  passed: readonly PlacedNode[],
): PlacedEdge {
  const middle = NODE_HEIGHT_PX / 2;
  let x = from.x + from.width;
  let y = from.y + middle;
  let path = `M${x} ${y}`;
  const curveTo = (toX: number, toY: number) => {
    const bend = (toX - x) / 2;
    path += `C${x + bend} ${y} ${toX - bend} ${toY} ${toX} ${toY}`;
  };
  const stops = passed.map((node) => ({ x: node.x, y: node.y + PASSING_HEIGHT_PX / 2, width: node.width }));
  const first = stops[0] ?? { x: to.x - ARROW_PX, y: to.y + middle };
  // Past the middle, where lines that cross or leave one service together have parted.
  const label = { labelX: x + (first.x - x) * 0.64, labelY: y + (first.y - y) * 0.76 };
  for (const stop of stops) {
    curveTo(stop.x, stop.y);
    x = stop.x + stop.width;
    y = stop.y;
    path += `H${x}`;
  }
  curveTo(to.x - ARROW_PX, to.y + middle);
  return { link, path, ...label };
}

/** A loop under a service that calls itself. */
function ownEdge(link: DependencyLink, node: PlacedNode): PlacedEdge {
  const middle = node.x + node.width / 2;
  const top = node.y + NODE_HEIGHT_PX;
  const path = `M${middle + 16} ${top}C${middle + 22} ${top + 26} ${middle - 22} ${top + 26} ${middle - 16} ${top + ARROW_PX}`;
  return { link, path, labelX: middle + 34, labelY: top + 20 };
}

/** A call back to the left runs between the layers and in a lane of its own under the picture. */
function backEdge(link: DependencyLink, from: PlacedNode, to: PlacedNode, laneY: number): PlacedEdge {
  const middle = NODE_HEIGHT_PX / 2;
  const outX = from.x + from.width + BEND_PX;
  const inX = to.x - BEND_PX - ARROW_PX;
  const path = [
    `M${from.x + from.width} ${from.y + middle}Q${outX} ${from.y + middle} ${outX} ${from.y + middle + BEND_PX}`,
    `V${laneY - BEND_PX}Q${outX} ${laneY} ${outX - BEND_PX} ${laneY}`,
    `H${inX + BEND_PX}Q${inX} ${laneY} ${inX} ${laneY - BEND_PX}`,
    `V${to.y + middle + BEND_PX}Q${inX} ${to.y + middle} ${to.x - ARROW_PX} ${to.y + middle}`,
  ].join("");
  return { link, path, labelX: (outX + inX) / 2, labelY: laneY };
}
